"""How well predictions agree with the truth, with bootstrap intervals over trials.

Every score is a function of sums over trials, so that a bootstrap resample is a weighting of
trials and all resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from neuronio.surrogate.bootstrap import Interval, Resamples
from neuronio.surrogate.matching import TOLERANCES_MS, called_spikes, matched_per_trial, spike_list

FALSE_POSITIVE_RATES = (0.0025, 0.01)
MAX_SCORE_BINS = 2048


@dataclass(frozen=True)
class Predictions:
    """A model's output beside the truth, each (trials, ms), over the scored bins only.

    Attributes:
        spikes: bool, true output spikes.
        logit: float32, predicted log odds of a spike.
        soma_mV: float32, true soma voltage, clipped as in training.
        predicted_mV: float32, predicted soma voltage.
    """

    spikes: np.ndarray
    logit: np.ndarray
    soma_mV: np.ndarray
    predicted_mV: np.ndarray

    def select(self, trials: Sequence[int], from_ms: int = 0) -> Predictions:
        """Some of the trials, without their start."""
        rows, bins = list(trials), slice(from_ms, None)
        return Predictions(*(array[rows, bins] for array in vars(self).values()))


Scores = dict[str, dict[str, float | None]]


def score(predictions: Predictions, threshold: float | None, resamples: Resamples) -> Scores:
    """All scores: name -> value, low, high; None where undefined (as without any spike).

    `auc`, `average_precision`, `tp_at_fp_0.0025`, `tp_at_fp_0.01` judge the spike probability of
    every ms; `spike_f1_Nms` the spikes called at the logit `threshold`, matched within N ms;
    `soma_*` the voltage (explained variance as a fraction).
    """
    return {
        **_detection(predictions, resamples),
        **_spike_f1(predictions, threshold, resamples),
        **_soma(predictions, resamples),
    }


def point_scores(predictions: Predictions) -> dict[str, float | None]:
    """AUC, average precision, and the soma scores, without intervals: for a training record."""
    return {**_detection_points(predictions), **_soma_points(predictions)}


def legacy_scores(
    whole: Predictions, files: Sequence[int] | np.ndarray, kept: Sequence[int], ignore_ms: int
) -> dict[str, float | None]:
    """Scores exactly as published, for comparison with published figures only.

    The predicted soma trace of each file gets the true mean and sd over all of the file's trials
    and ms; only then are trials and the start left out. That repairs offset and gain with
    knowledge of the test set, so these flatter the model. True positives are those of the first
    point of the curve at the false positive rate nearest to the one named.

    Args:
        whole: every trial from its first ms.
        files: (trials,) number of the file that each trial is from.
        kept: the trials that are scored; ignore_ms: their start that is not.
    """
    rescaled = whole.predicted_mV.astype(np.float64)
    for file in np.unique(files):
        rows = np.flatnonzero(np.asarray(files) == file)
        predicted, true = rescaled[rows], whole.soma_mV[rows].astype(np.float64)
        spread = predicted.std() or np.nan
        rescaled[rows] = (predicted - predicted.mean()) / spread * true.std() + true.mean()
    seen = Predictions(whole.spikes, whole.logit, whole.soma_mV, rescaled)
    seen = seen.select(kept, ignore_ms)
    scores = _soma_points(seen)
    truth = seen.spikes.ravel()
    if truth.any() and not truth.all():
        false, true, _ = roc_curve(truth, seen.logit.ravel())
        for rate in FALSE_POSITIVE_RATES:
            scores[f"tp_at_fp_{rate}"] = float(true[np.abs(false - rate).argmin()])
    return scores


def _detection_points(p: Predictions) -> dict[str, float | None]:
    names = ["auc", "average_precision", *(f"tp_at_fp_{rate}" for rate in FALSE_POSITIVE_RATES)]
    truth, logit = p.spikes.ravel(), p.logit.ravel()
    if truth.all() or not truth.any():
        return dict.fromkeys(names)
    false, true, _ = roc_curve(truth, logit)
    at = [true[np.searchsorted(false, rate, side="right") - 1] for rate in FALSE_POSITIVE_RATES]
    values = [roc_auc_score(truth, logit), average_precision_score(truth, logit), *at]
    return dict(zip(names, map(float, values), strict=True))


def _detection(p: Predictions, resamples: Resamples) -> Scores:
    points = _detection_points(p)
    if points["auc"] is None:
        return _entries(points, {})
    return _entries(points, resamples.intervals(lambda weight: resampled_curves(p, weight)))


def _entries(points: dict[str, float | None], intervals: dict[str, Interval]) -> Scores:
    """Each score with its interval, or with none."""
    none: Interval = {"low": None, "high": None}
    return {name: {"value": v, **intervals.get(name, none)} for name, v in points.items()}


def resampled_curves(p: Predictions, weight: np.ndarray) -> dict[str, np.ndarray]:
    """The detection scores of every resample, each (resamples,).

    Logits are sorted into bins, one for each logit of a true spike and one for each gap between
    them, which loses nothing. Beyond 1,024 true spikes quantiles of their logits bound the bins.
    """
    edges = np.unique(p.logit[p.spikes])
    if 2 * len(edges) > MAX_SCORE_BINS:
        edges = np.unique(np.quantile(edges, np.linspace(0, 1, MAX_SCORE_BINS)))
    else:
        edges = np.concatenate([[e, np.nextafter(e, np.inf)] for e in edges])
    true = weight @ _histograms(p.logit, p.spikes, edges)
    false = weight @ _histograms(p.logit, ~p.spikes, edges)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _curve_scores(true, false)


def _histograms(logit: np.ndarray, chosen: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(trials, edges + 1) counts of the chosen logits by bin, the highest bin first."""
    n_bins = len(edges) + 1
    out = np.empty((len(logit), n_bins))
    for row, (values, keep) in enumerate(zip(logit, chosen, strict=True)):
        index = np.searchsorted(edges, values[keep], side="right")
        out[row] = np.bincount(n_bins - 1 - index, minlength=n_bins)
    return out


def _curve_scores(true: np.ndarray, false: np.ndarray) -> dict[str, np.ndarray]:
    """Scores from (resamples, bins) counts of positives and negatives, highest score first."""
    tp, fp = np.cumsum(true, axis=1), np.cumsum(false, axis=1)
    tpr, fpr = tp / tp[:, -1:], fp / fp[:, -1:]
    before = np.pad(tpr[:, :-1], ((0, 0), (1, 0)))
    auc = (np.diff(fpr, axis=1, prepend=0.0) * (tpr + before) / 2).sum(axis=1)
    precision = np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp + fp > 0)
    scores = {"auc": auc, "average_precision": ((tpr - before) * precision).sum(axis=1)}
    for rate in FALSE_POSITIVE_RATES:
        reached = np.where(fpr <= rate, tpr, 0.0).max(axis=1)
        scores[f"tp_at_fp_{rate}"] = np.where(tp[:, -1] > 0, reached, np.nan)
    return scores


def _spike_f1(p: Predictions, threshold: float | None, resamples: Resamples) -> Scores:
    names = [f"spike_f1_{tolerance}ms" for tolerance in TOLERANCES_MS]
    if threshold is None or not p.spikes.any():
        return _entries(dict.fromkeys(names), {})
    true, called = spike_list(p.spikes), called_spikes(p.logit, threshold)
    total = true.per_trial() + called.per_trial()
    matched = {
        name: matched_per_trial(true, called, tolerance)
        for name, tolerance in zip(names, TOLERANCES_MS, strict=True)
    }

    def f1(weight: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            return {name: 2 * (weight @ m) / (weight @ total) for name, m in matched.items()}

    points = {name: float(2 * m.sum() / total.sum()) for name, m in matched.items()}
    return _entries(dict(points), resamples.intervals(f1))


def _soma_sums(p: Predictions) -> np.ndarray:
    """(trials, 6) sums over time of 1, |e|, e, e^2, d, d^2: e the error, d true minus its mean."""
    true = p.soma_mV.astype(np.float64)
    error = p.predicted_mV - true
    deviation = true - true.mean()
    parts = [np.ones_like(true), np.abs(error), error, error**2, deviation, deviation**2]
    return np.stack([part.sum(axis=1) for part in parts], axis=1)


def _soma_from_sums(sums: np.ndarray) -> dict[str, np.ndarray]:
    count, absolute, error, squared, deviation, variance = np.moveaxis(sums, -1, 0)
    error_variance = squared / count - (error / count) ** 2
    true_variance = variance / count - (deviation / count) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        explained = np.where(true_variance > 0, 1 - error_variance / true_variance, np.nan)
    return {
        "soma_rmse_mV": np.sqrt(squared / count),
        "soma_mae_mV": absolute / count,
        "soma_explained_variance": explained,
    }


def _soma_points(p: Predictions) -> dict[str, float | None]:
    values = _soma_from_sums(_soma_sums(p).sum(axis=0))
    return {name: float(v) if np.isfinite(v) else None for name, v in values.items()}


def _soma(p: Predictions, resamples: Resamples) -> Scores:
    sums = _soma_sums(p)
    return _entries(
        _soma_points(p), resamples.intervals(lambda weight: _soma_from_sums(weight @ sums))
    )
