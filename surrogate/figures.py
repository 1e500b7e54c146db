"""Figures: accuracy against parameters, learning curves, a prediction beside the truth.

Families differ in marker, line and grey value as well as in colour, so that a grey print reads as
well. The same input gives the same bytes: no dates, and fixed identifiers in the SVG.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from neuronio.errors import NeuronIOError
from neuronio.surrogate.models import FAMILIES
from neuronio.surrogate.results_table import Row, table_rows

REFERENCE_STYLES = (("--", "0.45"), (":", "0.45"), ("-.", "0.6"))
PANELS = (
    ("auc", "Spikes: ROC AUC (log scale of 1 \N{MINUS SIGN} AUC)"),
    ("soma_rmse_mV", "Soma voltage: RMSE (mV)"),
)


def accuracy_figure(evaluations: Sequence[dict[str, Any]], reference: Sequence[Row] = ()) -> Figure:
    """Accuracy against number of parameters: AUC (a) and soma RMSE (b).

    A marker is one fit with its bootstrap interval over trials; a family's line goes through the
    means over seeds. Rows without parameters, as of chance, are not drawn. `reference` are
    published figures, which were measured on other data.

    Raises:
        NeuronIOError: no evaluation is of a model with parameters.
    """
    evaluations = [e for e in evaluations if e["model"]["parameters"] is not None]
    rows = [row for row in table_rows(evaluations) if row["parameters"] is not None]
    if not rows:
        raise NeuronIOError("no evaluation of a model with parameters; give one or more to draw")
    figure = Figure(figsize=(7.1, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True)
    for axis, letter, (score, label) in zip(axes, "ab", PANELS, strict=True):
        _reference_lines(axis, reference, score)
        for family in dict.fromkeys(row["model"] for row in rows):
            _family(axis, [row for row in rows if row["model"] == family], score)
        axis.set_xlabel("Parameters")
        axis.set_ylabel(label)
        axis.set_title(letter, loc="left", fontweight="bold")
    x = np.array([row["parameters"] for row in [*rows, *reference]])
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xlim(x.min() / 1.5, x.max() * 1.5)
        _count_ticks(axis)
    _stretch_towards_one(axes[0])
    axes[1].set_ylim(bottom=0)
    figure.suptitle(scored_words(evaluations), fontsize=7, color="0.3")
    _legend(figure, axes)
    return figure


def scored_words(evaluations: Sequence[dict[str, Any]]) -> str:
    """On what the fits were scored: trials, spikes and protocol, or ranges where they differ."""
    trials, spikes = (
        _range([document["data"][key] for document in evaluations])
        for key in ("trials_scored", "spikes")
    )
    protocols = dict.fromkeys(document["protocol"] for document in evaluations)
    return f"Scored on {trials} trials with {spikes} spikes: {'; or '.join(protocols)}"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _family(axis: Axes, rows: list[Row], score: str) -> None:
    rows = [row for row in rows if row[score] is not None]
    if not rows:
        return
    label, marker, colour = _style(rows[0]["model"])
    x = np.array([row["parameters"] for row in rows], dtype=float)
    y = np.array([row[score] for row in rows])
    sizes = np.unique(x)
    axis.plot(sizes, [y[x == size].mean() for size in sizes], color=colour, zorder=2)
    bars = [[row[score] - _or(row[f"{score}_low"], row[score]) for row in rows]]
    bars += [[_or(row[f"{score}_high"], row[score]) - row[score] for row in rows]]
    axis.errorbar(
        x,
        y,
        yerr=np.maximum(bars, 0),
        fmt=marker,
        color=colour,
        markersize=8 if marker == "*" else 6 if marker == "X" else 5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        elinewidth=0.8,
        capsize=1.5,
        label=label,
        zorder=3,
    )


def _style(model: str) -> tuple[str, str, str]:
    """Label, marker and colour of a family; plain ones of a model that is not known here."""
    try:
        family = FAMILIES[model]
    except NeuronIOError:
        return model, "h", "0.2"
    return family.label, family.marker, family.colour


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _reference_lines(axis: Axes, reference: Sequence[Row], score: str) -> None:
    labels = list(dict.fromkeys(row["label"] for row in reference))
    lines = 0
    for label in labels:
        points = [r for r in reference if r["label"] == label and r[score] is not None]
        if not points:
            continue
        x, y = [p["parameters"] for p in points], [p[score] for p in points]
        if len(points) > 1:
            style, grey = REFERENCE_STYLES[lines % len(REFERENCE_STYLES)]
            lines += 1
            axis.plot(x, y, style, color=grey, linewidth=1, zorder=1, label=f"published: {label}")
        else:
            marker = "+" if points[0]["model"].startswith("branch_elm") else "x"
            axis.plot(
                x, y, marker, color="0.45", markersize=5, zorder=1, label=f"published: {label}"
            )


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend below both panels: our fits first, then what was published."""
    entries: dict[str, Any] = {}
    for axis in axes:
        entries |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    ours = {k: v for k, v in entries.items() if not k.startswith("published: ")}
    theirs = {k.removeprefix("published: "): v for k, v in entries.items() if k not in ours}
    titled: tuple[tuple[dict[str, Any], Any, str], ...] = (
        (ours, "outside lower left", "This run"),
        (theirs, "outside lower right", "Published, measured on other data"),
    )
    for names, place, title in titled:
        if not names:
            continue
        legend = figure.legend(
            list(names.values()),
            list(names),
            loc=place,
            ncols=2 if len(names) > 2 else 1,
            title=title,
            alignment="left",
            columnspacing=1.2,
        )
        legend.get_title().set_fontweight("bold")


def _count_ticks(axis: Axes) -> None:
    """Parameter counts as 300, 1k, 30k, 1M."""
    low, high = axis.get_xlim()
    steps = (1.0, 3.0) if high / low < 3e3 else (1.0,)
    axis.xaxis.set_major_locator(LogLocator(subs=steps))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _stretch_towards_one(axis: Axes) -> None:
    """Space AUC as log(1 - AUC), so that 0.9 to 0.99 takes as much room as 0.99 to 0.999."""
    low, high = axis.dataLim.intervaly
    if low > high:  # nothing drawn: no evaluation has a spike
        return
    nearest = 1e-6

    def forward(auc):
        return -np.log10(np.maximum(1.0 - np.asarray(auc), nearest))

    axis.set_yscale("function", functions=(forward, lambda y: 1.0 - 10.0 ** -np.asarray(y)))
    margin = 0.06 * (forward(high) - forward(low)) + 0.03
    limits = 1.0 - 10.0 ** -(np.array([forward(low) - margin, forward(high) + margin]))
    axis.set_ylim(*limits)
    ticks = np.array([0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999])
    axis.set_yticks(ticks[(ticks >= limits[0]) & (ticks <= limits[1])])
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def learning_figure(histories: dict[str, list[dict[str, float | None]]]) -> Figure:
    """Training and validation loss (a) and validation AUC (b) against steps, one line a fit.

    Args:
        histories: name of the fit, such as 'branch_elm-20-seed0', to the rows of its history.
    """
    figure = Figure(figsize=(7.1, 3.0), layout="constrained")
    loss, auc = figure.subplots(1, 2)
    names = sorted(histories, key=_natural)
    for rank, name in enumerate(names):
        rows = histories[name]
        family = name.split("-")[0]
        _, marker, colour = _style(family)
        same = [other for other in names if other.split("-")[0] == family]
        shade = 0.4 + 0.6 * (same.index(name) + 1) / len(same)
        style = {"color": colour, "alpha": shade, "linewidth": 1, "zorder": 2 + rank / 100}
        step = [row["step"] for row in rows]
        mark = {"marker": marker, "markersize": 3, "markevery": [len(rows) - 1]}
        loss.plot(step, _column(rows, "valid_loss"), label=name, **style, **mark)
        loss.plot(step, _column(rows, "train_loss"), linestyle=":", **style)
        auc.plot(step, _column(rows, "valid_auc"), **style, **mark)
    loss.set_yscale("log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    loss.yaxis.set_minor_formatter(NullFormatter())
    loss.set_ylabel("Loss (dotted: training)")
    auc.set_ylabel("Validation ROC AUC")
    for axis, letter in zip((loss, auc), "ab", strict=True):
        axis.set_xlabel("Step")
        axis.set_title(letter, loc="left", fontweight="bold")
    figure.legend(loc="outside right upper")
    return figure


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sorts numbers in a name by their value: elm-3 before elm-20."""
    parts = re.split(r"(\d+)", name)
    return [(p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]


def _column(rows: Sequence[dict[str, float | None]], name: str) -> list[float]:
    values = (row.get(name) for row in rows)
    return [np.nan if value is None else value for value in values]


def prediction_figure(prediction: dict[str, np.ndarray], title: str) -> Figure:
    """One trial: soma voltage, true and predicted (a), and the spike probability (b).

    Args:
        prediction: arrays over ms as `neuronio predict` writes them.
        title: what is shown.
    """
    figure = Figure(figsize=(7.1, 3.4), layout="constrained")
    soma, spike = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    seconds = np.arange(len(prediction["soma_mV"])) / 1000
    true, predicted = prediction["true_soma_mV"], prediction["soma_mV"]
    soma.plot(seconds, true, color="0.65", linewidth=1.6, label="simulated (clipped at -55 mV)")
    soma.plot(seconds, predicted, color="#0072B2", linewidth=0.8, label="surrogate")
    times = np.flatnonzero(prediction["true_spikes"]) / 1000
    top = max(float(true.max()), float(predicted.max())) + 1.5
    if len(times):
        soma.plot(times, np.full(len(times), top), "v", color="k", markersize=4, label="spike")
    soma.set_ylabel("Soma voltage (mV)")
    soma.set_title(title, loc="left")
    soma.legend(loc="upper right", ncols=3, bbox_to_anchor=(1, 1.18))
    spike.vlines(times, 0, 1, color="0.65", linewidth=1.6)
    spike.plot(seconds, prediction["spike_probability"], color="#0072B2", linewidth=0.8)
    spike.set_ylim(0, 1.02)
    spike.set_ylabel("Spike probability\nper ms")
    spike.set_xlabel("Time (s)")
    spike.set_xlim(0, seconds[-1])
    return figure
