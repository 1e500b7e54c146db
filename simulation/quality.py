"""The quality of a dataset: what a reader checks before trusting it, beside published figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.conventions import BUSY_SPIKES
from neuronio.data.reference import published_data
from neuronio.data.shard import Shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError

WINDOW_MS = 100
SOMA_EDGES_MV = np.arange(-100.0, 61.0)
ISI_EDGES_MS = np.geomspace(1, 10_000, 41)
FILE_TRIALS, FILE_DURATION_MS = 128, 6000
EXAMPLES = 6

INPUT_QUANTITIES = ("excitatory_low", "excitatory_high", "inhibitory_low", "inhibitory_high")
LABELS = {
    "spikes_per_128_trials": "Output spikes in 128 trials of 6 s",
    "output_rate_hz": "Output rate (Hz)",
    "excitatory_low": "Excitatory spikes in 100 ms, 5th percentile",
    "excitatory_high": "Excitatory spikes in 100 ms, 95th percentile",
    "inhibitory_low": "Inhibitory spikes in 100 ms, 5th percentile",
    "inhibitory_high": "Inhibitory spikes in 100 ms, 95th percentile",
    "silent_share": "Trials without output spikes",
    "busy_share": f"Trials with more than {BUSY_SPIKES} output spikes",
    "isi_median_ms": "Median inter-spike interval (ms)",
    "isi_cv": "Coefficient of variation of the intervals",
    "soma_mean_mV": "Soma voltage, mean (mV)",
    "soma_sd_mV": "Soma voltage, standard deviation (mV)",
}


@dataclass(frozen=True)
class SplitQuality:
    """What was measured on one split of n trials of T ms.

    Attributes:
        name, cell, generator: what the split is.
        duration_ms: T.
        n_spikes: (n,) output spikes of each trial.
        isi_ms: every inter-spike interval, ms.
        input_percentiles: (n, 4): excitatory 5th and 95th, then inhibitory, of the spikes of all
            synapses in sliding windows of 100 ms.
        soma_counts: samples of the 1 kHz soma voltage in the bins of `SOMA_EDGES_MV`.
        soma_mean_mV, soma_sd_mV: of every sample.
        examples: (trial index, inputs, recording) of a few trials.
    """

    name: str
    cell: str
    generator: str
    duration_ms: int
    n_spikes: np.ndarray
    isi_ms: np.ndarray
    input_percentiles: np.ndarray
    soma_counts: np.ndarray
    soma_mean_mV: float
    soma_sd_mV: float
    examples: tuple[tuple[int, InputEvents, Recording], ...]

    @property
    def rate_hz(self) -> np.ndarray:
        """Output rate of each trial, Hz."""
        return self.n_spikes / (self.duration_ms / 1000)

    def figures(self) -> dict[str, float]:
        """The quantities of `LABELS`."""
        inputs = self.input_percentiles.mean(axis=0)
        rate, isi = float(self.rate_hz.mean()), self.isi_ms
        return {
            "spikes_per_128_trials": rate * FILE_TRIALS * FILE_DURATION_MS / 1000,
            "output_rate_hz": rate,
            **dict(zip(INPUT_QUANTITIES, inputs.tolist(), strict=True)),
            "silent_share": float((self.n_spikes == 0).mean()),
            "busy_share": float((self.n_spikes > BUSY_SPIKES).mean()),
            "isi_median_ms": float(np.median(isi)) if len(isi) else float("nan"),
            "isi_cv": float(isi.std() / isi.mean()) if len(isi) else float("nan"),
            "soma_mean_mV": self.soma_mean_mV,
            "soma_sd_mV": self.soma_sd_mV,
        }

    def errors(self) -> dict[str, float]:
        """Standard error over trials of the first six quantities."""
        n = len(self.n_spikes)
        spread = [self.rate_hz, *self.input_percentiles.T]
        rate, *inputs = (
            float(x.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan") for x in spread
        )
        return {
            "spikes_per_128_trials": rate * FILE_TRIALS * FILE_DURATION_MS / 1000,
            "output_rate_hz": rate,
            **dict(zip(INPUT_QUANTITIES, inputs, strict=True)),
        }


def measure_split(name: str, paths: Sequence[str | Path]) -> SplitQuality:
    """Read every trial of a split once, one at a time.

    Raises:
        NeuronIOError: a shard cannot be read, or they differ in cell, generator or duration.
    """
    n_spikes, isi, percentiles = [], [], []
    examples: list[tuple[int, InputEvents, Recording]] = []
    counts, total, squares, n = np.zeros(len(SOMA_EDGES_MV) - 1, dtype=np.int64), 0.0, 0.0, 0
    what: set[tuple] = set()
    for path in paths:
        with Shard(path) as shard:
            info = shard.info
            what.add((info.get("cell"), info.get("generator"), shard.duration_ms))
            for i in range(len(shard)):
                spikes, soma, inputs = shard.spike_ms(i), shard.soma_mV(i), shard.inputs(i)
                n_spikes.append(len(spikes))
                isi.append(np.diff(spikes))
                percentiles.append(input_percentiles(inputs))
                counts += np.histogram(np.clip(soma, -99.5, 59.5), SOMA_EDGES_MV)[0]
                total += soma.sum(dtype=float)
                squares += np.square(soma, dtype=float).sum()
                n += len(soma)
                if len(examples) < EXAMPLES:
                    examples.append((int(shard.trial_index[i]), inputs, shard.recording(i)))
    if len(what) != 1:
        raise NeuronIOError(
            f"the shards of '{name}' must hold one cell, generator and duration, but hold "
            f"{len(what)}: {sorted(map(str, what))}"
        )
    (cell, generator, duration_ms) = what.pop()
    mean = total / n
    return SplitQuality(
        name,
        str(cell),
        str(generator),
        duration_ms,
        np.array(n_spikes),
        np.concatenate(isi),
        np.array(percentiles),
        counts,
        mean,
        float(np.sqrt(max(0.0, squares / n - mean**2))),
        tuple(examples),
    )


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
        "splits": {
            s.name: {
                "cell": s.cell,
                "generator": s.generator,
                "trials": len(s.n_spikes),
                "duration_ms": s.duration_ms,
                **{k: None if np.isnan(v) else v for k, v in s.figures().items()},
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

    The published training files were made as `ergodic` makes trials, the test files as `published`
    does; "sd" is their spread over files of 128 trials. Where a split's generator matches and its
    trials last 6 s, "z" is the difference from the published mean in standard errors of ours; for
    what the cell puts out, the cell must be `neuronio` too.
    """
    rows = []
    for quantity, label in LABELS.items():
        row: dict[str, Any] = {"quantity": label}
        for title, generator in (("training", "ergodic"), ("test", "published")):
            mean, spread = published_data()[generator].get(quantity, (None, None))
            row[f"published {title} files"] = mean
            row[f"published {title} files, sd"] = _rounded(spread)
        for split in splits:
            value, error = split.figures()[quantity], split.errors().get(quantity)
            row[split.name] = _rounded(value)
            row[f"{split.name}, s.e."] = _rounded(error)
            row[f"{split.name}, z"] = _rounded(_z(split, quantity, value, error), 2)
        rows.append(row)
    return rows


def _z(split: SplitQuality, quantity: str, value: float, error: float | None) -> float | None:
    published = published_data().get(split.generator, {}).get(quantity)
    comparable = split.duration_ms == FILE_DURATION_MS and (
        split.cell == "neuronio" or quantity in INPUT_QUANTITIES
    )
    if published is None or not comparable or not error:
        return None
    return (value - published[0]) / error


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or np.isnan(value) else float(f"{value:.{digits}g}")


def _histogram(values: np.ndarray, edges: np.ndarray) -> dict[str, list]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return {"edges": edges.tolist(), "counts": counts.tolist()}
