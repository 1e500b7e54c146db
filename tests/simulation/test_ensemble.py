"""The ensemble kernel against NEURON on small cells, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuronio.config import EngineConfig
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.native import VECTOR_INCLUDE, load_library
from neuronio.simulation.cell import h
from neuronio.simulation.engines.ensemble.kernel import (
    DEFINES,
    FLAGS,
    SOURCE,
    lane_count,
    make_programs,
)
from neuronio.simulation.engines.ensemble.lanes import LaneGroup
from neuronio.simulation.engines.ensemble.lowering import Slots
from neuronio.simulation.engines.ensemble.program import membrane_source
from tests.simulation.ensemble_toy import (
    CONDUCTANCE,
    export_toy,
    make_toy,
    run_in_kernel,
    run_in_neuron,
    toy_inputs,
)

# What a recording in single precision rounds, and what NEURON's derivatives over 0.001 mV differ by
# from exact ones.
FLOAT32_ROUNDING_MV = 4e-5
SETS = [
    (),
    *[(name,) for name in CONDUCTANCE],
    ("Ca_HVA", "Ca_LVAst", "CaDynamics_E2", "SK_E2"),
    ("SK_E2", "CaDynamics_E2"),
    (*CONDUCTANCE, "CaDynamics_E2"),
]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("mechanisms", SETS, ids=lambda names: "+".join(names) or "passive")
def test_every_mechanism_matches_neuron(mechanisms, order):
    toy = make_toy(mechanisms)
    inputs = toy_inputs(toy)
    expected = run_in_neuron(toy, inputs, order=order)
    assert np.ptp(expected) > 5  # the inputs move the voltage
    found = run_in_kernel(toy, inputs, order=order)
    assert np.abs(found - expected).max() < FLOAT32_ROUNDING_MV


@pytest.mark.parametrize("dt_ms", [0.0125, 0.0625, 0.125])
def test_other_time_steps_match_neuron(dt_ms):
    toy = make_toy(("K_Tst", "Ih", "Ca_LVAst", "CaDynamics_E2"))
    inputs = toy_inputs(toy)
    expected = run_in_neuron(toy, inputs, dt_ms=dt_ms)
    found = run_in_kernel(toy, inputs, dt_ms=dt_ms)
    assert np.abs(found - expected).max() < FLOAT32_ROUNDING_MV


def test_temperature_and_initial_voltage_reach_the_kernel():
    """celsius acts through the calcium reversal potential alone, v_init on every gate."""
    mechanisms = ("Ca_HVA", "Ca_LVAst", "CaDynamics_E2", "SK_E2", "Im")
    traces = []
    for celsius, v_init in ((6.3, -76), (34, -76), (34, -60)):
        toy = make_toy(mechanisms, celsius=celsius, v_init=v_init)
        inputs = toy_inputs(toy)
        traces.append(run_in_kernel(toy, inputs))
        expected = run_in_neuron(toy, inputs)
        assert np.abs(traces[-1] - expected).max() < FLOAT32_ROUNDING_MV
    assert np.abs(traces[0] - traces[1]).max() > 0.01
    assert np.abs(traces[1] - traces[2]).max() > 1


@pytest.mark.parametrize("tables", [False, True])
def test_single_precision_follows_double(tables):
    toy = make_toy((*(n for n in CONDUCTANCE if not n.startswith("Na")), "CaDynamics_E2"))
    inputs = toy_inputs(toy, duration_ms=200, events=400)
    exact = run_in_kernel(toy, inputs)
    found = run_in_kernel(toy, inputs, precision="float32", gate_tables=tables)
    difference = np.abs(found - exact)
    assert difference.max() < 0.01
    assert np.sqrt((difference**2).mean()) < 1e-3


def test_slow_synapses_decay_as_slowly_in_single_precision():
    """A factor of 0.99964 rounded to float32 would lose 5e-4 of NMDA's conductance in 400 ms."""
    toy = make_toy()
    n = len(toy.segments)
    inputs = InputEvents.from_events(n, 400, np.arange(n), np.ones(n))
    model = export_toy(toy)
    states = []
    for precision in ("float64", "float32"):
        group = LaneGroup(model, EngineConfig(name="ensemble", precision=precision))
        group.run([(0, inputs)])
        states.append(group.state[:, 0].copy())
    slow = states[0] > 1e-3 * states[0].max()
    assert slow.sum() == n
    assert states[1][slow] == pytest.approx(states[0][slow], rel=5e-5)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_trial_does_not_depend_on_its_lane_or_neighbours(precision):
    """More trials than lanes, of different lengths: lanes are refilled; nothing else changes."""
    toy = make_toy((*CONDUCTANCE, "CaDynamics_E2"))
    model = export_toy(toy)
    config = EngineConfig(name="ensemble", precision=precision)
    lengths = np.resize([5, 130, 37, 101, 60], 2 * lane_count(np.dtype(precision)) + 3)
    trials = [(i, toy_inputs(toy, int(ms), 4 * int(ms), seed=i)) for i, ms in enumerate(lengths)]
    together = LaneGroup(model, config, record_segments=True).run(trials)
    for i in (0, 1, len(trials) - 1):
        alone = LaneGroup(model, config, record_segments=True).run([trials[i]])[i]
        assert np.array_equal(alone.soma_8khz_mV, together[i].soma_8khz_mV)
        assert np.array_equal(alone.nexus_mV, together[i].nexus_mV)
        assert np.array_equal(alone.segments_mV, together[i].segments_mV)
        assert len(together[i].nexus_mV) == lengths[i]


def test_a_lane_out_of_bounds_leaves_the_others_alone():
    toy = make_toy(("NaTs2_t", "SKv3_1"))
    model = export_toy(toy)
    config = EngineConfig(name="ensemble", precision="float32")
    calm = (0, toy_inputs(toy, 120, 200))
    n = len(toy.segments)
    amounts = model.gains[0].amounts.copy()
    amounts[0] = np.nan  # excitatory synapse 0 now ruins whatever it meets
    model.gains[0] = replace(model.gains[0], amounts=amounts)
    wild = (1, InputEvents.from_events(n, 120, [0], [50]))
    quiet = (0, calm[1].without_synapses(np.array([0])))
    alone = LaneGroup(model, config).run([quiet])
    both = LaneGroup(model, config).run([quiet, wild, (2, quiet[1])])
    assert alone[0].failed_ms is None
    assert both[1].failed_ms == 50
    for i in (0, 2):
        assert np.array_equal(both[i].soma_8khz_mV, alone[0].soma_8khz_mV)


def test_a_step_with_one_lane_needs_no_library(tmp_path):
    """The form a GPU thread would run: plain numbers for lanes, linked against nothing at all."""
    model = export_toy(make_toy((*CONDUCTANCE, "CaDynamics_E2")))
    source = Path(__file__).with_name("one_lane_kernel.cpp")
    alone = ("-nostdlib", "-Wl,--no-undefined")
    for precision, real in (("float32", "float"), ("float64", "double")):
        text = membrane_source(make_programs(model, Slots(tables=True), precision, 0.025, 2))
        (tmp_path / precision).mkdir()
        (tmp_path / precision / "membrane.h").write_text(text)
        library = load_library(
            "one_lane",
            [source],
            flags=(*FLAGS, *alone),
            defines=(*DEFINES, f"LANE_REAL={real}"),
            include=(SOURCE, VECTOR_INCLUDE, tmp_path / precision),
        )
        assert library.one_step


def test_an_unknown_mechanism_is_named():
    toy = make_toy()
    toy.sections[1].insert("extracellular")
    with pytest.raises(NeuronIOError, match="mechanism extracellular, of which"):
        export_toy(toy)


def test_an_unknown_point_process_is_named():
    toy = make_toy()
    clamp = h.IClamp(toy.soma(0.5))
    with pytest.raises(NeuronIOError, match="IClamp"):
        export_toy(toy)
    del clamp


def test_synapses_may_differ_among_segments():
    toy = make_toy()
    inputs = toy_inputs(toy)
    before = run_in_kernel(toy, inputs)
    for i, point in enumerate(toy.synapses[0].points):
        point.tau2, point.e = 2 + 0.5 * i, -10.0 * i
    found = run_in_kernel(toy, inputs)
    assert np.abs(found - run_in_neuron(toy, inputs)).max() < FLOAT32_ROUNDING_MV
    assert np.abs(found - before).max() > 1


def test_sections_joined_by_their_far_end_are_refused():
    toy = make_toy()
    reversed_end = h.Section("reversed_end")
    reversed_end.insert("pas")
    reversed_end.connect(toy.soma(0.5), 1)
    toy.sections.append(reversed_end)
    with pytest.raises(NeuronIOError, match="1 end"):
        export_toy(toy)


def test_two_trees_are_refused():
    toy = make_toy()
    toy.sections.append(h.Section("alone"))
    with pytest.raises(NeuronIOError, match="2 trees"):
        export_toy(toy)
