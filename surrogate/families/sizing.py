"""Models of one number of parameters, and models that are too large."""

from __future__ import annotations

from collections.abc import Callable

from neuronio.errors import NeuronIOError
from neuronio.surrogate.families.base import ModelOptions
from neuronio.surrogate.families.registry import FAMILIES, Family, option_values

MOST = 1 << 16
LARGE, MOST_PARAMETERS = 2000, 10**9


def nearest_size(name: str, count: Callable[[int], int], parameters: int) -> int:
    """The size at which a family has most nearly so many parameters; the smaller of two as near.

    Args:
        name: of the family.
        count: its parameters at a size, with which they grow.

    Raises:
        NeuronIOError: the smallest model has more than twice as many.
    """
    if (least := count(1)) > 2 * parameters:
        raise NeuronIOError(
            f"the smallest {name} has {least:,} parameters, but {parameters:,} are wanted; ask for "
            "more"
        )
    low, high = 1, 2
    while high < MOST and count(high) < parameters:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    return min((low, high), key=lambda size: abs(count(size) - parameters))


def refuse_too_large(name: str, options: ModelOptions) -> None:
    """Refuse a model that no machine would hold.

    Raises:
        NeuronIOError: it is one.
    """
    values = [value for key, value in option_values(options).items() if key != "inputs"]
    numbers = [n for value in values for n in (value if isinstance(value, list) else [value])]
    # Counting takes a while.
    if not any(isinstance(number, int) and number > LARGE for number in numbers):
        return
    if (count := _parameters(FAMILIES[name], options)) > MOST_PARAMETERS:
        raise NeuronIOError(
            f"a {name} of size {options.size} has {count:.3g} parameters, but at most "
            f"{MOST_PARAMETERS:.0e} are built; take a smaller one"
        )


def _parameters(family: Family, options: ModelOptions) -> int:
    """How many parameters a model has, without memory for them; 0 where that cannot be told."""
    import torch

    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            return sum(p.numel() for p in family.model(options).parameters())
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return 0  # it computes with its weights while it is made
