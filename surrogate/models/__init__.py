"""Every surrogate by name.

A model takes an `EventBatch` and returns the spike logit and the soma voltage in target units,
((clip(V, max=-55) + 67.7) / 10), each (B, T).
"""

import torch
from torch import nn

from surrogate.models.elm import Elm
from surrogate.models.tcn import Tcn
from surrogate.options import ModelOptions, options_class

__all__ = ["CLASSES", "build_model"]

CLASSES: dict[str, type[nn.Module]] = {
    "elm": Elm,
    "branch_elm": Elm,
    "branch_elm_v2": Elm,
    "tcn": Tcn,
}


def build_model(name: str, options: ModelOptions, *, seed: int = 0) -> nn.Module:
    """A freshly initialised model; the same seed gives the same weights.

    Raises:
        NeuronIOError: there is no such model.
    """
    options_class(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLASSES[name](options)
