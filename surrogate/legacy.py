"""Scores exactly as published, for comparison with published figures only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuronio.surrogate.points import Predictions, soma_points

FALSE_POSITIVE_RATES = (0.0025, 0.01)


def legacy_scores(
    whole: Predictions, files: Sequence[int] | np.ndarray, kept: Sequence[int], ignore_ms: int
) -> dict[str, float | None]:
    """Soma scores after rescaling, and true positives at the nearest false positive rate.

    The predicted soma trace of each file gets the true mean and sd over all of the file's trials
    and ms; only then are trials and the start left out. That repairs offset and gain with
    knowledge of the test set, so these flatter the model. True positives are those of the first
    point of the curve at the false positive rate nearest to the one named.

    Args:
        whole: every trial from its first ms.
        files: (trials,) number of the file that each trial is from.
        kept: the trials that are scored; ignore_ms: their start that is not.
    """
    from sklearn.metrics import roc_curve  # here, as in points.py

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
