"""How well the logit of every ms tells spikes from silence, for any weighting of trials."""

from __future__ import annotations

import numpy as np

from neuronio.surrogate.measure import Measure
from neuronio.surrogate.points import FALSE_POSITIVE_RATES, Predictions, detection_points

MAX_SCORE_BINS = 2048


def detection(p: Predictions) -> Measure:
    """AUC, average precision, and true positives at the false positive rates."""
    points = detection_points(p)
    if points["auc"] is None:
        return Measure(points)
    return Measure(points, lambda weight: resampled_curves(p, weight))


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
