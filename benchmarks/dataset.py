"""A whole dataset job, end to end on every core: the ensemble engine against NEURON.

Inputs, events, recording, compression, HDF5 and the start of the processes are all counted.
`python benchmarks/dataset.py` takes about two minutes on 2 cores.
"""

import argparse
import tempfile
import time
from pathlib import Path

from neuronio.config import validate_config
from neuronio.simulation.dataset import simulate_shard
from neuronio.simulation.mechanisms import compile_mechanisms


def seconds_a_trial(engine: str, n_trials: int, duration_ms: int) -> float:
    """Wall time of a shard of the packaged cell, s per trial."""
    counts = {"train": n_trials, "valid": 1, "test": 1}
    dataset = {"duration_ms": duration_ms, "trials": counts, "trials_per_shard": n_trials}
    config = validate_config({"name": "bench", "engine": {"name": engine}, "dataset": dataset})
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        simulate_shard(config, "train", 0, Path(folder) / "shard.h5")
        return (time.perf_counter() - started) / n_trials


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration-ms", type=int, default=1000)
    parser.add_argument("--trials", type=int, nargs=2, default=(160, 10), help="ensemble, neuron")
    options = parser.parse_args()
    compile_mechanisms()
    seconds = {
        engine: seconds_a_trial(engine, n, options.duration_ms)
        for engine, n in zip(("ensemble", "neuron"), options.trials, strict=True)
    }
    print(f"packaged cell, trials of {options.duration_ms} ms, every core\n")
    print(f"{'engine':<10} {'s per trial':>12} {'gain':>7}")
    for engine, value in seconds.items():
        print(f"{engine:<10} {value:>12.3f} {seconds['neuron'] / value:>6.1f}x")


if __name__ == "__main__":
    main()
