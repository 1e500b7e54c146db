"""The distance between spike trains of van Rossum (2001, Neural Computation 13:751)."""

from __future__ import annotations

import numpy as np

from neuronio.surrogate.matching import SpikeList

VAN_ROSSUM_MS = 10.0


def van_rossum_squared(a: SpikeList, b: SpikeList, tau_ms: float = VAN_ROSSUM_MS) -> np.ndarray:
    """Squared distance of the two trains of each trial, (n_trials,).

    Every spike becomes a step up that decays with `tau_ms`; the distance is the integral of the
    squared difference of the two traces, to infinity, over tau (equation 2.2). One spike that the
    other train lacks is 1/2, two spikes dt apart are 1 - exp(-dt / tau).

    With marks s = 1 for spikes of a and -1 for those of b the integral is exactly the sum of
    s_i s_j exp(-|t_i - t_j| / tau) / 2 over all pairs; one walk in the order of time adds it up.
    """
    trial = np.concatenate([a.trial, b.trial])
    bin_ms = np.concatenate([a.bin_ms, b.bin_ms])
    mark = np.repeat([1.0, -1.0], [len(a.trial), len(b.trial)])
    order = np.lexsort((bin_ms, trial))
    trial, bin_ms, mark = trial[order], bin_ms[order], mark[order]
    kept = np.exp(-np.diff(bin_ms) / tau_ms) * (np.diff(trial) == 0)
    before = _trace_before(mark.tolist(), [0.0, *kept.tolist()])
    squared = np.bincount(trial, mark * (before + mark / 2), minlength=a.n_trials)
    return np.maximum(squared, 0.0)  # rounding may leave equal trains 1e-16 below


def _trace_before(marks: list[float], kept: list[float]) -> np.ndarray:
    """What earlier spikes have left at each spike; `kept` is what decay leaves since the last."""
    level, out = 0.0, []
    for mark, share in zip(marks, kept, strict=False):
        level *= share
        out.append(level)
        level += mark
    return np.array(out)
