"""Every surrogate by name.

A model takes an `EventBatch` and returns the spike logit and the soma voltage in target units,
((clip(V, max=-55) + 67.7) / 10), each (B, T).
"""

import torch
from torch import nn

from neuronio.surrogate.models.elm import Elm
from neuronio.surrogate.models.lif import LeakyIntegrateAndFire
from neuronio.surrogate.models.linear import LinearNonlinear
from neuronio.surrogate.models.recurrent import Gru, Lstm
from neuronio.surrogate.models.tcn import ResidualTcn, Tcn
from neuronio.surrogate.options import ModelOptions, options_class

__all__ = ["CLASSES", "build_model"]

CLASSES: dict[str, type[nn.Module]] = {
    "elm": Elm,
    "branch_elm": Elm,
    "branch_elm_v2": Elm,
    "tcn": Tcn,
    "tcn_residual": ResidualTcn,
    "lstm": Lstm,
    "gru": Gru,
    "lif": LeakyIntegrateAndFire,
    "linear": LinearNonlinear,
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
