"""Spike times of the NEURON engine that the ensemble engine is tested against.

    python tests/simulation/ensemble_reference.py [--cell NAME ...] [--processes 2]

runs NEURON again and rewrites golden_ensemble_spikes.json beside this file: 20 trials of 1000 ms of
each cell with the `published` generator, at dt 0.025 ms, second order, and again at half that dt.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

GOLDEN = Path(__file__).with_name("golden_ensemble_spikes.json")
CELLS = ("packaged", "neuronio", "hay2011")
TRIALS, DURATION_MS, SEED = 20, 1000, 4


def reference_inputs(segments, count: int = TRIALS, duration_ms: int = DURATION_MS) -> list:
    """Inputs of the reference trials for a cell's dendritic segments."""
    from simulation.inputs import make_inputs, trial_rng

    return [
        make_inputs("published", {}, segments, duration_ms, trial_rng(SEED, i))
        for i in range(count)
    ]


def neuron_spikes(task: tuple[str, int, float]) -> list[float]:
    """Spike times (ms) of one reference trial in NEURON."""
    from data.config import EngineConfig
    from simulation.cell_spec import load_cell
    from simulation.neuron_engine import NeuronEngine

    name, trial, dt_ms = task
    engine = NeuronEngine(load_cell(name), EngineConfig(name="neuron", dt_ms=dt_ms))
    inputs = reference_inputs(engine.segment_table(), trial + 1)[trial]
    return engine.run([inputs])[0].spike_ms.tolist()


def main() -> None:
    """Run NEURON and write the golden file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", nargs="+", default=CELLS, help="cells to run again")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    with ProcessPoolExecutor(arguments.processes, max_tasks_per_child=1) as pool:
        for name in arguments.cell:
            for key, dt_ms in (("spike_ms", 0.025),):
                tasks = [(name, trial, dt_ms) for trial in range(TRIALS)]
                golden.setdefault(name, {})[key] = list(pool.map(neuron_spikes, tasks))
                GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
