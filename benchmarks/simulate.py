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
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from neuronio.config import EngineConfig
from neuronio.data.trial import InputEvents
from neuronio.files import write_json
from neuronio.simulation.cell_spec import CellSpec, load_cell
from neuronio.simulation.engines.ensemble.engine import EnsembleEngine
from neuronio.simulation.engines.neuron import NeuronEngine
from neuronio.simulation.inputs.draw import make_inputs
from neuronio.simulation.inputs.splits import trial_rng

ENSEMBLES = {
    "ensemble_float64": {"precision": "float64"},
    "ensemble_float32": {"precision": "float32"},
    "ensemble_float32_tables": {"precision": "float32", "gate_tables": True},
}
BUDGET_S = 35.0
Run = Callable[[], object]


def run(
    *, quick: bool = False, cell: str = "packaged", duration_ms: int = 40, rounds: int = 5
) -> dict[str, Any]:
    """CPU time of every engine, ms per simulated ms of one cell.

    Args:
        quick: one round of short trials, to see that it works; the figures mean nothing.
        rounds: the most; fewer if they are slow.
    """
    if quick:
        duration_ms, rounds = 2, 1
    least_ms = measure(make_runs(load_cell(cell), duration_ms), duration_ms, rounds)
    rows = [
        {"engine": e, "trials": n, "ms_per_cell_ms": ms, "gain": least_ms["neuron", 1] / ms}
        for (e, n), ms in least_ms.items()
    ]
    return {"cell": cell, "duration_ms": duration_ms, "runs": rows}


def run_memory(
    *, quick: bool = False, cell: str = "packaged", trials: int = 32, duration_ms: int = 6000
) -> dict[str, Any]:
    """Peak resident memory of trials in the ensemble engine on every core, 10^6 bytes."""
    if quick:
        trials, duration_ms = 2, 20
    engine = make_engine(load_cell(cell), threads=0, gate_tables=True)
    inputs = make_trials(engine, trials, duration_ms)
    before_MB, started = peak_memory_MB(), time.perf_counter()
    engine.run(inputs)
    return {
        "trials": trials,
        "duration_ms": duration_ms,
        "peak_MB": peak_memory_MB(),
        "before_MB": before_MB,
        "wall_s": time.perf_counter() - started,
    }


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


def peak_memory_MB() -> float:
    """Peak resident memory of this process, 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def lines(results: dict[str, Any]) -> list[str]:
    """The results of either function for a terminal."""
    if "peak_MB" in results:
        return [
            f"{results['trials']} trials of {results['duration_ms']} ms: peak "
            f"{results['peak_MB']:.0f} MB ({results['before_MB']:.0f} MB before the run), "
            f"{results['wall_s']:.1f} s"
        ]
    head = (
        f"cell {results['cell']}, trials of {results['duration_ms']} ms, dt 0.025 ms, "
        "second order, one core"
    )
    rows = [
        f"{row['engine']:<26}{row['trials']:>7}{row['ms_per_cell_ms']:>17.3f}{row['gain']:>7.1f}x"
        for row in results["runs"]
    ]
    return [head, "", f"{'engine':<26}{'trials':>7}{'ms per cell-ms':>17}{'gain':>8}", *rows]


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--cell", default="packaged", help="cell model (default packaged)")
    parser.add_argument("--duration-ms", type=int, default=40, help="length of the trials")
    parser.add_argument("--rounds", type=int, default=5, help="most rounds; fewer if they are slow")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--quick", action="store_true", help="see that it works, no more")
    options = parser.parse_args()
    given = {"quick": options.quick, "cell": options.cell}
    if options.memory:
        results = run_memory(**given)
    else:
        results = run(**given, duration_ms=options.duration_ms, rounds=options.rounds)
    print("\n".join(lines(results)))
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
