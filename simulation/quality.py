"""The quality of a dataset: what a reader checks before trusting it, beside published figures.

Every quantity says what of a trial and which trials it counts, as the published figure of it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.conventions import BIN_SHIFT_MS, BUSY_SPIKES, IGNORE_MS, SOMA_CLIP_MV
from neuronio.data.reference import PublishedFigure, published_figure
from neuronio.data.shard import Shard, TrialName
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError

WINDOW_MS = 100
SOMA_EDGES_MV = np.arange(-100.0, 61.0)
ISI_EDGES_MS = np.geomspace(1, 10_000, 41)
FILE_TRIALS, FILE_DURATION_MS = 128, 6000
EXAMPLES = 6

INPUT_QUANTITIES = ("excitatory_low", "excitatory_high", "inhibitory_low", "inhibitory_high")


@dataclass(frozen=True)
class Quantity:
    """What a figure is called and what it counts.

    Attributes:
        label: with its unit.
        after_ms: what comes before in a trial is not counted, ms.
        max_spikes: trials with more output spikes, from 0 ms on, are not counted; None: all are.
    """

    label: str
    after_ms: int = 0
    max_spikes: int | None = None

    def __str__(self) -> str:
        when = f"after {self.after_ms} ms" if self.after_ms else "whole trials"
        which = "" if self.max_spikes is None else f", trials of at most {self.max_spikes} spikes"
        return f"{self.label}; {when}{which}"


QUANTITIES = {
    "spikes_per_128_trials": Quantity("Output spikes in 128 trials of 6 s"),
    "output_rate_whole_hz": Quantity("Output rate (Hz)"),
    "output_rate_all_hz": Quantity("Output rate (Hz)", IGNORE_MS),
    "output_rate_hz": Quantity("Output rate (Hz)", IGNORE_MS, BUSY_SPIKES),
    "excitatory_low": Quantity("Excitatory spikes in 100 ms, 5th percentile"),
    "excitatory_high": Quantity("Excitatory spikes in 100 ms, 95th percentile"),
    "inhibitory_low": Quantity("Inhibitory spikes in 100 ms, 5th percentile"),
    "inhibitory_high": Quantity("Inhibitory spikes in 100 ms, 95th percentile"),
    "silent_share": Quantity("Share of trials without output spikes"),
    "busy_share": Quantity(f"Share of trials left out, of more than {BUSY_SPIKES} output spikes"),
    "isi_median_ms": Quantity("Median inter-spike interval (ms)", IGNORE_MS),
    "isi_cv": Quantity("Coefficient of variation of the intervals", IGNORE_MS),
    "soma_mean_mV": Quantity(
        f"Soma voltage cut at {SOMA_CLIP_MV:g} mV, mean (mV)", IGNORE_MS, BUSY_SPIKES
    ),
    "soma_sd_mV": Quantity(
        f"Soma voltage cut at {SOMA_CLIP_MV:g} mV, standard deviation (mV)", IGNORE_MS, BUSY_SPIKES
    ),
}


@dataclass(frozen=True)
class SplitQuality:
    """What was measured on one split of n trials of T ms.

    Attributes:
        name, cell, generator: what the split is.
        duration_ms: T.
        n_spikes: (n,) output spikes of each trial.
        n_spikes_late: (n,) those of them that an evaluation counts, after `IGNORE_MS`.
        isi_ms: every inter-spike interval after `IGNORE_MS`, ms.
        input_percentiles: (n, 4): excitatory 5th and 95th, then inhibitory, of the spikes of all
            synapses in sliding windows of 100 ms.
        soma_counts: samples of the 1 kHz soma voltage after `IGNORE_MS` in `SOMA_EDGES_MV`.
        soma_moments: (n, 2) mean (mV) and mean square (mV^2) of each trial's soma voltage after
            `IGNORE_MS`, cut at `SOMA_CLIP_MV` as for a surrogate.
        examples: (trial index, inputs, recording) of a few trials.
    """

    name: str
    cell: str
    generator: str
    duration_ms: int
    n_spikes: np.ndarray
    n_spikes_late: np.ndarray
    isi_ms: np.ndarray
    input_percentiles: np.ndarray
    soma_counts: np.ndarray
    soma_moments: np.ndarray
    examples: tuple[tuple[int, InputEvents, Recording], ...]

    @property
    def rate_hz(self) -> np.ndarray:
        """Output rate of each trial after `IGNORE_MS`, Hz; nan where it ends before."""
        late_s = (self.duration_ms - IGNORE_MS) / 1000
        return self.n_spikes_late / late_s if late_s > 0 else np.full(len(self.n_spikes), np.nan)

    def counted(self, quantity: str) -> np.ndarray:
        """(n,) bool: the trials that a quantity counts; none where they end before it begins."""
        what = QUANTITIES[quantity]
        if self.duration_ms <= what.after_ms:
            return np.zeros(len(self.n_spikes), dtype=bool)
        most = np.inf if what.max_spikes is None else what.max_spikes
        return self.n_spikes <= most

    def n(self) -> dict[str, dict[str, int]]:
        """How many trials, and output spikes in them, each figure rests on."""
        found = {}
        for name, what in QUANTITIES.items():
            trials = self.counted(name)
            spikes = self.n_spikes_late if what.after_ms else self.n_spikes
            found[name] = {"trials": int(trials.sum()), "spikes": int(spikes[trials].sum())}
        return found

    def figures(self) -> dict[str, float]:
        """Every one of `QUANTITIES`; nan where nothing counts."""
        isi, sd = self.isi_ms, self._soma_sd()
        means = {name: float(np.mean(x)) if len(x) else np.nan for name, x in self._each().items()}
        return means | {
            "isi_median_ms": float(np.median(isi)) if len(isi) else np.nan,
            "isi_cv": float(isi.std() / isi.mean()) if len(isi) else np.nan,
            "soma_sd_mV": sd,
        }

    def errors(self) -> dict[str, float]:
        """Standard error over trials of every quantity but those of the intervals."""
        found = {}
        for name, x in (self._each() | {"soma_sd_mV": self._soma_pull()}).items():
            found[name] = float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else np.nan
        return found

    def _each(self) -> dict[str, np.ndarray]:
        """What each counted trial has of every quantity that is a mean over trials."""
        whole = self.n_spikes / (self.duration_ms / 1000)
        of_every_trial = {
            "spikes_per_128_trials": whole * FILE_TRIALS * FILE_DURATION_MS / 1000,
            "output_rate_whole_hz": whole,
            "output_rate_all_hz": self.rate_hz,
            "output_rate_hz": self.rate_hz,
            **dict(zip(INPUT_QUANTITIES, self.input_percentiles.T, strict=True)),
            "silent_share": self.n_spikes == 0,
            "busy_share": self.n_spikes > BUSY_SPIKES,
            "soma_mean_mV": self.soma_moments[:, 0],
        }
        return {name: x[self.counted(name)] for name, x in of_every_trial.items()}

    def _soma_sd(self) -> float:
        """Standard deviation of all counted samples, mV."""
        moments = self.soma_moments[self.counted("soma_sd_mV")]
        if not len(moments):
            return np.nan
        mean, square = moments.mean(axis=0)
        return float(np.sqrt(max(0.0, square - mean**2)))

    def _soma_pull(self) -> np.ndarray:
        """How far each trial pulls that standard deviation, to first order, mV."""
        moments, sd = self.soma_moments[self.counted("soma_sd_mV")], self._soma_sd()
        if not len(moments) or sd == 0:
            return np.zeros(0)
        return (moments[:, 1] - 2 * moments[:, 0].mean() * moments[:, 0]) / (2 * sd)


def measure_split(name: str, paths: Sequence[str | Path]) -> SplitQuality:
    """Read every trial of a split once, one at a time.

    Raises:
        NeuronIOError: a shard cannot be read, they differ in cell, generator or duration, or hold
            a trial twice.
    """
    seen: set[TrialName] = set()
    n_spikes, n_late, isi, percentiles, moments = [], [], [], [], []
    examples: list[tuple[int, InputEvents, Recording]] = []
    counts = np.zeros(len(SOMA_EDGES_MV) - 1, dtype=np.int64)
    what: set[tuple] = set()
    for path in paths:
        with Shard(path) as shard:
            info = shard.info
            what.add((info.get("cell"), info.get("generator"), shard.duration_ms))
            if twice := seen.intersection(shard.names):
                raise NeuronIOError(
                    f"{path} holds trial {min(twice)[1]}, which another shard given with it holds "
                    "too; give each trial once"
                )
            seen.update(shard.names)
            for i in range(len(shard)):
                spikes, soma, inputs = (
                    shard.spike_ms(i),
                    shard.soma_mV(i)[IGNORE_MS:],
                    shard.inputs(i),
                )
                # As an evaluation bins them: its first bin that counts is IGNORE_MS.
                late = spikes[spikes - BIN_SHIFT_MS >= IGNORE_MS]
                n_spikes.append(len(spikes))
                n_late.append(len(late))
                isi.append(np.diff(late))
                percentiles.append(input_percentiles(inputs))
                counts += np.histogram(np.clip(soma, -99.5, 59.5), SOMA_EDGES_MV)[0]
                moments.append(_moments(soma))
                if len(examples) < EXAMPLES:
                    examples.append((int(shard.trial_index[i]), inputs, shard.recording(i)))
    if len(what) != 1:
        raise NeuronIOError(
            f"the shards of '{name}' must hold one cell, generator and duration, but hold "
            f"{len(what)}: {sorted(map(str, what))}"
        )
    (cell, generator, duration_ms) = what.pop()
    return SplitQuality(
        name,
        str(cell),
        str(generator),
        duration_ms,
        np.array(n_spikes),
        np.array(n_late),
        np.concatenate(isi),
        np.array(percentiles),
        counts,
        np.array(moments),
        tuple(examples),
    )


def _moments(soma_mV: np.ndarray) -> tuple[float, float]:
    """Mean and mean square of a trace cut at `SOMA_CLIP_MV`; nan where it has no samples."""
    if not len(soma_mV):
        return np.nan, np.nan
    cut = np.minimum(soma_mV.astype(float), SOMA_CLIP_MV)
    return float(cut.mean()), float(np.square(cut).mean())


def input_percentiles(inputs: InputEvents) -> tuple[int, int, int, int]:
    """5th and 95th percentile of the excitatory, then inhibitory, spikes in sliding 100 ms windows.

    As in the names of the published files: summed over synapses, cut to whole spikes.
    """
    found = []
    window = min(WINDOW_MS, inputs.duration_ms)
    excitatory = inputs.synapse < inputs.n_segments
    for kind in (excitatory, ~excitatory):
        per_ms = np.bincount(inputs.time_ms[kind], minlength=inputs.duration_ms)
        running = np.concatenate([[0], np.cumsum(per_ms)])
        found += np.percentile(running[window:] - running[:-window], [5, 95]).astype(int).tolist()
    return tuple(found)


def summary(splits: Sequence[SplitQuality]) -> dict[str, Any]:
    """Figures, histograms and the comparison table of all splits, as JSON holds them."""
    return {
        "quantities": {
            name: {"label": str(q), "after_ms": q.after_ms, "max_spikes": q.max_spikes}
            for name, q in QUANTITIES.items()
        },
        "splits": {
            s.name: {
                "cell": s.cell,
                "generator": s.generator,
                "trials": len(s.n_spikes),
                "duration_ms": s.duration_ms,
                **{k: None if np.isnan(v) else v for k, v in s.figures().items()},
                "n": s.n(),
                "spikes_per_trial": s.n_spikes.tolist(),
                "isi_histogram": _histogram(s.isi_ms, ISI_EDGES_MS),
                "soma_histogram": {
                    "edges": SOMA_EDGES_MV.tolist(),
                    "counts": s.soma_counts.tolist(),
                },
            }
            for s in splits
        },
        "table": comparison_table(splits),
    }


def comparison_table(splits: Sequence[SplitQuality]) -> list[dict[str, Any]]:
    """One row a quantity: the published figures, then each split's value and standard error.

    "sd" is the spread over published files of 128 trials; "trials" and "spikes" are what a figure
    rests on. "z" is the difference between a split and the published files of its generator in
    standard errors (`standard_errors_off`), for trials of 6 s; for what the cell puts out, the cell
    must be `neuronio` too.
    """
    rows = []
    all_n = {split.name: split.n() for split in splits}
    for name, what in QUANTITIES.items():
        row: dict[str, Any] = {"quantity": str(what)}
        for title, files in (("training", "train"), ("validation", "valid"), ("test", "test")):
            known = published_figure(name, files=files)
            row[f"published {title} files"] = known and known.mean
            row[f"published {title} files, sd"] = known and _rounded(known.sd)
            row[f"published {title} files, trials"] = known and known.trials
        for split in splits:
            value, error = split.figures()[name], split.errors().get(name)
            row[split.name] = _rounded(value)
            row[f"{split.name}, s.e."] = _rounded(error)
            for of, n in all_n[split.name][name].items():
                row[f"{split.name}, {of}"] = n
            like = published_figure(name, generator=split.generator)
            off = None if like is None else standard_errors_off(split, like)
            row[f"{split.name}, z"] = _rounded(off, 2)
        rows.append(row)
    return rows


def standard_errors_off(split: SplitQuality, published: PublishedFigure) -> float | None:
    """How far a split is from a published figure, in standard errors of the difference.

    The published figure's own error follows from its spread over files or, where that is not known,
    from our spread over trials and its number of trials; with neither it counts as exact.

    Returns:
        None where the two are not comparable, or ours has no error.
    """
    quantity, error = published.quantity, split.errors().get(published.quantity)
    comparable = split.duration_ms == FILE_DURATION_MS and (
        split.cell == "neuronio" or quantity in INPUT_QUANTITIES
    )
    if split.generator != published.generator or not comparable or not error:
        return None
    theirs = 0.0
    if published.trials is not None and published.sd is not None:
        theirs = published.sd / np.sqrt(published.trials / FILE_TRIALS)
    elif published.trials is not None:
        theirs = error * np.sqrt(split.n()[quantity]["trials"] / published.trials)
    return (split.figures()[quantity] - published.mean) / float(np.hypot(error, theirs))


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or np.isnan(value) else float(f"{value:.{digits}g}")


def _histogram(values: np.ndarray, edges: np.ndarray) -> dict[str, list]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return {"edges": edges.tolist(), "counts": counts.tolist()}
