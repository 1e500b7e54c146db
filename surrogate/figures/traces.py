"""One trial as models predict it, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from neuronio.errors import NeuronIOError
from neuronio.surrogate.figures.marks import mark

TRUTH = "0.6"
# Where the axis of probabilities may end.
ENDS = (0.05, 0.1, 0.2, 0.5, 1.0)

Prediction = dict[str, np.ndarray]


def traces_figure(
    predictions: Mapping[str, Prediction], title: str, span_ms: int | None = None
) -> Figure:
    """One trial: for every model the soma voltage, and below it the spike probability per ms.

    Grey: the simulation, its voltage clipped at -55 mV, its spikes as bars behind the probability
    and as triangles above. All models have one axis of probabilities.

    Args:
        predictions: name of the fit, such as 'elm-20-seed0', to arrays over ms as `neuronio
            predict` writes them, all of the same trial.
        title: what is shown.
        span_ms: draw so much, where the trial has most spikes; None draws all of it.

    Raises:
        NeuronIOError: there is no prediction, or they are of different trials.
    """
    if not predictions:
        raise NeuronIOError("no predictions given; give one or more")
    first, *others = predictions.values()
    for name, other in zip(list(predictions)[1:], others, strict=True):
        if not np.array_equal(other["true_soma_mV"], first["true_soma_mV"]):
            raise NeuronIOError(f"'{name}' predicts another trial than the first; give one trial")
    shown = _busiest(first["true_spikes"], span_ms)
    n = len(predictions)
    height = 3.4 if n == 1 else 0.7 + 1.15 * n
    close = ConstrainedLayoutEngine(hspace=0.02, h_pad=0.02)
    figure = Figure(figsize=(7.1, height), layout=close)
    axes = figure.subplots(2 * n, 1, sharex=True, height_ratios=(2.2, 1) * n)
    lowest = min(p["true_soma_mV"][shown].min() for p in predictions.values())
    likeliest = max(p["spike_probability"][shown].max() for p in predictions.values())
    end = next((end for end in ENDS if end >= likeliest), 1.0)
    for i, (name, prediction) in enumerate(predictions.items()):
        soma, spike = axes[2 * i], axes[2 * i + 1]
        _draw(soma, spike, name, {key: value[shown] for key, value in prediction.items()}, shown)
        spike.set_ylim(0, 1.05 * end)
        spike.set_yticks([0, end], ["0", f"{end:g}"])
        soma.set_ylim(bottom=lowest - 2)
        if i == 0:
            soma.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1.0), borderaxespad=0.2)
    words = "P: spike probability per ms"
    figure.suptitle(f"{title}; {words}" if title else words, fontsize=7, color="0.3", x=0.3)
    axes[-1].set_xlabel("Time (s)")
    axes[-1].set_xlim(shown.start / 1000, shown.stop / 1000)
    return figure


def _busiest(spikes: np.ndarray, span_ms: int | None) -> slice:
    """The span of a trial with most spikes, the first of equals."""
    if span_ms is None or span_ms >= len(spikes):
        return slice(0, len(spikes))
    before = np.concatenate([[0], np.cumsum(spikes)])
    counts = before[span_ms:] - before[:-span_ms]
    start = int(np.argmax(counts))
    # Leave as much before the first spike as after the last one.
    at = np.flatnonzero(spikes[start : start + span_ms])
    if len(at):
        start = max(0, start - (span_ms - 1 - int(at[-1] - at[0])) // 2 + int(at[0]))
    start = min(start, len(spikes) - span_ms)
    return slice(start, start + span_ms)


def _draw(soma: Axes, spike: Axes, name: str, p: Prediction, shown: slice) -> None:
    seconds = np.arange(shown.start, shown.stop) / 1000
    colour = mark(name.split("-")[0]).colour
    soma.plot(seconds, p["true_soma_mV"], color=TRUTH, linewidth=1.8, label="simulated")
    soma.plot(seconds, p["soma_mV"], color=colour, linewidth=0.8, label="surrogate (coloured)")
    times = seconds[np.flatnonzero(p["true_spikes"])]
    top = max(float(p["true_soma_mV"].max()), float(p["soma_mV"].max())) + 1.5
    if len(times):
        marks = np.full(len(times), top)
        soma.plot(times, marks, "v", color="k", markersize=3, linestyle="none", label="spike")
    soma.set_ylabel("mV")
    soma.yaxis.set_major_locator(MaxNLocator(3, prune="lower"))
    soma.spines["bottom"].set_visible(False)
    soma.tick_params(bottom=False)
    soma.set_title(name, loc="left", fontweight="bold", fontsize=7, pad=1)
    spike.vlines(times, 0, 1, color=TRUTH, linewidth=1.8)
    spike.plot(seconds, p["spike_probability"], color=colour, linewidth=0.9)
    spike.set_ylabel("P")
