"""Models of one number of parameters."""

from __future__ import annotations

from collections.abc import Callable

from neuronio.errors import NeuronIOError

MOST = 1 << 16


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
