"""Scores as functions of the weights of trials: what intervals and paired differences rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuronio.surrogate.bootstrap import Interval, Resamples

Scores = dict[str, dict[str, float | None]]
Weighted = Callable[[np.ndarray], dict[str, np.ndarray]]
NO_INTERVAL: Interval = {"low": None, "high": None}


@dataclass(frozen=True)
class Measure:
    """Scores that rest on the same sums over trials.

    Attributes:
        points: value of each score over all trials, None where it is undefined.
        weighted: from (rows, trials) weights of trials to (rows,) values of each score, NaN where
            undefined; None where all are.
    """

    points: dict[str, float | None]
    weighted: Weighted | None = None

    @classmethod
    def of_sums(cls, weighted: Weighted, n_trials: int) -> Measure:
        """The measure whose values follow from sums alone: those of every trial taken once."""
        found = weighted(np.ones((1, n_trials)))
        points = {name: float(v[0]) if np.isfinite(v[0]) else None for name, v in found.items()}
        return cls(points, weighted)

    def scores(self, resamples: Resamples) -> Scores:
        """Each score as value, low and high."""
        found = resamples.intervals(self.weighted) if self.weighted else {}
        return {k: {"value": v, **found.get(k, NO_INTERVAL)} for k, v in self.points.items()}

    def less(self, other: Measure) -> Measure:
        """Every score minus that of another measure, with the same weights of the same trials.

        What trials have in common (how many spikes there are, how hard they are) thus cancels.
        """
        points = {
            name: None
            if value is None or (theirs := other.points[name]) is None
            else value - theirs
            for name, value in self.points.items()
        }
        mine, others = self.weighted, other.weighted
        if mine is None or others is None:
            return Measure(points)

        def difference(weight: np.ndarray) -> dict[str, np.ndarray]:
            subtracted = others(weight)
            return {name: values - subtracted[name] for name, values in mine(weight).items()}

        return Measure(points, difference)
