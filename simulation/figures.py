"""Figures of trials, of two runs compared, and of a dataset's quality.

Excitation is orange, inhibition blue, the soma black and the nexus purple everywhere. The same data
give the same bytes: no dates, and fixed identifiers in the SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from neuronio.conventions import IGNORE_MS, SAMPLES_PER_MS
from neuronio.data.reference import published_figure
from neuronio.data.shard import SegmentTable, Shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.drawing import save_figure
from neuronio.simulation.compare import TOLERANCES_MS, Comparison
from neuronio.simulation.quality import ISI_EDGES_MS, SOMA_EDGES_MV, SplitQuality

EXCITATORY, INHIBITORY, SOMA, NEXUS = "#D55E00", "#0072B2", "#000000", "#AA5FA0"
Style = tuple[str, Literal["-", "--", "-.", ":"]]  # colour and line
STYLES: Sequence[Style] = (("#000000", "-"), ("#0072B2", "--"), ("#D55E00", "-."), ("#009E73", ":"))


def plot_trial(
    inputs: InputEvents,
    recording: Recording,
    path: str | Path,
    segments: SegmentTable | None = None,
    title: str = "",
) -> list[Path]:
    """One trial: input raster and rates, soma and nexus voltage, output spikes marked.

    Args:
        segments: draws the border between basal and apical segments where given.
    """

    def draw() -> Figure:
        figure = Figure(figsize=(9, 5.4), layout="constrained")
        axes = figure.subplots(
            4, 1, sharex=True, gridspec_kw={"height_ratios": [2.2, 2.2, 1, 2.8], "hspace": 0.02}
        )
        _raster(axes[0], inputs, 0, EXCITATORY, "Excitatory\nsynapse", segments)
        _raster(axes[1], inputs, inputs.n_segments, INHIBITORY, "Inhibitory\nsynapse", segments)
        _input_rates(axes[2], inputs)
        _voltages(axes[3], recording)
        axes[3].set_xlabel("Time (s)")
        axes[3].set_xlim(0, inputs.duration_ms / 1000)
        for axis in axes[:-1]:
            axis.spines["bottom"].set_visible(False)
            axis.tick_params(bottom=False)
        figure.suptitle(title or _describe(inputs, recording), fontsize=9)
        figure.align_ylabels(axes)
        return figure

    return save_figure(draw, path)


def plot_comparison(comparison: Comparison, path: str | Path) -> list[Path]:
    """Two runs compared: the worst trial, how far spikes move, and every trial's difference."""
    worst = comparison.worst
    recordings = []
    for shard_path in (comparison.path_a, comparison.path_b):
        with Shard(shard_path) as shard:
            place = int(np.flatnonzero(shard.trial_index == worst.trial_index)[0])
            recordings.append(shard.recording(place))

    def draw() -> Figure:
        figure = Figure(figsize=(9, 5), layout="constrained")
        layout = figure.subplot_mosaic([["v", "v"], ["d", "d"], ["lag", "rms"]])
        _worst_trial(layout["v"], layout["d"], comparison, recordings)
        _lags(layout["lag"], comparison)
        _differences(layout["rms"], comparison)
        (a, b), trials = comparison.n_spikes, len(comparison.trials)
        paths = comparison.path_a, comparison.path_b
        alike = paths[0].name == paths[1].name
        names = ["/".join(path.absolute().parts[-2 if alike else -1 :]) for path in paths]
        runs = f"a: {names[0]}, {a} spikes    b: {names[1]}, {b} spikes"
        figure.suptitle(f"{runs}    trials: {trials}", fontsize=9)
        return figure

    return save_figure(draw, path)


def plot_quality(splits: Sequence[SplitQuality], path: str | Path) -> list[Path]:
    """Distributions of each split: output, intervals, soma voltage and inputs."""

    def draw() -> Figure:
        figure = Figure(figsize=(9, 4.8), layout="constrained")
        axes = figure.subplots(2, 3)
        for split, style in zip(splits, _styles(len(splits)), strict=True):
            _distributions(axes.ravel(), split, *style)
        for axis, letter in zip(axes.ravel(), "abcdef", strict=True):
            axis.set_title(letter, loc="left", fontweight="bold")
        handles = [Line2D([], [], color=c, linestyle=s) for c, s in _styles(len(splits))]
        labels = [_of(s) for s in splits]
        if any(s.generator == "ergodic" for s in splits):
            _published_inputs(axes[1, 1:])
            handles.append(Line2D([], [], color="0.5", linewidth=0.8))
            labels.append("mean of the published training files")
        figure.legend(handles, labels, loc="outside upper center", ncols=min(2, len(labels)))
        return figure

    return save_figure(draw, path)


def plot_examples(splits: Sequence[SplitQuality], path: str | Path) -> list[Path]:
    """A page of example trials from the first split: input rates above the soma voltage."""
    examples = splits[0].examples

    def draw() -> Figure:
        rows = -(-len(examples) // 2)
        height = 0.7 + 2.1 * rows
        figure = Figure(figsize=(9, height))
        margins = {"left": 0.065, "right": 0.985, "bottom": 0.45 / height, "top": 1 - 0.25 / height}
        grid = figure.add_gridspec(rows, 2, wspace=0.16, hspace=0.3, **margins)
        for i, (index, inputs, recording) in enumerate(examples):
            cell = grid[i // 2, i % 2].subgridspec(2, 1, height_ratios=[1, 2], hspace=0.12)
            top, bottom = cell.subplots(sharex=True, squeeze=False)[:, 0]
            _input_rates(top, inputs, legend=i == 0)
            _voltages(bottom, recording, nexus=False)
            top.set_title(f"trial {index}: {len(recording.spike_ms)} output spikes", loc="left")
            top.spines["bottom"].set_visible(False)
            top.tick_params(bottom=False, labelbottom=False)
            bottom.set_xlim(0, inputs.duration_ms / 1000)
            if i >= len(examples) - 2:
                bottom.set_xlabel("Time (s)")
        return figure

    return save_figure(draw, path)


def _raster(axis: Axes, inputs: InputEvents, first: int, colour: str, label: str, segments) -> None:
    mine = (inputs.synapse >= first) & (inputs.synapse < first + inputs.n_segments)
    time, row = inputs.time_ms[mine] / 1000, inputs.synapse[mine].astype(int) - first
    dots: dict = {"markersize": 1.1, "markeredgewidth": 0, "alpha": 0.75, "rasterized": True}
    axis.plot(time, row, "o", color=colour, **dots)
    axis.set_ylim(-0.01 * inputs.n_segments, 1.01 * inputs.n_segments)
    axis.set_ylabel(label)
    if segments is None:
        return
    border = int(np.count_nonzero(segments.type == "basal"))
    axis.axhline(border, color="0.3", linewidth=0.6)
    middles = {"basal": border / 2, "apical": (border + inputs.n_segments) / 2}
    for name, middle in middles.items():
        axis.text(
            1.005, middle, name, transform=axis.get_yaxis_transform(), va="center", fontsize=7
        )


def _input_rates(axis: Axes, inputs: InputEvents, legend: bool = True) -> None:
    """Input spikes of all synapses in a moving window of 20 ms, a ms."""
    window = min(20, inputs.duration_ms)
    excitatory = inputs.synapse < inputs.n_segments
    for kind, colour, label in (
        (excitatory, EXCITATORY, "excitatory"),
        (~excitatory, INHIBITORY, "inhibitory"),
    ):
        per_ms = np.bincount(inputs.time_ms[kind], minlength=inputs.duration_ms)
        smooth = np.convolve(per_ms, np.ones(window) / window, mode="same")
        axis.plot(np.arange(len(smooth)) / 1000, smooth, color=colour, linewidth=0.8, label=label)
    axis.set_ylabel("Inputs\nper ms")
    axis.set_ylim(bottom=0)
    if legend:
        axis.legend(loc="lower right", ncols=2, borderaxespad=0, bbox_to_anchor=(1, 0.93))


def _voltages(axis: Axes, recording: Recording, nexus: bool = True) -> None:
    """Soma (at 8 kHz where kept) and nexus voltage; a triangle above each output spike."""
    if nexus:
        time = np.arange(len(recording.nexus_mV)) / 1000
        axis.plot(time, recording.nexus_mV, color=NEXUS, linewidth=0.8, label="nexus")
    soma, rate = _soma(recording)
    axis.plot(np.arange(len(soma)) / rate / 1000, soma, color=SOMA, linewidth=0.8, label="soma")
    spikes = recording.spike_ms / 1000
    top = 48
    axis.plot(spikes, np.full(len(spikes), top), "v", color=SOMA, markersize=4, clip_on=False,
              label="output spike")  # fmt: skip
    axis.set_ylim(min(-85.0, float(np.nanmin(soma)) - 3), top + 4)
    axis.set_yticks([-80, -40, 0, 40])
    axis.set_ylabel("Voltage (mV)" if nexus else "Soma (mV)")
    if nexus:
        axis.legend(loc="lower right", ncols=3, borderaxespad=0, bbox_to_anchor=(1, 0.98))


def _soma(recording: Recording) -> tuple[np.ndarray, int]:
    """The finest soma voltage there is, and its samples per ms."""
    if recording.soma_8khz_mV is not None:
        return recording.soma_8khz_mV, SAMPLES_PER_MS
    return recording.soma_mV, 1


def _describe(inputs: InputEvents, recording: Recording) -> str:
    n_inhibitory = inputs.n_events - inputs.n_excitatory
    return (
        f"{inputs.n_excitatory:,} excitatory and {n_inhibitory:,} inhibitory input spikes on "
        f"{inputs.n_segments} segments, {len(recording.spike_ms)} output spikes"
    )


def _worst_trial(
    voltage: Axes, difference: Axes, comparison: Comparison, recordings: list[Recording]
) -> None:
    (v_a, rate), (v_b, rate_b) = (_soma(r) for r in recordings)
    if rate != rate_b:
        v_a, v_b, rate = recordings[0].soma_mV, recordings[1].soma_mV, 1
    time = np.arange(len(v_a)) / rate / 1000
    voltage.plot(time, v_a, color=SOMA, label="a")
    voltage.plot(time, v_b, "--", color=EXCITATORY, linewidth=0.8, label="b")
    voltage.set_ylabel("Soma (mV)")
    worst = comparison.worst
    voltage.set_title(
        f"Trial {worst.trial_index}, the worst: {worst.rms_mV:.3g} mV rms", loc="left"
    )
    gap = np.abs(np.asarray(v_b, dtype=float) - v_a)
    difference.semilogy(time, np.maximum(gap, 1e-7), color="0.25", linewidth=0.7)
    difference.set_ylabel("|b - a| (mV)")
    difference.set_xlabel("Time (s)")
    if worst.diverged_ms is not None:
        for axis in (voltage, difference):
            axis.axvline(
                worst.diverged_ms / 1000, color=INHIBITORY, linewidth=0.8, label="they part"
            )
    voltage.legend(loc="lower right", ncols=3, borderaxespad=0, bbox_to_anchor=(1, 1.02))
    difference.sharex(voltage)
    voltage.set_xlim(0, time[-1])


def _lags(axis: Axes, comparison: Comparison) -> None:
    lags = np.concatenate([np.array(t.lag_ms) for t in comparison.trials] or [np.zeros(0)])
    widest = TOLERANCES_MS[-1]
    edges = np.arange(-widest - 0.0625, widest + 0.125, 0.125)
    counts, _, _ = axis.hist(lags, edges.tolist(), color="0.35")
    if np.max(counts) > 50:
        axis.set_yscale("symlog", linthresh=1)
    else:
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    shares = "\n".join(f"{100 * comparison.coincidence(t):.1f}% in {t:g} ms" for t in TOLERANCES_MS)
    shares += "\nof {} and {} spikes".format(*comparison.n_spikes)
    axis.text(0.98, 0.95, shares, transform=axis.transAxes, ha="right", va="top", fontsize=7)
    axis.set_xlabel("Spike in b after spike in a (ms)")
    axis.set_ylabel("Spikes")


def _differences(axis: Axes, comparison: Comparison) -> None:
    trials = sorted(comparison.trials, key=lambda t: t.rms_mV)
    rank = np.arange(1, len(trials) + 1)
    for name, marker, colour, label in (
        ("rms_mV", "o", SOMA, "whole trial"),
        ("rms_before_mV", "x", INHIBITORY, "until its spikes part"),
    ):
        rms = np.maximum([getattr(t, name) for t in trials], 1e-7)
        axis.plot(rank, rms, marker, color=colour, markersize=3.5, label=label)
    axis.set_yscale("log")
    axis.set_xlabel("Trial, by size of its difference")
    axis.set_ylabel("|b - a| (mV rms)")
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.legend(loc="upper left")


def _styles(n: int) -> list[Style]:
    return [STYLES[i % len(STYLES)] for i in range(n)]


def _of(split: SplitQuality) -> str:
    n = f"{len(split.n_spikes):,} trials, {split.n_spikes.sum():,} spikes"
    late = f"{split.n_spikes_late.sum():,} after {IGNORE_MS} ms"
    return f"{split.name}: {n} ({late}), {split.generator} inputs"


def _distributions(axes: Sequence[Axes], split: SplitQuality, colour: str, line: str) -> None:
    options: dict[str, Any] = {"color": colour, "linestyle": line}
    most = int(split.n_spikes.max(initial=1))
    steps = np.arange(-0.5, most + 1.5, max(1, most // 30))
    _outline(axes[0], split.n_spikes, steps, **options)
    axes[0].set_xlabel("Output spikes in a trial")
    _cumulative(axes[1], split.rate_hz, **options)
    axes[1].set_xlabel(f"Output rate of a trial after {IGNORE_MS} ms (Hz)")
    _outline(axes[2], split.isi_ms, ISI_EDGES_MS, **options)
    axes[2].set_xscale("log")
    axes[2].set_xlabel(f"Inter-spike interval after {IGNORE_MS} ms (ms)")
    if total := split.soma_counts.sum():
        axes[3].stairs(split.soma_counts / total, SOMA_EDGES_MV, **options)
        axes[3].set_yscale("log")
    axes[3].set_xlabel(f"Soma voltage after {IGNORE_MS} ms (mV)")
    for axis, columns, kind in ((axes[4], (0, 1), "Excitatory"), (axes[5], (2, 3), "Inhibitory")):
        for column in columns:
            _cumulative(axis, split.input_percentiles[:, column], **options)
        axis.set_xlabel(f"{kind} spikes in 100 ms:\n5th and 95th percentile of a trial")
    for axis, label in zip(axes, ("trials",) * 2 + ("intervals", "samples"), strict=False):
        axis.set_ylabel(f"Share of {label}")
    axes[4].set_ylabel("Share of trials")


def _published_inputs(axes: Sequence[Axes]) -> None:
    """Where the published training files have the mean of their input percentiles."""
    for axis, kind in zip(axes, ("excitatory", "inhibitory"), strict=True):
        for end in ("low", "high"):
            if published := published_figure(f"{kind}_{end}", files="train"):
                axis.axvline(published.mean, color="0.5", linewidth=0.8, zorder=1)


def _outline(axis: Axes, values: np.ndarray, edges: np.ndarray, **options: Any) -> None:
    if len(values):
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axis.stairs(counts / len(values), edges, **options)


def _cumulative(axis: Axes, values: np.ndarray, **options: Any) -> None:
    ordered = np.sort(values)
    axis.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), where="post", **options)
    axis.set_ylim(0, 1.02)
