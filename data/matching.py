"""Two sorted spike trains paired one to one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def match_sorted(a: Sequence[float], b: Sequence[float], tolerance: float) -> np.ndarray:
    """Pair two sorted sequences one to one within a tolerance.

    Both are walked in order and the earliest free pair that is close enough is taken, which gives
    the largest possible number of pairs, since one tolerance holds for all.

    Args:
        a, b: rising numbers of one unit; lists of Python numbers are walked fastest.
        tolerance: largest difference of a pair, itself included, in the same unit.

    Returns:
        (pairs, 2) int64 indices into a and b, rising.

    >>> match_sorted([1, 5, 9], [2, 3, 9], 1).tolist()
    [[0, 0], [2, 2]]
    """
    i = j = 0
    n_a, n_b = len(a), len(b)
    left, right = [], []
    while i < n_a and j < n_b:
        lead = b[j] - a[i]
        if lead > tolerance:
            i += 1
        elif lead < -tolerance:
            j += 1
        else:
            left.append(i)
            right.append(j)
            i, j = i + 1, j + 1
    return np.array([left, right], dtype=np.int64).T
