"""Spike times of the NEURON engine that the ensemble engine is tested against.

    python tests/simulation/ensemble_reference.py [--cell NAME ...] [--processes 2]
    python tests/simulation/ensemble_reference.py --figure docs/figures/ensemble-divergence.png

The first runs NEURON again and rewrites golden_ensemble_spikes.json beside this file: 20 trials of
1000 ms of each cell with the `published` generator, at dt 0.025 ms, second order; of the packaged
cell also at half that dt. The second (some minutes) draws how far single precision moves spikes
beside how far halving dt moves them, in NEURON and in the ensemble engine.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("golden_ensemble_spikes.json")
CELLS = ("packaged", "neuronio", "hay2011")
TRIALS, DURATION_MS, SEED = 20, 1000, 4
DT_MS, HALF_DT_MS = 0.025, 0.0125
FIGURE_TRIALS = 128
FIGURE_TRIAL, FIGURE_WINDOW_MS = 22, (740, 990)  # a spike so near threshold that dt decides it


def reference_inputs(segments, count: int = TRIALS, duration_ms: int = DURATION_MS) -> list:
    """Inputs of the reference trials for a cell's dendritic segments."""
    from neuronio.simulation.inputs.draw import make_inputs
    from neuronio.simulation.inputs.splits import trial_rng

    return [
        make_inputs("published", {}, segments, duration_ms, trial_rng(SEED, i))
        for i in range(count)
    ]


def neuron_trials(name: str, trials: list[int], dt_ms: float) -> list:
    """Recordings of reference trials in NEURON."""
    from neuronio.config import EngineConfig
    from neuronio.simulation.cell_spec import load_cell
    from neuronio.simulation.engines.neuron import NeuronEngine

    settings = EngineConfig(name="neuron", dt_ms=dt_ms)
    engine = NeuronEngine(load_cell(name), settings, record_soma_8khz=True)
    inputs = reference_inputs(engine.segment_table(), max(trials) + 1)
    return engine.run([inputs[trial] for trial in trials])


def refresh(cells: list[str], processes: int) -> None:
    """Run NEURON and write the golden file; each process runs a share of a cell's trials."""
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    for name in cells:
        halved = [("spike_ms_half_dt", HALF_DT_MS)] if name == "packaged" else []
        for key, dt_ms in [("spike_ms", DT_MS), *halved]:
            spikes: list = [None] * TRIALS
            with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
                shares = [list(range(TRIALS))[k::processes] for k in range(processes)]
                parts = [pool.submit(neuron_trials, name, share, dt_ms) for share in shares]
                for share, part in zip(shares, parts, strict=True):
                    for trial, recording in zip(share, part.result(), strict=True):
                        spikes[trial] = recording.spike_ms.tolist()
            golden.setdefault(name, {})[key] = spikes
            GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


def nearest_ms(found: list[list[float]], expected: list[list[float]]) -> np.ndarray:
    """For each expected spike, the distance of the nearest found one in its trial, ms."""
    distances = []
    for mine, theirs in zip(found, expected, strict=True):
        for spike in theirs:
            distances.append(np.abs(np.array(mine) - spike).min(initial=np.inf))
    return np.array(distances)


def ensemble_run(**changes) -> list:
    """Recordings of the packaged cell's trials in the ensemble engine, FIGURE_TRIALS of them."""
    from neuronio.config import EngineConfig
    from neuronio.simulation.cell_spec import load_cell
    from neuronio.simulation.engines.ensemble import EnsembleEngine

    settings = EngineConfig(name="ensemble", **changes)
    engine = EnsembleEngine(load_cell("packaged"), settings, record_soma_8khz=True)
    return engine.run(reference_inputs(engine.segment_table(), FIGURE_TRIALS))


def draw(path: Path) -> None:
    """Draw the figure: a trial where spikes part, and the distances of all spikes."""
    import matplotlib.pyplot as plt

    golden = json.loads(GOLDEN.read_text())["packaged"]
    tables = ensemble_run(gate_tables=True)
    runs = {
        "dt halved, float64": ensemble_run(precision="float64", dt_ms=HALF_DT_MS),
        "float32": ensemble_run(),
        "float32, tables": tables,
    }
    expected = [r.spike_ms for r in ensemble_run(precision="float64")]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
    draw_trial(left, tables[FIGURE_TRIAL])
    neuron = nearest_ms(golden["spike_ms_half_dt"], golden["spike_ms"])
    draw_distances(right, f"dt halved, NEURON ({len(neuron)} spikes)", neuron, "tab:orange")
    for (label, run), color in zip(runs.items(), ("tab:red", "tab:blue", "black"), strict=True):
        distances = nearest_ms([r.spike_ms for r in run], expected)
        draw_distances(right, f"{label} ({len(distances)} spikes)", distances, color)
    right.set_xscale("symlog", linthresh=0.125, linscale=0.4)
    right.set(xlabel="moved by more than (ms)", ylabel="share of spikes", ylim=(-0.02, 0.5))
    right.legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def draw_trial(axes, tables) -> None:
    """The soma in NEURON at two dt and in single precision with tables."""
    start, stop = FIGURE_WINDOW_MS
    window = slice(8 * start, 8 * stop)
    time_ms = np.arange(8 * start, 8 * stop) / 8
    for label, dt_ms, style in (
        ("NEURON, dt 0.025 ms", DT_MS, {"color": "black", "lw": 2.4}),
        ("NEURON, dt 0.0125 ms", HALF_DT_MS, {"color": "tab:orange", "lw": 1.2}),
    ):
        trace = neuron_trials("packaged", [FIGURE_TRIAL], dt_ms)[0].soma_8khz_mV[window]
        axes.plot(time_ms, trace, label=label, **style)
    label = "ensemble, float32, tables, dt 0.025 ms"
    axes.plot(time_ms, tables.soma_8khz_mV[window], "--", color="tab:blue", lw=1.2, label=label)
    axes.set(xlabel="time (ms)", ylabel="soma (mV)", ylim=(-75, 60))
    axes.legend(fontsize=7, loc="upper right")


def draw_distances(axes, label: str, distances_ms: np.ndarray, color: str) -> None:
    """Share of spikes that moved farther than a distance."""
    edges = np.concatenate([[0], np.geomspace(0.1, 300, 300)])
    share = [(distances_ms > edge).mean() for edge in edges]
    axes.step(edges, share, label=label, color=color, where="post")


def main() -> None:
    """Refresh the golden file, or draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", nargs="+", default=CELLS, help="cells to run again")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--figure", type=Path, help="draw to this file instead")
    arguments = parser.parse_args()
    if arguments.figure:
        draw(arguments.figure)
    else:
        refresh(arguments.cell, arguments.processes)


if __name__ == "__main__":
    main()
