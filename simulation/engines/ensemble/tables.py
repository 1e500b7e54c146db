"""Gates as piecewise polynomials of the voltage, an option beside their exact kinetics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

PIECES, COEFFICIENTS = 32, 6
LOW_MV, PIECE_MV = -120.0, 6.0
DEFINES = (
    f"TABLE_PIECES={PIECES}",
    f"TABLE_COEFFICIENTS={COEFFICIENTS}",
    f"TABLE_LOW_MV={LOW_MV}",
    f"TABLE_PIECE_MV={PIECE_MV}",
)
LARGEST_ERROR = 1e-4
"""How far a table may move the value that a gate tends to; a gate runs from 0 to 1."""


def gate_table(
    fraction: Callable[[np.ndarray], np.ndarray], steady: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray | None:
    """The two polynomials of a gate's step x + (target - fraction x), one after the other.

    Args:
        fraction: of its distance that a gate goes in a step, by voltage (mV); steady: where to.

    Returns:
        (2, COEFFICIENTS, PIECES) of fraction and of target = fraction steady; None where they would
        be off by more than LARGEST_ERROR somewhere in the table's range.
    """

    def target(v: np.ndarray) -> np.ndarray:
        return fraction(v) * steady(v)

    table = np.stack([_pieces(fraction), _pieces(target)])
    v = LOW_MV + PIECE_MV * np.linspace(0, PIECES, 40 * PIECES + 1)[:-1]
    exact = fraction(v)
    with np.errstate(all="ignore"):
        wrong = np.abs(_value(table[0], v) - exact) + np.abs(_value(table[1], v) - target(v))
        error = np.max(wrong / exact)
    return table if error < LARGEST_ERROR else None


def _pieces(f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(COEFFICIENTS, PIECES) of each piece's place, -1 to 1, interpolated at Chebyshev points."""
    points = np.polynomial.chebyshev.chebpts1(COEFFICIENTS)
    middle = LOW_MV + PIECE_MV * (np.arange(PIECES) + 0.5)
    values = f((middle[None, :] + 0.5 * PIECE_MV * points[:, None]).ravel())
    powers = np.vander(points, COEFFICIENTS, increasing=True)
    return np.linalg.solve(powers, values.reshape(COEFFICIENTS, PIECES))


def _value(table: np.ndarray, v: np.ndarray) -> np.ndarray:
    number = (v - LOW_MV) / PIECE_MV
    piece = np.minimum(number.astype(int), PIECES - 1)
    return np.polynomial.polynomial.polyval(2 * (number - piece) - 1, table[:, piece], tensor=False)
