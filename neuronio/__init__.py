"""From a biophysical neuron to its surrogate: simulate it, fit networks to it, judge them.

The names below are the public interface; everything else may change. Nothing heavy is imported
before it is used: neither NEURON nor torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuronio.config import load_config
    from neuronio.data.fetch import fetch
    from neuronio.data.shard import Shard
    from neuronio.data.trial import InputEvents, Recording
    from neuronio.errors import NeuronIOError
    from neuronio.simulation.cell_spec import load_cell
    from neuronio.simulation.single_trial import draw_inputs as make_inputs
    from neuronio.simulation.single_trial import simulate
    from neuronio.surrogate.api import compare_fits, count, evaluate, fit, predict
    from neuronio.surrogate.load import load_model
    from neuronio.surrogate.store import open_dataset

__all__ = [
    "InputEvents",
    "NeuronIOError",
    "Recording",
    "Shard",
    "compare_fits",
    "count",
    "evaluate",
    "fetch",
    "fit",
    "load_cell",
    "load_config",
    "load_model",
    "make_inputs",
    "open_dataset",
    "predict",
    "simulate",
]

_WHERE = {
    "InputEvents": "data.trial:InputEvents",
    "NeuronIOError": "errors:NeuronIOError",
    "Recording": "data.trial:Recording",
    "Shard": "data.shard:Shard",
    "compare_fits": "surrogate.api:compare_fits",
    "count": "surrogate.api:count",
    "evaluate": "surrogate.api:evaluate",
    "fetch": "data.fetch:fetch",
    "fit": "surrogate.api:fit",
    "load_cell": "simulation.cell_spec:load_cell",
    "load_config": "config:load_config",
    "load_model": "surrogate.load:load_model",
    "make_inputs": "simulation.single_trial:draw_inputs",
    "open_dataset": "surrogate.store:open_dataset",
    "predict": "surrogate.api:predict",
    "simulate": "simulation.single_trial:simulate",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("neuronio")
    if name not in _WHERE:
        raise AttributeError(f"module 'neuronio' has no attribute '{name}'")
    module, _, inside = _WHERE[name].partition(":")
    found = globals()[name] = getattr(import_module(f"neuronio.{module}"), inside)
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
