"""Cells that a user's NEURON code builds: imported, run by both engines, or refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuronio.errors import NeuronIOError
from neuronio.simulation.built_cell import import_cell
from neuronio.simulation.cell import build_cell
from neuronio.simulation.cell_conductances import conductances_nS
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.figures_cell import plot_cell
from tests.simulation.both_engines import soma_in_both

CELLS = Path(__file__).parents[1] / "cells"
CODES = {
    "hoc/ball.hoc:Ball": {"soma": 1, "basal": 2},
    "python/stick.py:make_stick": {"soma": 1, "axon": 1, "apical": 3, "basal": 1},
}


@pytest.mark.parametrize("code", CODES)
def test_a_built_cell_is_imported_and_run_by_both_engines(code, tmp_path, random_inputs):
    out = tmp_path / "mine.yaml"
    assert import_cell(str(CELLS / code), [], out) == (CODES[code], [])
    spec = load_cell(out)
    built = build_cell(spec)
    facts, conductances = built.facts(), conductances_nS(built)
    assert conductances.keys() == CODES[code].keys()
    assert conductances["basal"]["g_pas"] > 0
    sodium = 10 * 0.12 * sum(segment.area() for segment in built.soma)
    assert conductances["soma"]["gnabar"] == pytest.approx(sodium)
    assert {name: region["sections"] for name, region in facts["regions"].items()} == CODES[code]
    runs = soma_in_both(spec, lambda segments: random_inputs(len(segments), 60, 0.01))
    assert np.ptp(runs[0]) > 1
    assert np.abs(runs[0] - runs[1]).max() < 1e-3


def test_the_code_is_part_of_the_digest(tmp_path):
    source = (CELLS / "python" / "stick.py").read_text()
    digests = []
    for text in (source, source.replace("300, 3", "310, 3"), source + "\n# a comment\n"):
        folder = tmp_path / str(len(digests))
        folder.mkdir()
        (folder / "mine.py").write_text(text)
        out = folder / "mine.yaml"
        out.write_text(
            "built_by: mine.py:make_stick\ncelsius_degC: 16\nv_init_mV: -70\nname: mine\n"
            "synapses: {}\n"
        )
        digests.append(load_cell(out).digest())
    assert digests[0] == digests[2]
    assert digests[0] != digests[1]


def test_a_section_that_nothing_tells_of_is_written_down_and_may_be_changed(tmp_path):
    path, out = tmp_path / "mine.py", tmp_path / "mine.yaml"
    path.write_text(
        "from neuron import h\n\n\ndef f():\n    soma = h.Section('soma')\n"
        "    made = [h.Section(f'twig[{i}]') for i in range(2)]\n"
        "    [s.connect(soma) for s in made]\n    return [soma, *made]\n"
    )
    assert import_cell(f"{path}:f", [], out) == ({"soma": 1, "basal": 2}, ["twig"])
    text = out.read_text()
    assert len(build_cell(load_cell(out)).basal) == 2
    out.write_text(text.replace("twig: basal", "twig: apical"))
    assert len(build_cell(load_cell(out)).apical) == 2
    out.write_text(text.replace("twig: basal", "twig: tuft"))
    with pytest.raises(NeuronIOError, match="section_regions names tuft; take soma, axon"):
        load_cell(out)
    out.write_text(text.replace("section_regions:\n  twig: basal\n", ""))
    with pytest.raises(NeuronIOError, match=r"region of twig\[0\].*section_regions"):
        build_cell(load_cell(out))


def test_what_is_no_code_is_refused_and_a_cell_without_points_is_drawn(tmp_path):
    with pytest.raises(NeuronIOError, match=r"not of the form FILE\.py:function"):
        import_cell("stick.py", [], tmp_path / "mine.yaml")
    import_cell(str(CELLS / "python/stick.py:make_stick"), [], tmp_path / "mine.yaml")
    plot_cell(build_cell(load_cell(tmp_path / "mine.yaml")), tmp_path / "stick.png")
    assert (tmp_path / "stick.png").stat().st_size > 5000


WRONG = {
    "def f(): raise KeyError('x')": "KeyError",
    "def f(): return None": "made no sections",
    "from neuron import h\ndef f():\n return [h.Section('soma')]": "without a dendrite",
    "from neuron import h\ndef f(): return list(map(h.Section, ('soma', 'dend')))": "connected",
    "from math import pi, sin\ndef g(): pass": r"mine\.py has no function f; it has g$",
    "f = 5": r"mine\.py has no function f$",
    "import nothing_of_this_name": "ModuleNotFoundError",
}


@pytest.mark.parametrize("text", WRONG)
def test_code_that_builds_no_cell_is_one_sentence(text, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(NeuronIOError, match=WRONG[text]) as error:
        import_cell(f"{path}:f", [], tmp_path / "mine.yaml")
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "mine.yaml").exists()
