"""What sums over clusters of synapses cannot tell, by the neuron itself: `python docs/pooling.py`.

Simulates test trials of the study, and each of them again with the synapses of every cluster
exchanged by lot (for the whole trial, excitatory and inhibitory ones apart): a model that reads the
clusters' sums sees no difference. Writes the table `pooling` of docs/training.md. Some six minutes
of one core for 24 trials and one number of clusters.
"""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neuronio.config import load_config
from neuronio.conventions import BUSY_SPIKES, IGNORE_MS
from neuronio.data.matching import match_sorted
from neuronio.data.trial import InputEvents, Recording
from neuronio.files import write_atomic
from neuronio.markdown import table, with_block
from neuronio.simulation.engines.base import available_cores
from neuronio.simulation.jobs import Job
from neuronio.simulation.queue import Draw
from neuronio.surrogate.protocol import SomaScale

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "training.md"
# With the trial as it is they fill the lanes of a vector.
EXCHANGES = 15
TOLERANCES_MS = (1, 2, 5)
# Several times as many trials as are wanted have this many that are not busy.
MOST_DRAWS = 4


def exchanged(inputs: InputEvents, clusters: int, rng: np.random.Generator) -> InputEvents:
    """The same spikes with the synapses of every cluster (PooledElm's) exchanged by lot."""
    segments = inputs.n_segments
    bound = np.arange(clusters + 1) * segments // clusters
    other = np.arange(2 * segments)
    for low, high in pairwise(bound):
        for first in (low, low + segments):
            other[first : first + high - low] = first + rng.permutation(high - low)
    synapse = other[inputs.synapse]
    order = np.lexsort((synapse, inputs.time_ms))
    kept = synapse[order].astype(inputs.synapse.dtype)
    return InputEvents(segments, inputs.duration_ms, kept, inputs.offset)


class Lost(NamedTuple):
    """What exchanges change in one trial, after its start.

    Attributes:
        one, mean: squared error of the soma (mV2) of one exchange, and of the mean of all there
            could be.
        spikes: of the trial; of_all: of all exchanges.
        pairs: spikes of all exchanges that are within each tolerance of one of the trial's.
    """

    one: float
    mean: float
    spikes: int
    of_all: int
    pairs: tuple[int, ...]


def lost(true: Recording, others: list[Recording]) -> Lost:
    """What of a trial the exchanges do not say; the soma is clipped as scores clip it."""
    scale = SomaScale()
    true_t, other_rt = (
        scale.clipped(np.asarray(soma, float))[..., IGNORE_MS:]
        for soma in (true.soma_mV, np.stack([r.soma_mV for r in others]))
    )
    # The mean of few exchanges is off by a share of their variance.
    noise = other_rt.var(axis=0, ddof=1).mean() / len(others)
    spikes, *found = ([t for t in r.spike_ms if t >= IGNORE_MS] for r in (true, *others))
    return Lost(
        one=float(np.square(other_rt - true_t).mean()),
        mean=float(np.square(other_rt.mean(axis=0) - true_t).mean() - noise),
        spikes=len(spikes),
        of_all=sum(map(len, found)),
        pairs=tuple(
            sum(len(match_sorted(spikes, times, tolerance)) for times in found)
            for tolerance in TOLERANCES_MS
        ),
    )


@cache
def made() -> tuple[Job, object]:
    """The study's test trials and their engine, once a process."""
    job = Job.of(load_config(ROOT / "config" / "study.yaml"), "test")
    return job, job.make_engine()


def of_trial(index: int, clusters: list[int]) -> list[Lost] | None:
    """What is lost of a test trial, by the number of clusters; None if it is a busy one."""
    job, engine = made()
    inputs = job.draw_inputs(Draw(index, 0), engine.segment_table())
    found = []
    for count in clusters:
        rng = np.random.default_rng([index, count])
        others = [exchanged(inputs, count, rng) for _ in range(EXCHANGES)]
        true, *recordings = engine.run([inputs, *others])
        if len(true.spike_ms) > BUSY_SPIKES:
            return None
        found.append(lost(true, recordings))
    return found


def cells(count: int, trials: list[Lost]) -> list[object]:
    """One line of the table."""
    squares = (np.mean([getattr(t, key) for t in trials]) for key in ("one", "mean"))
    one, mean = (np.sqrt(max(square, 0.0)) for square in squares)
    true = EXCHANGES * sum(t.spikes for t in trials)
    both = true + sum(t.of_all for t in trials)
    f1 = [2 * sum(t.pairs[i] for t in trials) / both for i in range(len(TOLERANCES_MS))]
    return [count, f"{one:.3f}", f"{mean:.3f}", *(f"{value:.2f}" for value in f1)]


def main() -> None:
    """Simulate, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--clusters", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--workers", type=int, default=available_cores())
    given = parser.parse_args()
    made()  # compiles once
    found: list[list[Lost]] = []
    work = partial(of_trial, clusters=given.clusters)
    with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as processes:
        for of_one in processes.map(work, range(MOST_DRAWS * given.trials)):
            if of_one:
                found.append(of_one)
                print(f"{len(found)} of {given.trials} trials", flush=True)
            if len(found) == given.trials:
                processes.shutdown(cancel_futures=True)
                break
    head = ["clusters", "soma RMSE of one, mV", "of their mean, mV"]
    head += [f"F1 within {tolerance} ms" for tolerance in TOLERANCES_MS]
    rows = [cells(k, [t[i] for t in found]) for i, k in enumerate(given.clusters)]
    spikes = sum(of_one[0].spikes for of_one in found)
    text = f"{len(found)} trials with {spikes} spikes:\n\n{table(head, rows)}"
    write_atomic(PAGE, with_block(PAGE.read_text(), "pooling", text).encode())
    print(text)


if __name__ == "__main__":
    main()
