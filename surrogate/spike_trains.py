"""How well the spikes that a model calls agree with the true ones, for any weighting of trials."""

from __future__ import annotations

import numpy as np

from neuronio.surrogate.matching import TOLERANCES_MS, SpikeList, matched_per_trial
from neuronio.surrogate.measure import Measure
from neuronio.surrogate.spike_distance import VAN_ROSSUM_MS, van_rossum_squared

F1_NAMES = {f"spike_f1_{tolerance}ms": tolerance for tolerance in TOLERANCES_MS}
VAN_ROSSUM = f"van_rossum_{VAN_ROSSUM_MS:g}ms"
RATE_NAMES = ("rate_mae_hz", "rate_bias_hz", "rate_mae_relative", "rate_bias_relative")
NAMES = (*F1_NAMES, VAN_ROSSUM, *RATE_NAMES)


def spike_trains(true: SpikeList, called: SpikeList | None, duration_ms: int) -> Measure:
    """Spike F1, van Rossum distance and rate errors of called spikes; undefined where none can be.

    F1 is 2 matched / (true + called). The distance is the root of its square summed over trials,
    over that of calling nothing: 0 for equal trains, 1 for silence. `rate_mae` is the mean over
    trials of the absolute error of a trial's rate, `rate_bias` of the error (called less true),
    both in Hz and relative to the mean true rate. All but Hz are undefined without a true spike.

    Args:
        true, called: spikes of the same trials, of `duration_ms` each.
    """
    if called is None:
        return Measure(dict.fromkeys(NAMES))
    sums = _sums(true, called)

    def weighted(weight: np.ndarray) -> dict[str, np.ndarray]:
        total = {name: weight @ per_trial for name, per_trial in sums.items()}
        seconds = weight.sum(axis=1) * duration_ms / 1000
        with np.errstate(invalid="ignore", divide="ignore"):
            return _ratios(total, seconds)

    return Measure.of_sums(weighted, true.n_trials)


def _sums(true: SpikeList, called: SpikeList) -> dict[str, np.ndarray]:
    """What all scores follow from, each (trials,)."""
    n_true, n_called = true.per_trial(), called.per_trial()
    silence = SpikeList(true.trial[:0], true.bin_ms[:0], true.n_trials)
    return {
        "true": n_true,
        "called": n_called,
        "off": np.abs(n_called - n_true),
        "distance": van_rossum_squared(true, called),
        "silence": van_rossum_squared(true, silence),
        **{name: matched_per_trial(true, called, within) for name, within in F1_NAMES.items()},
    }


def _ratios(total: dict[str, np.ndarray], seconds: np.ndarray) -> dict[str, np.ndarray]:
    n_true, n_called, off = total["true"], total["called"], total["off"]
    scores = {name: 2 * total[name] / (n_true + n_called) for name in F1_NAMES}
    scores[VAN_ROSSUM] = np.sqrt(total["distance"] / total["silence"])
    scores["rate_mae_relative"] = off / n_true
    scores["rate_bias_relative"] = (n_called - n_true) / n_true
    defined = {name: np.where(n_true > 0, values, np.nan) for name, values in scores.items()}
    hz = {"rate_mae_hz": off / seconds, "rate_bias_hz": (n_called - n_true) / seconds}
    return {name: (defined | hz)[name] for name in NAMES}
