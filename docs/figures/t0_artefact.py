"""Draws t0_artefact.svg and .png: what a synapse that is dead from t = 0 does to the voltage.

Run from the repository with `python docs/figures/t0_artefact.py`; it simulates 2 x 1 s in NEURON.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neuronio.config import EngineConfig
from neuronio.data.trial import InputEvents, Recording
from neuronio.drawing import save_figure
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.neuron import NeuronEngine
from neuronio.simulation.figures import EXCITATORY, SOMA
from neuronio.simulation.inputs.draw import make_inputs
from neuronio.simulation.inputs.splits import trial_rng

DURATION_MS = 1000
SEED, TRIAL = 1, 3


def run() -> tuple[InputEvents, Recording, Recording]:
    """One trial of the `neuronio` cell: inputs, recording without and with the artefact."""
    recordings = []
    for artefact in (False, True):
        engine = NeuronEngine(
            load_cell("neuronio"),
            EngineConfig(name="neuron"),
            t0_artefact=artefact,
            record_segments=True,
        )
        segments = engine.cell.segment_table()
        inputs = make_inputs("published", {}, segments, DURATION_MS, trial_rng(SEED, TRIAL))
        recordings += engine.run([inputs])
    return inputs, *recordings


def draw(inputs: InputEvents, live: Recording, dead: Recording) -> Figure:
    """The segment that changes most, the soma, and the difference at the soma."""
    silenced = inputs.first_ms_synapses()
    excitatory = silenced[silenced < inputs.n_segments]
    change = np.abs(live.segments_mV - dead.segments_mV).mean(axis=1)
    segment = int(excitatory[np.argmax(change[excitatory])])
    time = np.arange(DURATION_MS)
    figure = Figure(figsize=(7.1, 4.6), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": [1.5, 1.5, 1]})
    pairs = ((live.segments_mV[segment], dead.segments_mV[segment]), (live.soma_mV, dead.soma_mV))
    for axis, (with_all, without) in zip(axes, pairs, strict=False):
        axis.plot(time, with_all, color=SOMA, label="every synapse works")
        axis.plot(time, without, color=EXCITATORY, label=f"{len(silenced)} synapses are dead")
    arrivals = inputs.time_ms[inputs.synapse == segment]
    top = axes[0].get_ylim()[1]
    axes[0].plot(arrivals, np.full(len(arrivals), top), "|", color="0.3", clip_on=False)
    axes[0].set_ylabel(f"Segment {segment} (mV)")
    axes[0].set_title(
        f"marks: the {len(arrivals)} input spikes of its excitatory synapse, which is dead",
        loc="left",
    )
    axes[1].set_ylabel("Soma (mV)")
    axes[1].legend(loc="upper left", ncols=2)
    difference = np.abs(dead.soma_mV - live.soma_mV)
    quiet = difference[: int(min([DURATION_MS, *live.spike_ms, *dead.spike_ms])) - 10]
    axes[2].semilogy(time, np.maximum(difference, 1e-3), color="0.3")
    axes[2].set_ylabel("Soma, apart (mV)")
    axes[2].set_xlabel("Time (ms)")
    rms = np.sqrt(np.mean(quiet**2))
    axes[2].set_title(f"{rms:.2f} mV rms until {len(quiet)} ms", loc="left")
    axes[2].set_xlim(0, DURATION_MS)
    return figure


if __name__ == "__main__":
    trial = run()
    save_figure(lambda: draw(*trial), Path(__file__).with_suffix(""))
