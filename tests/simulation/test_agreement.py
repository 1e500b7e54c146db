"""The kernel's few milliseconds beside NEURON before anything is made with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from neuronio.config import EngineConfig
from neuronio.errors import NeuronIOError
from neuronio.simulation.built_cell import import_cell
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.ensemble import agreement, engine

STICK = Path(__file__).parents[1] / "cells/python/stick.py"


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A function that makes the engine of a small cell that nothing has been made with yet."""
    import_cell(f"{STICK}:make_stick", [], tmp_path / "mine.yaml")
    monkeypatch.setattr(agreement, "cache_dir", lambda: tmp_path / "cache")
    spec = load_cell(tmp_path / "mine.yaml")
    return lambda **settings: engine.EnsembleEngine(spec, EngineConfig(name="ensemble", **settings))


def test_neuron_is_asked_once_for_each_recipe(make, monkeypatch):
    asked = []
    in_neuron = agreement._in_neuron
    monkeypatch.setattr(agreement, "_in_neuron", lambda *a: asked.append(1) or in_neuron(*a))
    for precision in ("float64", "float32"):
        make(precision=precision)
    assert len(asked) == 1
    make(dt_ms=0.0125)
    assert len(asked) == 2


@pytest.mark.parametrize("wrong", ["capacitance", "to_parent"])
def test_a_kernel_that_departs_from_neuron_is_refused_each_time(make, monkeypatch, wrong):
    export = engine.export_cell

    def altered(cell):
        model = export(cell)
        return replace(model, **{wrong: getattr(model, wrong) * 1.01})

    monkeypatch.setattr(engine, "export_cell", altered)
    for _ in range(2):
        with pytest.raises(NeuronIOError, match=r"departs from NEURON by .* use engine neuron"):
            make()
