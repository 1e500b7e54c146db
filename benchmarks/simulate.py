"""How fast trials are simulated: the ensemble engine beside the NEURON engine, in one run.

    python benchmarks/simulate.py [--json FILE] [--cell packaged] [--duration-ms 40] [--rounds 5]

Every engine runs the same trials of the `published` generator with dt 0.025 ms at second order on
one core, and records soma and nexus. A figure is the CPU time of the whole call, events and
recording included, per simulated ms of one cell: the least of several rounds, in which the engines
take turns so that a busy machine treats them alike. `--memory` runs 32 trials of 6 s in the
ensemble engine instead, on every core, and tells the peak resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neuronio.config import EngineConfig
from neuronio.data.trial import InputEvents
from neuronio.simulation.cell_spec import CellSpec, load_cell
from neuronio.simulation.engines.ensemble import EnsembleEngine
from neuronio.simulation.engines.neuron import NeuronEngine
from neuronio.simulation.inputs.draw import make_inputs, trial_rng

ENSEMBLES = {
    "ensemble_float64": {"precision": "float64"},
    "ensemble_float32": {"precision": "float32"},
    "ensemble_float32_tables": {"precision": "float32", "gate_tables": True},
}
BUDGET_S = 35.0
Run = Callable[[], object]


def main() -> None:
    """Measure, print the table, write the JSON."""
    arguments = parse_arguments()
    spec = load_cell(arguments.cell)
    if arguments.memory:
        measure_memory(spec)
        return
    runs = make_runs(spec, arguments.duration_ms)
    least_ms = measure(runs, arguments.duration_ms, arguments.rounds)
    print_table(arguments.cell, arguments.duration_ms, least_ms)
    if arguments.json:
        arguments.json.write_text(json.dumps(best_of_each(least_ms), indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write ms per cell-ms of each engine here")
    parser.add_argument("--cell", default="packaged", help="cell model (default packaged)")
    parser.add_argument("--duration-ms", type=int, default=40, help="length of the trials")
    parser.add_argument("--rounds", type=int, default=5, help="most rounds; fewer if they are slow")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    return parser.parse_args()


def make_engine(spec: CellSpec, threads: int = 1, **settings) -> EnsembleEngine:
    """An ensemble engine for soma and nexus."""
    return EnsembleEngine(spec, EngineConfig(name="ensemble", threads=threads, **settings))


def make_trials(engine: EnsembleEngine, count: int, duration_ms: int) -> list[InputEvents]:
    """Inputs of the `published` generator for an engine's cell."""
    segments = engine.segment_table()
    return [
        make_inputs("published", {}, segments, duration_ms, trial_rng(0, i)) for i in range(count)
    ]


def make_runs(spec: CellSpec, duration_ms: int) -> dict[tuple[str, int], Run]:
    """What to time, by (engine, trials): lanes of a register, twice as many, and one alone."""
    engines = {name: make_engine(spec, **settings) for name, settings in ENSEMBLES.items()}
    trials = make_trials(engines["ensemble_float64"], 32, duration_ms)
    neuron = NeuronEngine(spec, EngineConfig(name="neuron"))
    runs: dict[tuple[str, int], Run] = {("neuron", 1): lambda: neuron.run(trials[:1])}
    for name, engine in engines.items():
        for count in (1, engine.batch_size, 2 * engine.batch_size):
            share = trials[:count]
            runs[name, count] = lambda engine=engine, share=share: engine.run(share)
    return runs


def measure(
    runs: dict[tuple[str, int], Run], duration_ms: int, rounds: int
) -> dict[tuple[str, int], float]:
    """Least CPU time of each, ms per simulated ms of one cell."""
    least = dict.fromkeys(runs, float("inf"))
    begun = time.perf_counter()
    for _ in range(rounds):
        for key, run in runs.items():
            started = time.process_time()
            run()
            elapsed_ms = 1e3 * (time.process_time() - started)
            least[key] = min(least[key], elapsed_ms / (key[1] * duration_ms))
        if time.perf_counter() - begun > BUDGET_S / 2:
            break
    return least


def best_of_each(least_ms: dict[tuple[str, int], float]) -> dict[str, float]:
    """ms per cell-ms of each engine at its best batch size."""
    names = dict.fromkeys(name for name, _ in least_ms)
    return {name: min(ms for (n, _), ms in least_ms.items() if n == name) for name in names}


def print_table(cell: str, duration_ms: int, least_ms: dict[tuple[str, int], float]) -> None:
    """One row for each engine and batch size."""
    reference = least_ms["neuron", 1]
    print(f"cell {cell}, trials of {duration_ms} ms, dt 0.025 ms, second order, one core\n")
    print(f"{'engine':<26}{'trials':>7}{'ms per cell-ms':>17}{'gain':>8}")
    for (name, count), ms in least_ms.items():
        print(f"{name:<26}{count:>7}{ms:>17.3f}{reference / ms:>7.1f}x")
    print(f"\npeak memory with all four engines loaded: {peak_memory_MB():.0f} MB")


def peak_memory_MB() -> float:
    """Peak resident memory of this process, 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure_memory(spec: CellSpec, count: int = 32, duration_ms: int = 6000) -> None:
    """Run 32 trials of 6 s and print the peak resident memory."""
    engine = make_engine(spec, threads=0, gate_tables=True)
    trials = make_trials(engine, count, duration_ms)
    before_MB, started = peak_memory_MB(), time.perf_counter()
    engine.run(trials)
    print(
        f"{count} trials of {duration_ms} ms: peak {peak_memory_MB():.0f} MB "
        f"({before_MB:.0f} MB before the run), {time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    main()
