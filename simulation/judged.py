"""One run as a prediction of another of the same trials, scored as surrogates are.

Spikes fall into bins of 1 ms and voltages are clipped, both by the published rules. A run gives
spikes and no threshold: its ROC curve has one point between the corners.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neuronio.conventions import BIN_SHIFT_MS, SOMA_CLIP_MV
from neuronio.data.matching import match_sorted
from neuronio.data.trial import Recording

JUDGED_WITHIN_MS = (0, 1, 2, 5)


@dataclass(frozen=True)
class Judged:
    """What one trial or several count for in the scores of b as a prediction of a.

    Attributes:
        n_spikes: ms with a spike, in a and in b together; n_true: those in a.
        matched: spikes paired one to one within each of `JUDGED_WITHIN_MS`.
        squared_mV2: sum of the squared differences of the clipped soma voltages at 1 kHz.
        n_samples: samples that it rests on, one a ms.
    """

    n_spikes: int
    n_true: int
    matched: tuple[int, ...]
    squared_mV2: float
    n_samples: int

    @classmethod
    def of(cls, a: Recording, b: Recording, ignore_ms: int) -> Judged:
        """The counts of one trial.

        Args:
            ignore_ms: start of the trial that is left out.
        """
        duration_ms = len(a.soma_mV)
        bins_a, bins_b = (_bins(run.spike_ms, ignore_ms, duration_ms) for run in (a, b))
        clipped_a, clipped_b = (
            np.minimum(run.soma_mV[ignore_ms:], SOMA_CLIP_MV, dtype=float) for run in (a, b)
        )
        return cls(
            len(bins_a) + len(bins_b),
            len(bins_a),
            tuple(len(match_sorted(bins_a, bins_b, within)) for within in JUDGED_WITHIN_MS),
            float(np.sum((clipped_b - clipped_a) ** 2)),
            max(0, duration_ms - ignore_ms),
        )

    @classmethod
    def together(cls, trials: Iterable[Judged]) -> Judged:
        """The counts of several trials."""
        rows = list(trials)
        matched = zip(*(row.matched for row in rows), strict=True)
        return cls(
            sum(row.n_spikes for row in rows),
            sum(row.n_true for row in rows),
            tuple(map(sum, matched)),
            sum(row.squared_mV2 for row in rows),
            sum(row.n_samples for row in rows),
        )

    @property
    def f1(self) -> dict[int, float | None]:
        """F1 of the spikes within each of `JUDGED_WITHIN_MS`; None where neither run has any."""
        shares = (2 * n / self.n_spikes if self.n_spikes else None for n in self.matched)
        return dict(zip(JUDGED_WITHIN_MS, shares, strict=True))

    @property
    def auc(self) -> float | None:
        """Area under the ROC curve of b's spikes at 1 ms; None without spikes or silence in a."""
        n_silent = self.n_samples - self.n_true
        if not self.n_true or not n_silent:
            return None
        hits, found = self.matched[0], self.n_spikes - self.n_true
        return 0.5 * (1 + hits / self.n_true - (found - hits) / n_silent)

    @property
    def rmse_mV(self) -> float | None:
        """Root of the mean squared difference of the clipped voltages; None without samples."""
        return float(np.sqrt(self.squared_mV2 / self.n_samples)) if self.n_samples else None


def _bins(spike_ms: np.ndarray, first_ms: int, end_ms: int) -> list[int]:
    """The ms from `first_ms` on in which spikes fall, each once, rising."""
    bins = np.unique((np.asarray(spike_ms) - BIN_SHIFT_MS).astype(np.int64))
    return bins[(bins >= first_ms) & (bins < end_ms)].tolist()
