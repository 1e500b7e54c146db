"""Two runs of the same trials: how far an engine, integrator or time step changes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.conventions import IGNORE_MS, SAMPLES_PER_MS, SOMA_CLIP_MV
from neuronio.data.matching import match_sorted
from neuronio.data.shard import Shard
from neuronio.data.trial import Recording
from neuronio.errors import NeuronIOError
from neuronio.simulation.judged import Judged

TOLERANCES_MS = (0.25, 1.0, 2.0)
SPIKE_MARGIN_MS = 3.0


@dataclass(frozen=True)
class TrialComparison:
    """One trial in both runs.

    Attributes:
        trial_index: index of the trial in its dataset.
        n_spikes_a, n_spikes_b: output spikes in each run.
        matched: spikes paired one to one within each of `TOLERANCES_MS`.
        lag_ms: times of b less times of a, of the pairs within the widest tolerance.
        rms_mV, largest_mV: soma difference further than 3 ms from every spike of either run.
        diverged_ms: time of the first spike without a partner within the widest tolerance, or None.
        rms_before_mV: as rms_mV, before diverged_ms only.
        n_samples, n_samples_before: voltage samples that rms_mV and rms_before_mV rest on.
        judged: b as a prediction of a.
    """

    trial_index: int
    n_spikes_a: int
    n_spikes_b: int
    matched: tuple[int, ...]
    lag_ms: tuple[float, ...]
    rms_mV: float
    largest_mV: float
    diverged_ms: float | None
    rms_before_mV: float
    n_samples: int
    n_samples_before: int
    judged: Judged


@dataclass(frozen=True)
class Comparison:
    """Every trial that two shards share.

    Attributes:
        path_a, path_b: the shards.
        trials: one comparison a trial, in the order of a.
        unshared: number of trials that only one of the shards holds.
        ignore_ms: start of every trial that `judged` leaves out.
    """

    path_a: Path
    path_b: Path
    trials: tuple[TrialComparison, ...]
    unshared: int
    ignore_ms: int = IGNORE_MS

    @property
    def n_spikes(self) -> tuple[int, int]:
        """Output spikes of each run in the shared trials."""
        return sum(t.n_spikes_a for t in self.trials), sum(t.n_spikes_b for t in self.trials)

    def coincidence(self, tolerance_ms: float) -> float:
        """Share of spikes that have a partner, 2 matched / (a + b), from 0 to 1; 1 where none."""
        which, total = TOLERANCES_MS.index(tolerance_ms), sum(self.n_spikes)
        return 2 * sum(t.matched[which] for t in self.trials) / total if total else 1.0

    @property
    def n_samples(self) -> tuple[int, int]:
        """Voltage samples that `rms_mV` and `rms_before_mV` rest on."""
        return sum(t.n_samples for t in self.trials), sum(t.n_samples_before for t in self.trials)

    @property
    def rms_mV(self) -> float:
        """Root of the mean squared soma difference over all samples away from spikes, mV."""
        return _pooled([(t.rms_mV, t.n_samples) for t in self.trials])

    @property
    def rms_before_mV(self) -> float:
        """As `rms_mV`, up to each trial's first spike without a partner."""
        return _pooled([(t.rms_before_mV, t.n_samples_before) for t in self.trials])

    @property
    def judged(self) -> Judged:
        """b as a prediction of a, over all trials, as a surrogate is scored."""
        return Judged.together(t.judged for t in self.trials)

    @property
    def worst(self) -> TrialComparison:
        """The trial with the largest soma difference away from spikes."""
        return max(self.trials, key=lambda t: t.rms_mV)

    def summary(self) -> dict[str, Any]:
        """The figures of the comparison, as JSON holds them."""
        return {
            "a": str(self.path_a),
            "b": str(self.path_b),
            "trials": len(self.trials),
            "trials_in_one_only": self.unshared,
            "spikes_a": self.n_spikes[0],
            "spikes_b": self.n_spikes[1],
            "coincidence": {f"{t:g}_ms": self.coincidence(t) for t in TOLERANCES_MS},
            "rms_mV": self.rms_mV,
            "samples": self.n_samples[0],
            "rms_before_divergence_mV": self.rms_before_mV,
            "samples_before_divergence": self.n_samples[1],
            "diverged_trials": sum(t.diverged_ms is not None for t in self.trials),
            "worst_trial": {
                k: v for k, v in asdict(self.worst).items() if k not in ("lag_ms", "judged")
            },
            "b_as_prediction_of_a": {
                "ignore_ms": self.ignore_ms,
                "spike_auc": self.judged.auc,
                **{f"spike_f1_{within}ms": f1 for within, f1 in self.judged.f1.items()},
                "soma_rmse_mV": self.judged.rmse_mV,
            },
        }

    def lines(self) -> list[str]:
        """The comparison in words, for a terminal."""
        (a, b), (samples, before) = self.n_spikes, self.n_samples
        trials = f"{len(self.trials)} trial{'s' if len(self.trials) > 1 else ''}"
        shares = ", ".join(f"{100 * self.coincidence(t):.2f}% ({t:g} ms)" for t in TOLERANCES_MS)
        worst, diverged = self.worst, sum(t.diverged_ms is not None for t in self.trials)
        return [
            f"trials compared    {len(self.trials)} ({self.unshared} in one file only)",
            f"output spikes      {a} and {b}",
            f"coincident spikes  {shares} of {a} and {b} in {trials}",
            f"soma difference    {self.rms_mV:.6f} mV rms, {SPIKE_MARGIN_MS:g} ms from spikes, "
            f"{samples:,} samples of {trials}",
            f"  until trials part {self.rms_before_mV:.6f} mV rms, {before:,} samples of {trials} "
            f"({diverged} part)",
            f"worst trial        {worst.trial_index}: {worst.rms_mV:.6f} mV rms, "
            f"{worst.largest_mV:.4f} mV at most, {worst.n_spikes_a} and {worst.n_spikes_b} spikes, "
            f"{worst.n_samples:,} samples",
            f"b predicting a     {self._judged_words()}",
        ]

    def _judged_words(self) -> str:
        after = f"after the first {self.ignore_ms} ms of each trial"
        judged = self.judged
        if judged.rmse_mV is None:
            return f"nothing {after}"
        scores = [
            f"{'undefined' if f1 is None else f'{f1:.4f}'} ({within} ms)"
            for within, f1 in judged.f1.items()
        ]
        auc = "undefined" if judged.auc is None else f"{judged.auc:.5f}"
        return (
            f"spike AUC {auc} (1 ms bins), F1 {', '.join(scores)}; soma RMSE "
            f"{judged.rmse_mV:.4f} mV, clipped at {SOMA_CLIP_MV:g} mV; {after}"
        )


def compare_shards(
    path_a: str | Path, path_b: str | Path, ignore_ms: int = IGNORE_MS
) -> Comparison:
    """Compare the trials that two shards share by trial index.

    Args:
        ignore_ms: start of every trial that the scores of b as a prediction of a leave out.

    Raises:
        NeuronIOError: a shard cannot be read, none of the trials is shared, or a shared trial has
            other inputs or another length in the other file.
    """
    with Shard(path_a) as a, Shard(path_b) as b:
        places = {int(index): i for i, index in enumerate(b.trial_index)}
        shared = [(i, int(t)) for i, t in enumerate(a.trial_index) if int(t) in places]
        if not shared:
            raise NeuronIOError(
                f"{path_a} and {path_b} share no trial; compare two runs of the same trials"
            )
        trials = []
        for i, index in shared:
            _check_inputs(a, i, b, places[index], index)
            ours, theirs = a.recording(i), b.recording(places[index])
            trials.append(compare_recordings(ours, theirs, index, ignore_ms))
        unshared = len(a) + len(b) - 2 * len(shared)
    return Comparison(Path(path_a), Path(path_b), tuple(trials), unshared, ignore_ms)


def compare_recordings(
    a: Recording, b: Recording, trial_index: int = 0, ignore_ms: int = IGNORE_MS
) -> TrialComparison:
    """Compare two recordings of one trial; at 8 kHz where both have it, else at 1 kHz."""
    v_a, v_b, rate = a.soma_8khz_mV, b.soma_8khz_mV, SAMPLES_PER_MS
    if v_a is None or v_b is None:
        v_a, v_b, rate = a.soma_mV, b.soma_mV, 1
    if v_a.shape != v_b.shape:
        raise NeuronIOError(
            f"trial {trial_index} lasts {len(v_a) // rate} ms in one run and {len(v_b) // rate} ms "
            "in the other; compare trials of one length"
        )
    pairs = [match_spikes(a.spike_ms, b.spike_ms, tolerance) for tolerance in TOLERANCES_MS]
    widest = pairs[-1]
    alone = np.concatenate(
        [np.delete(a.spike_ms, widest[:, 0]), np.delete(b.spike_ms, widest[:, 1])]
    )
    diverged = float(alone.min()) if len(alone) else None
    time = np.arange(len(v_a)) / rate
    quiet = away_from(time, np.concatenate([a.spike_ms, b.spike_ms]), SPIKE_MARGIN_MS)
    difference = np.asarray(v_b, dtype=float) - v_a
    before = quiet & (time < (np.inf if diverged is None else diverged))
    return TrialComparison(
        trial_index,
        len(a.spike_ms),
        len(b.spike_ms),
        tuple(len(p) for p in pairs),
        tuple((b.spike_ms[widest[:, 1]] - a.spike_ms[widest[:, 0]]).tolist()),
        _rms(difference[quiet]),
        float(np.abs(difference[quiet]).max(initial=0.0)),
        diverged,
        _rms(difference[before]),
        int(quiet.sum()),
        int(before.sum()),
        Judged.of(a, b, ignore_ms),
    )


def match_spikes(a_ms: np.ndarray, b_ms: np.ndarray, tolerance_ms: float) -> np.ndarray:
    """Pair two sorted spike trains one to one within a tolerance: (pairs, 2) indices into a, b."""
    # Times are multiples of 1/8 ms or interpolated: rounding must not part two at the tolerance.
    return match_sorted(a_ms.tolist(), b_ms.tolist(), tolerance_ms + 1e-9)


def away_from(time_ms: np.ndarray, spike_ms: np.ndarray, margin_ms: float) -> np.ndarray:
    """Which of the sorted times are further than a margin from every spike: boolean, as time_ms."""
    keep = np.ones(len(time_ms), dtype=bool)
    for spike in spike_ms:
        low, high = np.searchsorted(time_ms, [spike - margin_ms, spike + margin_ms])
        keep[low : high + 1] = False
    return keep


def _check_inputs(a: Shard, i: int, b: Shard, j: int, index: int) -> None:
    ours, theirs = a.inputs(i), b.inputs(j)
    same = np.array_equal(ours.synapse, theirs.synapse) and np.array_equal(
        ours.offset, theirs.offset
    )
    if not same:
        raise NeuronIOError(
            f"trial {index} has other inputs in {b.path} than in {a.path}; make both from the same "
            "seed, generator and cell"
        )


def _rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2))) if x.size else 0.0


def _pooled(rms_and_n: list[tuple[float, int]]) -> float:
    total = sum(n for _, n in rms_and_n)
    return float(np.sqrt(sum(rms**2 * n for rms, n in rms_and_n) / total)) if total else 0.0
