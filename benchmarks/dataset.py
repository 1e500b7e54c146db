"""A whole dataset job, end to end on every core: the ensemble engine against NEURON.

    python benchmarks/dataset.py [--duration-ms 1000] [--trials 160 10] [--quick]

Inputs, events, recording, compression, HDF5 and the start of the processes are all counted, the
compiler is not. It takes about two minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuronio.config import validate_config
from neuronio.files import write_json
from neuronio.simulation.dataset import simulate_shard
from neuronio.simulation.engines.ensemble.kernel import library
from neuronio.simulation.mechanisms import compile_mechanisms

ENGINES = ("ensemble", "neuron")


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
    compile_mechanisms()
    library()
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
    counts = {"train": n_trials, "valid": 1, "test": 1}
    dataset = {"duration_ms": duration_ms, "trials": counts, "trials_per_shard": n_trials}
    config = validate_config({"name": "bench", "engine": {"name": engine}, "dataset": dataset})
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        simulate_shard(config, "train", 0, Path(folder) / "shard.h5")
        return (time.perf_counter() - started) / n_trials


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
    options = parser.parse_args()
    results = run(quick=options.quick, duration_ms=options.duration_ms, trials=options.trials)
    print("\n".join(lines(results)))
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
