"""Some of the samples that there are."""

from __future__ import annotations

import numpy as np

from neuronio.data.sequences import SPLITS


def drawn_samples(there: int, wanted: int, seed: int, split: str) -> np.ndarray:
    """Which samples of a split are taken, (there,) bool.

    Drawn, since files may be in the order of their classes. The same seed takes those again where
    more are wanted.
    """
    order = np.random.default_rng([seed, SPLITS.index(split)]).permutation(there)
    taken = np.zeros(there, bool)
    taken[order[:wanted]] = True
    return taken
