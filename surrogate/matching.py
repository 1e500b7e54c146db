"""Spike trains read off a spike probability, and matched one to one with the true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from neuronio.data.matching import match_sorted

TOLERANCES_MS = (0, 1, 2, 5)
THRESHOLD_TOLERANCE_MS = 2
REFRACTORY_MS = 2


@dataclass(frozen=True)
class SpikeList:
    """Spikes of several trials, sorted by (trial, bin).

    Attributes:
        trial: (spikes,) int, the trial of each spike.
        bin_ms: (spikes,) int, its bin.
        n_trials: number of trials, with and without spikes.
    """

    trial: np.ndarray
    bin_ms: np.ndarray
    n_trials: int

    def per_trial(self) -> np.ndarray:
        """(n_trials,) number of spikes."""
        return np.bincount(self.trial, minlength=self.n_trials)


def spike_list(spikes: np.ndarray) -> SpikeList:
    """The spikes of a boolean array (trials, ms)."""
    trial, bin_ms = np.nonzero(spikes)
    return SpikeList(trial, bin_ms, len(spikes))


def candidate_spikes(logit: np.ndarray) -> tuple[SpikeList, np.ndarray]:
    """Bins where a spike may be called: the largest logit within 2 ms on either side.

    A model says when a spike is likely, and is often in doubt by a ms or two: one peak is one
    spike, however wide. Of equal neighbours the first one counts.

    Args:
        logit: (trials, ms).

    Returns:
        The candidates, and their logits.
    """
    peak = logit == maximum_filter1d(logit, 2 * REFRACTORY_MS + 1, axis=1, mode="nearest")
    for lag in range(1, REFRACTORY_MS + 1):
        peak[:, lag:] &= logit[:, lag:] > logit[:, :-lag]
    found = spike_list(peak)
    return found, logit[found.trial, found.bin_ms]


def matched_per_trial(true: SpikeList, called: SpikeList, tolerance_ms: int) -> np.ndarray:
    """(n_trials,) number of true spikes that have a called spike of their own within a tolerance.

    The matching is the largest there is (`match_sorted`).
    """
    span = 1 + tolerance_ms + int(max(true.bin_ms.max(initial=0), called.bin_ms.max(initial=0)))
    a, b = ((spikes.trial * span + spikes.bin_ms).tolist() for spikes in (true, called))
    matched = match_sorted(a, b, tolerance_ms)[:, 0]
    return np.bincount(true.trial[matched], minlength=true.n_trials)


def called_spikes(logit: np.ndarray, threshold: float) -> SpikeList:
    """The spikes a model calls: candidates whose logit reaches the threshold."""
    found, score = candidate_spikes(logit)
    keep = score >= threshold
    return SpikeList(found.trial[keep], found.bin_ms[keep], found.n_trials)


def best_threshold(spikes: np.ndarray, logit: np.ndarray, n_thresholds: int = 48) -> float | None:
    """The logit threshold with the largest F1 within 2 ms; None where there are no spikes.

    Tried are the thresholds that call between a tenth and ten times the true number of spikes,
    spaced evenly in the logarithm of that number.

    Args:
        spikes: (trials, ms) bool, the truth.
        logit: (trials, ms), the model's.
    """
    true = spike_list(spikes)
    found, score = candidate_spikes(logit)
    if not len(true.bin_ms) or not len(score):
        return None
    wanted = np.geomspace(len(true.bin_ms) / 10, len(true.bin_ms) * 10, n_thresholds)
    rank = np.unique(np.clip(wanted.astype(int), 1, len(score)))
    best, best_f1 = None, -1.0
    for threshold in np.sort(score)[::-1][rank - 1]:
        keep = score >= threshold
        called = SpikeList(found.trial[keep], found.bin_ms[keep], found.n_trials)
        matched = matched_per_trial(true, called, THRESHOLD_TOLERANCE_MS).sum()
        f1 = 2 * matched / (len(true.bin_ms) + len(called.bin_ms))
        if f1 > best_f1:
            best, best_f1 = float(threshold), f1
    return best
