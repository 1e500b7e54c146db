"""A network of fitted neurons beside the same network of NEURON cells.

    python docs/examples/network.py FIT --cell packaged --neurons 20 --duration-ms 400 --out net.png

Both have the same connections and the same background: the inputs of a trial for every neuron, of
the generator that the model's trials had. A fitted neuron's spike of ms t
arrives at t + delay; it stands for a spike of NEURON's between t + 0.5 and t + 1.5 ms (the
published rule), so that there the delay is 1 ms less. NEURON takes some 7 ms for each ms of a
packaged cell on a quiet core: 100 cells for 400 ms take five minutes or more. What a fitted neuron
says of the first 150 ms is not scored: it begins without a past, as in every training window.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import neuronio
from neuronio.conventions import SPIKE_THRESHOLD_MV
from neuronio.drawing import save_figure
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import Cell, build_cell
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.inputs.draw import make_inputs
from neuronio.surrogate.compiled_step import fast_stepper
from neuronio.surrogate.matching import SpikeList
from neuronio.surrogate.network import (
    Connections,
    Events,
    Firing,
    Network,
    Raster,
    trial_events,
)
from neuronio.surrogate.protocol import spike_bins
from neuronio.surrogate.spike_trains import spike_trains

from neuron import h  # isort: skip

DT_MS = 0.025
RATE_BIN_MS = 20
BEGIN_MS = 150


def simulate_cells(cells: list[Cell], connections: Connections, background: list[Events]) -> Raster:
    """The network in NEURON."""
    netcons = [connect(cell) for cell in cells]
    source = np.repeat(np.arange(len(cells)), np.diff(connections.first))
    delay_ms = connections.delay_ms - 1.0
    links = [
        link
        for i, j, s, d in zip(
            source, connections.target, connections.synapse, delay_ms, strict=True
        )
        for link in linked(cells[i], cells[j], int(s), float(d))
    ]
    times = [h.Vector() for _ in cells]
    for cell, spikes in zip(cells, times, strict=True):
        detector = h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma)
        detector.threshold = SPIKE_THRESHOLD_MV
        detector.record(spikes)
        links.append(detector)

    def queue() -> None:
        for ms, (row, synapse) in enumerate(background):
            for i, s in zip(row.tolist(), synapse.tolist(), strict=True):
                for netcon in netcons[i][s]:
                    netcon.event(ms)

    handler = h.FInitializeHandler(queue)
    spec, duration_ms = cells[0].spec, len(background)
    h.celsius, h.dt, h.secondorder = spec.celsius_degC, DT_MS, 2
    h.finitialize(spec.v_init_mV)
    for _ in range(round(duration_ms / DT_MS)):
        h.fadvance()
    del handler
    bins_nt = np.array([spike_bins(spikes.as_numpy(), duration_ms) for spikes in times])
    ms, neuron = np.nonzero(bins_nt.T)
    return Raster(ms, neuron, len(cells), duration_ms)


def connect(cell: Cell) -> list[list]:
    """Of each synapse, the NetCons of its components, for events from outside."""
    return [
        [netcon_to(None, point, group.weight, 0.0) for group, point in components(cell, s)]
        for s in range(2 * len(cell.segments))
    ]


def linked(source: Cell, target: Cell, synapse: int, delay_ms: float) -> list:
    """NetCons from a cell's soma to a synapse of another."""
    made = []
    for group, point in components(target, synapse):
        netcon = h.NetCon(source.soma(0.5)._ref_v, point, sec=source.soma)
        netcon.threshold = SPIKE_THRESHOLD_MV
        netcon.weight[0], netcon.delay = group.weight, delay_ms
        made.append(netcon)
    return made


def components(cell: Cell, synapse: int) -> list[tuple]:
    """Groups and point processes of a synapse; excitatory ones first, one a segment."""
    inhibitory, segment = divmod(synapse, len(cell.segments))
    groups = (group for group in cell.synapses if group.excitatory != bool(inhibitory))
    return [(group, group.points[segment]) for group in groups]


def netcon_to(source, point, weight_uS: float, delay_ms: float):
    """A NetCon with its weight and delay."""
    netcon = h.NetCon(source, point)
    netcon.weight[0], netcon.delay = weight_uS, delay_ms
    return netcon


def figure(rasters: dict[str, Raster]) -> Figure:
    """The rasters side by side, and the rates of both below."""
    drawn = plt.figure(figsize=(7, 4), layout="constrained")
    axes = drawn.subplot_mosaic([[*rasters], ["rate"] * len(rasters)], height_ratios=(2, 1))
    for name, raster in rasters.items():
        axis = axes[name]
        axis.scatter(raster.ms, raster.neuron, s=12, marker="|", linewidths=0.8, color="black")
        rate_hz = after_begin(raster).rate_hz
        axis.set(title=f"{name}: {rate_hz:.2f} Hz after {BEGIN_MS} ms", ylabel="neuron")
        axis.set(xlim=(0, raster.duration_ms), ylim=(-1, raster.neurons))
        edges = np.arange(0, raster.duration_ms + 1, RATE_BIN_MS)
        counts, _ = np.histogram(raster.ms, edges)
        axes["rate"].stairs(1e3 * counts / (raster.neurons * RATE_BIN_MS), edges, label=name)
    axes["rate"].axvspan(0, BEGIN_MS, color="0.93", linewidth=0)
    axes["rate"].set(xlim=(0, raster.duration_ms), xlabel="time (ms)", ylabel="mean rate (Hz)")
    axes["rate"].legend()
    return drawn


def after_begin(raster: Raster) -> Raster:
    """The spikes from BEGIN_MS on, counted from there."""
    kept = raster.ms >= BEGIN_MS
    ms, neuron = raster.ms[kept] - BEGIN_MS, raster.neuron[kept]
    return Raster(ms, neuron, raster.neurons, raster.duration_ms - BEGIN_MS)


def agreement(theirs: Raster, ours: Raster) -> str:
    """How many spikes of the same neuron meet, in words."""
    true, called = (by_neuron(raster) for raster in (theirs, ours))
    scores = spike_trains(true, called, theirs.duration_ms).points
    if scores["spike_f1_5ms"] is None:
        return "NEURON's cells are silent: a longer run, or more of them, would have spikes"
    within = " ".join(f"{scores[f'spike_f1_{ms}ms']:.2f} within {ms} ms" for ms in (2, 5))
    counts = true.per_trial(), called.per_trial()
    alike = any(len(set(of_neurons)) == 1 for of_neurons in counts)
    correlation = "undefined" if alike else f"{np.corrcoef(counts)[0, 1]:.2f}"
    return f"F1 of spikes {within}; correlation of counts {correlation}"


def by_neuron(raster: Raster) -> SpikeList:
    """The spikes of each neuron, as if of one trial."""
    order = np.lexsort((raster.ms, raster.neuron))
    return SpikeList(raster.neuron[order], raster.ms[order], raster.neurons)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fit", type=Path, help="a fit directory, of the cell's trials")
    parser.add_argument("--cell", default="packaged", help="cell that it was fitted to")
    parser.add_argument("--neurons", type=int, default=20)
    parser.add_argument("--connections", type=int, default=10, help="of each neuron")
    parser.add_argument("--duration-ms", type=int, default=400)
    parser.add_argument("--generator", default="published", help="of the background")
    parser.add_argument("--refractory-ms", type=int, default=5, help="of a fitted neuron")
    parser.add_argument("--probability", action="store_true", help="draw spikes; no threshold")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("network.png"))
    return parser.parse_args()


def main() -> None:
    """Run both, say the rates, draw the rasters."""
    given = parse_arguments()
    if given.duration_ms <= BEGIN_MS:
        raise NeuronIOError(f"--duration-ms is {given.duration_ms}; give more than {BEGIN_MS}")
    fitted, n = neuronio.load_model(given.fit), given.neurons
    cells = [build_cell(load_cell(given.cell)) for _ in range(n)]
    neurons = fast_stepper(fitted.module, n)
    if neurons.synapses != 2 * len(cells[0].segments):
        raise NeuronIOError(
            f"{given.fit} has {neurons.synapses} synapses, but the cell {given.cell} has "
            f"{2 * len(cells[0].segments)}; give the cell that it was fitted to"
        )
    rng = np.random.default_rng(given.seed)
    connections = Connections.random(n, given.connections, neurons.synapses, rng)
    segments = cells[0].segment_table()
    trials = [make_inputs(given.generator, {}, segments, given.duration_ms, rng) for _ in range(n)]
    background = list(trial_events(trials))
    threshold = None if given.probability else fitted.threshold
    begun = time.perf_counter()
    ours = Network(neurons, connections, Firing(threshold, given.refractory_ms), given.seed).run(
        background, given.duration_ms
    )
    between = time.perf_counter()
    theirs = simulate_cells(cells, connections, background)
    done = time.perf_counter()
    scored, true = after_begin(ours), after_begin(theirs)
    print(f"fitted  {scored.rate_hz:6.2f} Hz  {between - begun:8.2f} s")
    print(f"NEURON  {true.rate_hz:6.2f} Hz  {done - between:8.2f} s")
    print(agreement(true, scored))
    save_figure(lambda: figure({"NEURON": theirs, fitted.name: ours}), given.out)


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
