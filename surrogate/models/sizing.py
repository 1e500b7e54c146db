"""Models of one number of parameters."""

from __future__ import annotations

from collections.abc import Callable

from neuronio.errors import NeuronIOError
from neuronio.surrogate.models.base import ModelOptions
from neuronio.surrogate.models.registry import build_model

MOST = 1 << 16


def nearest_size(name: str, options_of: Callable[[int], ModelOptions], parameters: int) -> int:
    """The size at which a family has most nearly so many parameters; the smaller of two as near.

    Args:
        name: of the family, whose parameters grow with its size.
        options_of: its options at a size.

    Raises:
        NeuronIOError: the smallest model has more than twice as many.
    """

    def count(size: int) -> int:
        return build_model(name, options_of(size)).count_parameters()

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
