"""Predictions beside the truth, and their scores without intervals: what a fit records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FALSE_POSITIVE_RATES = (0.0025, 0.005, 0.01)


@dataclass(frozen=True)
class Predictions:
    """A model's output beside the truth, over the scored bins only: (trials, ms), but where said.

    Attributes:
        spikes: bool, true output spikes.
        logit: float32, predicted log odds of a spike.
        soma_mV: float32, true soma voltage, clipped as in training.
        predicted_mV: float32, predicted soma voltage.
        further_mV, predicted_further_mV: (trials, ms, V) float32, V further targets, if any.
    """

    spikes: np.ndarray
    logit: np.ndarray
    soma_mV: np.ndarray
    predicted_mV: np.ndarray
    further_mV: np.ndarray | None = None
    predicted_further_mV: np.ndarray | None = None

    def select(self, trials: Sequence[int], from_ms: int = 0) -> Predictions:
        """Some of the trials, without their start."""
        rows, bins = list(trials), slice(from_ms, None)
        parts = (None if part is None else part[rows, bins] for part in vars(self).values())
        return Predictions(*parts)  # type: ignore[arg-type]


def point_scores(predictions: Predictions) -> dict[str, float | None]:
    """AUC, average precision, and the soma scores, without intervals: for a training record."""
    return {**detection_points(predictions), **soma_points(predictions)}


def detection_points(p: Predictions) -> dict[str, float | None]:
    """AUC, average precision, and true positives at the false positive rates."""
    # Here, since loading it takes a second that only those who score should wait for.
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    names = ["auc", "average_precision", *(f"tp_at_fp_{rate}" for rate in FALSE_POSITIVE_RATES)]
    truth, logit = p.spikes.ravel(), p.logit.ravel()
    if truth.all() or not truth.any():
        return dict.fromkeys(names)
    # Every point: the last one within a rate may lie on a straight line, which ties make.
    false, true, _ = roc_curve(truth, logit, drop_intermediate=False)
    at = [true[np.searchsorted(false, rate, side="right") - 1] for rate in FALSE_POSITIVE_RATES]
    values = [roc_auc_score(truth, logit), average_precision_score(truth, logit), *at]
    return dict(zip(names, map(float, values), strict=True))


def voltage_sums(true_mV: np.ndarray, predicted_mV: np.ndarray) -> np.ndarray:
    """(trials, 6) sums over time of 1, |e|, e, e^2, d, d^2: e the error, d true minus its mean.

    Args:
        true_mV, predicted_mV: (trials, ms).
    """
    true = true_mV.astype(np.float64)
    error = predicted_mV - true
    deviation = true - true.mean()
    parts = [np.ones_like(true), np.abs(error), error, error**2, deviation, deviation**2]
    return np.stack([part.sum(axis=1) for part in parts], axis=1)


def voltage_scores(sums: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """The scores of a voltage, named so, from sums of trials, (..., 6)."""
    count, absolute, error, squared, deviation, variance = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):  # of no trial
        error_variance = squared / count - (error / count) ** 2
        true_variance = variance / count - (deviation / count) ** 2
        explained = np.where(true_variance > 0, 1 - error_variance / true_variance, np.nan)
        squared, absolute = squared / count, absolute / count
    return {
        f"{name}_rmse_mV": np.sqrt(squared),
        f"{name}_mae_mV": absolute,
        f"{name}_explained_variance": explained,
    }


def soma_points(p: Predictions) -> dict[str, float | None]:
    """Soma RMSE, MAE and explained variance; None where undefined."""
    values = voltage_scores(voltage_sums(p.soma_mV, p.predicted_mV).sum(axis=0), "soma")
    return {name: float(v) if np.isfinite(v) else None for name, v in values.items()}
