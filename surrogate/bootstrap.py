"""Bootstrap intervals over trials, corrected for bias and skewness.

Trials are drawn with replacement; bins within a trial depend on one another and are not. Average
precision at one spike in a thousand bins is skewed and biased from sample to sample, so percentiles
of the resamples cover too little: the BCa interval (Efron 1987, J Am Stat Assoc 82:171) shifts them
by the bias, and by the acceleration that leaving out one trial at a time shows. Tails are widened
as Student's t is, since resamples of n trials vary too little by (n - 1) / n (Hesterberg 2015, Am
Stat 69:371). What they cover is measured in tests/surrogate/test_metrics.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

Interval = dict[str, float | None]
# Resamples of fewer trials are mostly of the same ones, and cover half as often as they say.
LEAST_TRIALS = 6


@dataclass(frozen=True)
class Resamples:
    """Bootstrap resamples of trials.

    Attributes:
        weight: (resamples, trials), how often each trial was drawn.
        confidence: coverage of the intervals.
    """

    weight: np.ndarray
    confidence: float = 0.95

    @classmethod
    def draw(cls, n_trials: int, n_resamples: int, confidence: float, seed: int) -> Resamples:
        """Draw as many trials as there are, with replacement, `n_resamples` times."""
        rng = np.random.default_rng(seed)
        share = np.full(n_trials, 1.0 / n_trials)
        return cls(rng.multinomial(n_trials, share, n_resamples).astype(np.float64), confidence)

    def intervals(
        self, scores: Callable[[np.ndarray], dict[str, np.ndarray]]
    ) -> dict[str, Interval]:
        """The interval of each score.

        Args:
            scores: from (rows, trials) weights of trials to (rows,) values of each score.

        Returns:
            name -> low and high; None where a score is undefined. Empty without resamples, and of
            fewer than `LEAST_TRIALS` trials.
        """
        drawn, trials = self.weight.shape
        if not drawn or trials < LEAST_TRIALS:
            return {}
        whole, without_one = np.ones((1, trials)), 1.0 - np.eye(trials)
        values = scores(np.concatenate([whole, without_one, self.weight]))
        return {
            name: bca(v[0], v[1 : trials + 1], v[trials + 1 :], self.confidence)
            for name, v in values.items()
        }

    def half_widths(
        self, scores: Callable[[np.ndarray], dict[str, np.ndarray]]
    ) -> dict[str, float | None]:
        """Half the width of each score's interval if that is symmetric: Student's t times the sd.

        For differences of two scores on the same trials, which are neither bounded nor skewed as
        scores are: there the corrections of BCa, themselves uncertain, cover less than this does.
        Empty without resamples; None where a score is undefined, or one trial alone defines it.
        """
        drawn, n = self.weight.shape
        if not drawn:
            return {}
        values = scores(np.concatenate([1.0 - np.eye(n), self.weight]))
        if n < 2:
            return dict.fromkeys(values)
        found = {
            name: v[n:][np.isfinite(v[n:])] if np.isfinite(v[:n]).all() else v[:0]
            for name, v in values.items()
        }
        scale = stdtrit(n - 1, (1.0 + self.confidence) / 2.0) * np.sqrt(n / (n - 1))
        # Of a score that most resamples leave undefined, the others say little.
        enough = max(2, drawn / 2)
        return {n: float(scale * v.std()) if len(v) >= enough else None for n, v in found.items()}


def bca(point: float, without_one: np.ndarray, drawn: np.ndarray, confidence: float) -> Interval:
    """The BCa interval of a score.

    Args:
        point: of all trials; without_one: (trials,), each left out in turn; drawn: (resamples,).
        Of those drawn, undefined ones (NaN) do not count. Where leaving out one trial leaves the
        score undefined, as where one trial holds every spike, it is a score of that trial, and
        there is no interval.
    """
    drawn = np.sort(drawn[np.isfinite(drawn)])
    if len(drawn) < 2 or not np.isfinite([point, *without_one]).all():
        return {"low": None, "high": None}
    tail, n = (1.0 - confidence) / 2.0, len(without_one)
    z = stdtrit(n - 1, [tail, 1.0 - tail]) * np.sqrt(n / (n - 1))
    below = (np.count_nonzero(drawn < point) + np.count_nonzero(drawn <= point)) / 2
    bias = ndtri((below + 0.5) / (len(drawn) + 1))
    shift = bias + z
    shares = ndtr(bias + shift / (1.0 - acceleration(without_one) * shift))
    low, high = np.quantile(drawn, shares)
    return {"low": float(low), "high": float(high)}


def acceleration(without_one: np.ndarray) -> float:
    """How fast a score's standard error changes with the score: from the jackknife; 0 if flat."""
    difference = without_one.mean() - without_one
    scale = float((difference**2).sum() ** 1.5)
    return float((difference**3).sum() / (6.0 * scale)) if scale > 0 else 0.0
