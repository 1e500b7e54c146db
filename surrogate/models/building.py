"""Models made from their options."""

from __future__ import annotations

import torch

from neuronio.errors import NeuronIOError
from neuronio.surrogate.families import FAMILIES, ModelOptions, refuse_too_large
from neuronio.surrogate.models.base import Surrogate


def build_model(name: str, options: ModelOptions, *, seed: int = 0) -> Surrogate:
    """A freshly initialised model; the same seed gives the same weights.

    Raises:
        NeuronIOError: there is no such model, or it would be too large for any machine.
    """
    family = FAMILIES[name]
    refuse_too_large(name, options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return family.model(options)
        except (MemoryError, RuntimeError) as error:
            if "alloc" not in f"{type(error).__name__} {error}" and type(error) is RuntimeError:
                raise
            raise NeuronIOError(
                f"there is no memory for a {name} of size {options.size}; take a smaller one"
            ) from error
