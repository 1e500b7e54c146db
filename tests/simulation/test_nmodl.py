"""MOD files of every kind that is translated, in the kernel and in NEURON; and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import h
from neuronio.simulation.engines.ensemble.equations import Instance, node_equations
from neuronio.simulation.mechanisms import load_mechanisms
from neuronio.simulation.nmodl.mechanism import read_mechanism
from neuronio.simulation.synapses import SynapseGroup
from tests.simulation.ensemble_toy import (
    make_toy,
    run_in_kernel,
    run_in_neuron,
    toy_inputs,
)

MODS = Path(__file__).with_name("mods")
FLOAT32_ROUNDING_MV = 4e-5
DENSITY = ["TKin", "TLeak", "TGhk+TPool", "TBk+TGhk+TPool", "TBk"]
POINTS = ["TStp", "TNmda", "TCount"]


@pytest.fixture(scope="module", autouse=True)
def files() -> dict[str, Path]:
    """The test mechanisms by name, known to this process's NEURON."""
    return load_mechanisms(sorted(MODS.glob("*.mod")))


def toy_with(names: str, files: dict[str, Path]):
    toy = make_toy(tuple(names.split("+")))
    toy.mechanism_files.update(files)
    return toy


def assert_same(toy, **settings) -> None:
    inputs = toy_inputs(toy, duration_ms=80, events=500)
    expected = run_in_neuron(toy, inputs, **settings)
    found = run_in_kernel(toy, inputs, **settings)
    assert np.ptp(expected) > 5
    assert np.abs(found - expected).max() < FLOAT32_ROUNDING_MV


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("names", DENSITY)
def test_channels_and_pools_match_neuron(names, order, files):
    assert_same(toy_with(names, files), order=order)


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("pool", ["", "+TPool"])
def test_synapses_match_neuron(name, pool, files):
    toy = toy_with(f"TGhk{pool}", files)
    points = [getattr(h, name)(segment) for segment in toy.segments]
    for i, point in enumerate(points):
        point.tau = 2 + 0.1 * i
    toy.synapses.append(SynapseGroup("extra", True, 1e-3, points))
    assert_same(toy)


def test_single_precision_follows_double(files):
    toy = toy_with("TBk+TGhk+TPool", files)
    inputs = toy_inputs(toy, duration_ms=80)
    difference = run_in_kernel(toy, inputs) - run_in_kernel(toy, inputs, precision="float32")
    assert np.abs(difference).max() < 0.01


REFUSED = {
    "VERBATIM": ("PROCEDURE p() {\nVERBATIM\n  x = 1;\nENDVERBATIM\n}", "holds C code", 9),
    "POINTER": ("NEURON { POINTER other }", "follows a pointer", 8),
    "t": ("DERIVATIVE states {\n m' = exp(t) - m\n}", "depend on time", 9),
    "WATCH": ("NET_RECEIVE(w) {\n WATCH (v > 0) 2\n}", "watches a threshold", 9),
    "sin(": ("DERIVATIVE states { m' = sin(v) - m }", "not known", 8),
    "unknown(": ("DERIVATIVE states { m' = unknown(v) - m }", "not known", 8),
    "n": ("DERIVATIVE states { m' = n - m }", "is not declared", 8),
    "w[x]": ("DERIVATIVE states { m' = w[x] - m }", "index that is not a constant", 8),
    "WHILE": ("DERIVATIVE states {\n WHILE (v > 3) { x = 1 }\n m' = -m }", "is a While", 9),
}


REMEMBERED = {
    "latch": "BREAKPOINT { SOLVE states METHOD cnexp if (v > -45) { x = 1 } i = x * m * v }",
    "read before it is set": "BREAKPOINT { SOLVE states METHOD cnexp i = x * m * v x = v }",
    "of a parameter": "BREAKPOINT { SOLVE states METHOD cnexp if (v > 0) { p = 2 } i = p * m * v }",
    "in a solved block": "BREAKPOINT { SOLVE states METHOD cnexp i = m * v }",
}


@pytest.mark.parametrize("kind", REMEMBERED)
def test_what_is_remembered_without_a_state_is_refused(kind, tmp_path):
    rate = "if (v > 0) { x = 1 } m' = x - m" if kind == "in a solved block" else "m' = -m"
    path = tmp_path / "odd.mod"
    path.write_text(
        "NEURON { SUFFIX odd NONSPECIFIC_CURRENT i RANGE x, p }\nPARAMETER { p = 1 }\n"
        "ASSIGNED { v i x }\nSTATE { m }\n"
        f"{REMEMBERED[kind]}\nDERIVATIVE states {{ {rate} }}\n"
    )
    with pytest.raises(NeuronIOError, match="is kept from one step to the next without a STATE"):
        node_equations([Instance(read_mechanism(path), "odd")])


def test_a_parameter_that_events_change_is_refused(tmp_path):
    path = tmp_path / "odd.mod"
    path.write_text(
        "NEURON { POINT_PROCESS Odd NONSPECIFIC_CURRENT i RANGE p }\nPARAMETER { p = 1 }\n"
        "ASSIGNED { v i }\nSTATE { g }\nBREAKPOINT { SOLVE s METHOD cnexp i = g * v }\n"
        "DERIVATIVE s { g' = -g }\nNET_RECEIVE(w) { p = p + 1 g = g + w * p }\n"
    )
    with pytest.raises(NeuronIOError, match="p is kept from one event to the next"):
        node_equations([Instance(read_mechanism(path), "odd")])


@pytest.mark.parametrize("construct", REFUSED)
def test_what_cannot_be_translated_is_named(construct, tmp_path):
    """One sentence with the file, its line and the construct."""
    text, why, line = REFUSED[construct]
    path = tmp_path / "odd.mod"
    path.write_text(
        "COMMENT\nVERBATIM POINTER WHILE (v > 3)\nENDCOMMENT\n"
        "NEURON { SUFFIX odd NONSPECIFIC_CURRENT i RANGE x }\n"
        "ASSIGNED { v i x w[2] }\nSTATE { m }\n"
        f"BREAKPOINT {{ SOLVE states METHOD cnexp i = m * v }}\n{text}\n"
    )
    with pytest.raises(NeuronIOError) as error:
        node_equations([Instance(read_mechanism(path), "odd")])
    assert re.match(rf"odd\.mod:{line}: .*{re.escape(construct)}.*{why}", str(error.value))
    assert "engine neuron" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_file_that_is_no_nmodl_is_named(tmp_path):
    path = tmp_path / "odd.mod"
    path.write_text("NEURON { SUFFIX odd }\nBREAKPOINT { i = }\n")
    with pytest.raises(NeuronIOError, match=r"odd\.mod:2: this is not NMODL"):
        read_mechanism(path)
