"""How well predictions agree with the truth, with bootstrap intervals over trials.

Every score is a function of sums over trials, so that a bootstrap resample is a weighting of
trials and all resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_curve

from neuronio.surrogate.bootstrap import Interval, Resamples
from neuronio.surrogate.matching import TOLERANCES_MS, called_spikes, matched_per_trial, spike_list
from neuronio.surrogate.points import (
    FALSE_POSITIVE_RATES,
    Predictions,
    detection_points,
    soma_from_sums,
    soma_points,
    soma_sums,
)

MAX_SCORE_BINS = 2048


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
    scores = soma_points(seen)
    truth = seen.spikes.ravel()
    if truth.any() and not truth.all():
        false, true, _ = roc_curve(truth, seen.logit.ravel())
        for rate in FALSE_POSITIVE_RATES:
            scores[f"tp_at_fp_{rate}"] = float(true[np.abs(false - rate).argmin()])
    return scores


def _detection(p: Predictions, resamples: Resamples) -> Scores:
    points = detection_points(p)
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


def _soma(p: Predictions, resamples: Resamples) -> Scores:
    sums = soma_sums(p)
    return _entries(
        soma_points(p), resamples.intervals(lambda weight: soma_from_sums(weight @ sums))
    )
