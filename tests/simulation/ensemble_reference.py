"""Spike times of the NEURON engine that the ensemble engine is tested against.

    python tests/simulation/ensemble_reference.py [--cell NAME ...] [--processes 2]
    python tests/simulation/ensemble_reference.py --figure docs/figures/ensemble-divergence.png

The first runs NEURON again and rewrites golden_ensemble_spikes.json beside this file: 20 trials of
1000 ms of each cell with the `published` generator, at dt 0.025 ms, second order; of the packaged
cell also at half that dt. The second draws how far from NEURON's the ensemble engine's spikes lie,
beside how far NEURON's own spikes move when dt is halved.
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


def reference_inputs(segments, count: int = TRIALS, duration_ms: int = DURATION_MS) -> list:
    """Inputs of the reference trials for a cell's dendritic segments."""
    from simulation.inputs import make_inputs, trial_rng

    return [
        make_inputs("published", {}, segments, duration_ms, trial_rng(SEED, i))
        for i in range(count)
    ]


def neuron_trials(name: str, trials: list[int], dt_ms: float) -> list:
    """Recordings of reference trials in NEURON."""
    from data.config import EngineConfig
    from simulation.cell_spec import load_cell
    from simulation.neuron_engine import NeuronEngine

    settings = EngineConfig(name="neuron", dt_ms=dt_ms)
    engine = NeuronEngine(load_cell(name), settings, record_soma_8khz=True)
    inputs = reference_inputs(engine.segment_table())
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


def ensemble_runs() -> dict[str, list]:
    """Recordings of the packaged cell's reference trials in each kind of ensemble arithmetic."""
    from data.config import EngineConfig
    from simulation.cell_spec import load_cell
    from simulation.ensemble import EnsembleEngine

    kinds = {
        "ensemble float64": {"precision": "float64"},
        "ensemble float32": {},
        "ensemble float32, tables": {"gate_tables": True},
    }
    runs = {}
    for label, changes in kinds.items():
        settings = EngineConfig(name="ensemble", **changes)
        engine = EnsembleEngine(load_cell("packaged"), settings, record_soma_8khz=True)
        runs[label] = engine.run(reference_inputs(engine.segment_table()))
    return runs


def draw(path: Path) -> None:
    """Draw the figure: a trial where spikes part, and the distances of all spikes."""
    import matplotlib.pyplot as plt

    golden = json.loads(GOLDEN.read_text())["packaged"]
    expected, halved = golden["spike_ms"], golden["spike_ms_half_dt"]
    runs = ensemble_runs()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
    draw_trial(left, expected, halved, runs)
    series = {label: [r.spike_ms for r in run] for label, run in runs.items()}
    draw_distances(right, expected, {"NEURON, dt halved": halved, **series})
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def draw_trial(axes, expected: list, halved: list, runs: dict[str, list]) -> None:
    """The soma around the spike that halving dt moves most."""
    moved = [
        (abs(a - b), trial, a)
        for trial, (mine, theirs) in enumerate(zip(expected, halved, strict=True))
        for a, b in zip(mine, theirs, strict=False)
    ]
    _, trial, spike = max(moved)
    start, stop = max(0, int(spike) - 60), min(DURATION_MS, int(spike) + 40)
    window = slice(8 * start, 8 * stop)
    time_ms = np.arange(8 * start, 8 * stop) / 8
    for label, dt_ms, style in (
        ("NEURON, dt 0.025", DT_MS, {"color": "black", "lw": 2.2}),
        ("NEURON, dt 0.0125", HALF_DT_MS, {"color": "tab:orange", "lw": 1.2}),
    ):
        trace = neuron_trials("packaged", [trial], dt_ms)[0].soma_8khz_mV[window]
        axes.plot(time_ms, trace, label=label, **style)
    label = "ensemble float32, tables"
    trace = runs[label][trial].soma_8khz_mV[window]
    axes.plot(time_ms, trace, label=f"{label}, dt 0.025", color="tab:blue", ls="--", lw=1.2)
    axes.set(xlabel="time (ms)", ylabel="soma (mV)", title=f"trial {trial}, packaged cell")
    axes.legend(fontsize=7, loc="upper left")


def draw_distances(axes, expected: list, series: dict[str, list]) -> None:
    """Share of spikes farther from NEURON's at dt 0.025 than a distance."""
    edges = np.concatenate([[0], np.geomspace(0.1, 100, 200)])
    for (label, found), style in zip(series.items(), ("-", "-", "--", ":"), strict=True):
        distances = nearest_ms(found, expected)
        share = [(distances > edge).mean() for edge in edges]
        color = "tab:orange" if "NEURON" in label else None
        axes.step(edges, share, style, label=label, color=color)
    axes.set_xscale("symlog", linthresh=0.125)
    axes.set(
        xlabel="distance from NEURON at dt 0.025 (ms)",
        ylabel="share of spikes farther",
        title=f"{sum(map(len, expected))} spikes in {TRIALS} trials",
        ylim=(-0.02, 1),
    )
    axes.legend(fontsize=7)


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
