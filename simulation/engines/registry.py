"""Engines by name; each is imported when it is asked for, since NEURON takes long to load."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from neuronio.config import EngineConfig
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.base import Engine

ENGINES = {
    "neuron": ("neuronio.simulation.engines.neuron", "NeuronEngine"),
    "ensemble": ("neuronio.simulation.engines.ensemble", "EnsembleEngine"),
}


def make_engine(spec: CellSpec, settings: EngineConfig, **options: Any) -> Engine:
    """The engine that the settings name, with the cell built.

    Args:
        spec: the cell model, as from `load_cell`.
        settings: the engine's name, dt (ms), order, precision, ...
        **options: t0_artefact, record_soma_8khz, record_segments and trial_limit_s (s), as in
            `Engine`.

    Raises:
        NeuronIOError: the cell cannot be built, or holds what the engine does not know.
    """
    module, name = ENGINES[settings.name]
    return getattr(import_module(module), name)(spec, settings, **options)
