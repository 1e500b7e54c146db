"""ROC and precision-recall curves of the spike probability, thinned to a few points for figures."""

from __future__ import annotations

import numpy as np

from neuronio.surrogate.points import Predictions

# False positives are rare where a surrogate is of use: as many points a decade there as above.
FALSE_RATES = np.geomspace(1e-5, 1.0, 101)
RECALLS = np.linspace(0.0, 1.0, 101)
DIGITS = 5

# Curve -> what its axes hold.
CURVES = {"roc": ("false", "true"), "precision_recall": ("recall", "precision")}

Curves = dict[str, dict[str, list[float]]]


def detection_curves(p: Predictions) -> Curves:
    """Curves of the spike probability of every ms, without interpolation.

    `roc`: `true` is the largest share of true spikes found at a share of at most `false` of false
    alarms. `precision_recall`: `precision` is the largest at a recall of at least `recall`. Empty
    where the truth has no spike, or nothing else.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve  # here, as in points.py

    truth, logit = p.spikes.ravel(), p.logit.ravel()
    if truth.all() or not truth.any():
        return {}
    false, true, _ = roc_curve(truth, logit, drop_intermediate=False)  # as in points.py
    at = np.searchsorted(false, FALSE_RATES, side="right") - 1
    precision, recall, _ = precision_recall_curve(truth, logit)
    # From recall 0 up, with the best precision of any larger recall. The last point of the curve,
    # precision 1 at recall 0, is a convention that no threshold reaches.
    recall, best = recall[-2::-1], np.maximum.accumulate(precision[:-1])[::-1]
    reached = np.searchsorted(recall, RECALLS)
    return {
        "roc": _rounded(false=FALSE_RATES, true=true[at]),
        "precision_recall": _rounded(recall=RECALLS, precision=best[reached]),
    }


def _rounded(**columns: np.ndarray) -> dict[str, list[float]]:
    return {
        name: [float(f"{value:.{DIGITS}g}") for value in values] for name, values in columns.items()
    }
