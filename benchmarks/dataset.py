"""A whole dataset job, end to end on every core: the ensemble engine against NEURON.

    python benchmarks/dataset.py [--duration-ms 1000] [--trials 160 10] [--quick]
    python benchmarks/dataset.py --kernel [--cell neuronio] [--duration-ms 6000]

Inputs, events, recording, compression, HDF5 and the start of the processes are all counted, the
compiler is not. It takes about two minutes on 2 cores.

The second is what of a shard of 128 trials the kernel is, in CPU time: everything that every
process does, against the integration of a full group of lanes. And, in a dry run, how far cores
beyond those of this machine keep their lanes full.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dry_run import dry_run

from neuronio.config import EngineConfig, RunConfig, validate_config
from neuronio.data.shard import Shard
from neuronio.files import write_json
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.dataset import simulate_shard
from neuronio.simulation.engines.ensemble.kernel import lane_count
from neuronio.simulation.engines.registry import make_engine
from neuronio.simulation.jobs import Job
from neuronio.simulation.queue import Draw

ENGINES = ("ensemble", "neuron")
GENERATORS = ("published", "ergodic")
SHARD_TRIALS = 128
# Trials and cores of the dry runs: a shard, some thousand trials and NeuronIO's own dataset.
DRY_RUNS = ((128, 1), (128, 2), (2816, 2), (2816, 16), (11520, 16))


def run(
    *, quick: bool = False, duration_ms: int = 1000, trials: Sequence[int] = (160, 10)
) -> dict[str, Any]:
    """Wall time of a job with either engine.

    Args:
        quick: a few short trials, to see that it works; the figures mean nothing.
        trials: of the ensemble engine and of NEURON.
    """
    if quick:
        duration_ms, trials = 20, (2, 1)
    make_engine(load_cell("packaged"), EngineConfig())  # what is compiled once
    seconds = {
        engine: seconds_a_trial(engine, n, duration_ms)
        for engine, n in zip(ENGINES, trials, strict=True)
    }
    rows = [
        {"engine": e, "trials": n, "s_per_trial": s, "gain": seconds["neuron"] / s}
        for (e, s), n in zip(seconds.items(), trials, strict=True)
    ]
    return {"cell": "packaged", "duration_ms": duration_ms, "engines": rows}


def seconds_a_trial(engine: str, n_trials: int, duration_ms: int) -> float:
    """Wall time of a shard of the packaged cell, s per trial."""
    config = one_shard(n_trials, duration_ms, engine={"name": engine})
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        simulate_shard(config, "train", 0, Path(folder) / "shard.h5")
        return (time.perf_counter() - started) / n_trials


def one_shard(n_trials: int, duration_ms: int, **sections: Any) -> RunConfig:
    """A run whose training trials are one shard."""
    counts = {"train": n_trials, "valid": 1, "test": 1}
    dataset = {"duration_ms": duration_ms, "trials": counts, "trials_per_shard": n_trials}
    return validate_config({"name": "bench", "dataset": dataset, **sections})


def run_kernel(
    *, cell: str = "packaged", duration_ms: int = 1000, trials: int = SHARD_TRIALS
) -> dict[str, Any]:
    """CPU time of a shard of either generator against the kernel's own, and the dry runs."""
    make_engine(load_cell(cell), EngineConfig())  # what is compiled once
    rows = [against_kernel(cell, generator, trials, duration_ms) for generator in GENERATORS]
    lanes = lane_count(np.dtype(np.float32))
    dry = []
    for n_trials, cores in DRY_RUNS:
        found = dry_run(n_trials, lanes, cores)
        row = {"trials": n_trials, "cores": cores, "of_linear": found.of_linear}
        dry.append({**row, "lanes_per_draw": found.lanes_per_draw})
    return {"cell": cell, "duration_ms": duration_ms, "lanes": lanes, "shards": rows, "dry": dry}


def against_kernel(cell: str, generator: str, trials: int, duration_ms: int) -> dict[str, Any]:
    """CPU time of a kept trial end to end, s, and of the kernel for a trial in a full group."""
    inputs, model = {"generator": generator}, {"model": cell}
    config = one_shard(trials, duration_ms, cell=model, inputs=inputs, t0_artefact=True)
    with tempfile.TemporaryDirectory() as folder:
        path, before = Path(folder) / "shard.h5", cpu_s()
        simulate_shard(config, "train", 0, path)
        spent = (cpu_s() - before) / trials
        with Shard(path) as shard:
            draws = 1 + sum(shard.info["attempts"].values()) / trials
    job = Job.of(config, "train")
    engine = job.make_engine()
    group = [job.draw_inputs(Draw(i), engine.segment_table()) for i in range(engine.batch_size)]
    started = time.process_time()
    engine.run(group)
    kernel = (time.process_time() - started) / len(group)
    row = {"generator": generator, "trials": trials, "cpu_s": spent, "kernel_s": kernel}
    return {**row, "draws_per_trial": draws, "ratio": spent / kernel / draws}


def cpu_s() -> float:
    """CPU time of this process and of those that it started and that have ended, s."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))


def kernel_lines(results: dict[str, Any]) -> list[str]:
    """The shares of the kernel, and the dry runs, as tables for a terminal."""
    head = (
        f"{results['cell']} cell, trials of {results['duration_ms']} ms, {results['lanes']} lanes"
    )
    shards = [
        f"{row['generator']:<12}{row['cpu_s']:>16.3f}{row['kernel_s']:>10.3f}"
        f"{row['draws_per_trial']:>14.2f}{row['ratio']:>24.2f}"
        for row in results["shards"]
    ]
    dry = [
        f"{row['trials']:<12}{row['cores']:>8}{row['of_linear']:>16.0%}{row['lanes_per_draw']:>18.3f}"
        for row in results["dry"]
    ]
    columns = f"{'CPU s per trial':>16}{'kernel':>10}{'draws/trial':>14}"
    return [
        *(head, "", f"{'':<12}{columns}{'of kernel x draws/trial':>24}", *shards, ""),
        *(f"{'dry trials':<12}{'cores':>8}{'of linear':>16}{'lanes per draw':>18}", *dry),
    ]


def lines(results: dict[str, Any]) -> list[str]:
    """The results as a table for a terminal."""
    head = f"{results['cell']} cell, trials of {results['duration_ms']} ms, every core"
    rows = [
        f"{row['engine']:<10}{row['trials']:>8}{row['s_per_trial']:>13.3f}{row['gain']:>7.1f}x"
        for row in results["engines"]
    ]
    return [head, "", f"{'engine':<10}{'trials':>8}{'s per trial':>13}{'gain':>8}", *rows]


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures (s) to this file")
    parser.add_argument("--duration-ms", type=int, default=1000, help="length of the trials")
    parser.add_argument("--trials", type=int, nargs=2, default=(160, 10), help="ensemble, neuron")
    parser.add_argument("--quick", action="store_true", help="see that it works, no more")
    parser.add_argument("--kernel", action="store_true", help="a shard against the kernel alone")
    parser.add_argument("--cell", default="packaged", help="cell of --kernel")
    options = parser.parse_args()
    if options.kernel:
        results = run_kernel(cell=options.cell, duration_ms=options.duration_ms)
        print("\n".join(kernel_lines(results)))
    else:
        results = run(quick=options.quick, duration_ms=options.duration_ms, trials=options.trials)
        print("\n".join(lines(results)))
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
