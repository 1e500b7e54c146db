"""Accuracy against what a fit costs: parameters, multiply-adds, data or time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from neuronio.errors import NeuronIOError
from neuronio.sections import near_miss
from neuronio.surrogate.figures.levels import draw_levels
from neuronio.surrogate.figures.marks import MOST_LABELS, Mark, Row, bracketed, mark
from neuronio.surrogate.figures.scales import count_axis, letters, scored_words, stretch_towards_one
from neuronio.surrogate.summary import over_data, summary_rows

VARIANTS = "variants"
PUBLISHED = "published: "
PUBLISHED_LINES = (("--", "0.15"), (":", "0.15"), ("-.", "0.4"))


@dataclass(frozen=True)
class Cost:
    """What accuracy is drawn against.

    Attributes:
        column: in the summary over seeds.
        text: of the axis.
        of_use: whether less of it is better for its own sake, so that there is a Pareto front.
        joined: whether a line joins the sizes of a family, which it follows.
    """

    column: str
    text: str
    of_use: bool = True
    joined: bool = True


COSTS = {
    "parameters": Cost("parameters", "Parameters"),
    "multiply_adds": Cost("multiply_adds_per_ms", "Multiply-adds per ms"),
    "train_trials": Cost("train_trials", "Training trials", of_use=False),
    "exposure": Cost("exposure_s", "Simulated time seen in training (s)"),
    "seconds": Cost("training_seconds", "Training time (s)", joined=False),
}
# Score, axis, and whether more is better.
PANELS = (
    ("auc", "ROC AUC (log scale of 1 \N{MINUS SIGN} AUC)", True),
    ("average_precision", "Average precision", True),
    ("spike_f1_2ms", "Spike F1 within 2 ms", True),
    ("soma_rmse_mV", "Soma RMSE (mV)", False),
)


def accuracy_figure(
    evaluations: Sequence[dict[str, Any]], reference: Sequence[Row] = (), x: str = "parameters"
) -> Figure:
    """Accuracy against a cost: AUC (a), average precision (b), spike F1 (c) and soma RMSE (d).

    A marker is the mean over seeds of fits that differ in nothing else; the thin bar is the mean
    of their bootstrap intervals over trials, the thick one the range over seeds. The stepped grey
    line is the Pareto front: no fit left of it is as good. Horizontal lines are what chance, a
    constant voltage, the best linear model and a second integration of the same trials score.

    Args:
        evaluations: documents of fits; of a noise floor, which becomes a line.
        reference: published figures, which were measured on other data; drawn against parameters.
        x: one of `COSTS`.

    Raises:
        NeuronIOError: there is no such cost, or no fit is known to have any.
    """
    if x not in COSTS:
        known = ", ".join(COSTS)
        raise NeuronIOError(f"there is no x '{x}'{near_miss(x, COSTS)}; take one of {known}")
    cost = COSTS[x]
    fits = [e for e in evaluations if e["model"].get(cost.column) is not None]
    rows = [row for row in summary_rows(fits) if row[cost.column]]
    if not rows:
        raise NeuronIOError(f"no evaluation of a model with {cost.text.lower()}; give one or more")
    published = reference if x == "parameters" else ()
    figure = Figure(figsize=(7.1, 6.4), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    for axis, (score, text, more) in zip(axes, PANELS, strict=True):
        if cost.of_use:
            _front(axis, rows, cost.column, score, more)
        _published(axis, published, score)
        draw_levels(axis, evaluations, rows, score, more)
        for series_mark, series in _series(rows, x):
            _draw(axis, series_mark, series, cost, score)
        axis.set_xlabel(cost.text)
        axis.set_ylabel(text)
        count_axis(axis, [row[cost.column] for row in (*rows, *published)])
    letters(axes)
    stretch_towards_one(axes[0])
    for axis in axes[1:]:
        # A little below 0, so that markers there are whole.
        axis.set_ylim(bottom=-0.03 * axis.get_ylim()[1])
    figure.suptitle(scored_words(fits), fontsize=7, color="0.3")
    _legends(figure, axes)
    return figure


def _series(rows: Sequence[Row], x: str) -> list[tuple[Mark, list[Row]]]:
    """The rows that one line joins: sizes of a model and label, or amounts of data.

    The labels of a family are one series, without a line, where they are many.
    """
    if x == "train_trials":
        return _along_data(rows)
    found: dict[tuple[str, str | None], list[Row]] = {}
    # First come those without a label, whose markers are then full.
    for row in sorted(rows, key=lambda row: row["label"] is not None):
        labels = {r["label"] for r in rows if r["model"] == row["model"]} - {None}
        label = row["label"] and (row["label"] if len(labels) <= MOST_LABELS else VARIANTS)
        found.setdefault((row["model"], label), []).append(row)
    out = []
    for (model, label), series in found.items():
        rank = [other for name, other in found if name == model].index(label)
        series = sorted(series, key=lambda row: row[COSTS[x].column])
        out.append((mark(model, rank, bracketed(label)), series))
    return out


def _along_data(rows: Sequence[Row]) -> list[tuple[Mark, list[Row]]]:
    """Fits that differ in the trials they were fitted to; of others none where there are such."""
    found: dict[tuple, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["train_trials"]):
        found.setdefault((row["model"], row["size"], row["options"]), []).append(row)
    series = [part for fits in found.values() for part in over_data(fits)]
    series = [part for part in series if len(part) > 1] or series
    ranks = [first["model"] for first, *_ in series]
    return [
        (mark(model, ranks[:place].count(model), str(part[0]["size"])), part)
        for place, (model, part) in enumerate(zip(ranks, series, strict=True))
    ]


def _draw(axis: Axes, series_mark: Mark, rows: Sequence[Row], cost: Cost, score: str) -> None:
    rows = [row for row in rows if row.get(f"{score}_mean") is not None]
    if not rows:
        return
    x = np.array([row[cost.column] for row in rows], dtype=float)
    y = np.array([row[f"{score}_mean"] for row in rows])
    if cost.joined and VARIANTS not in series_mark.text:
        axis.plot(x, y, **series_mark.line, linewidth=0.9, zorder=2)
    bounds = [[_or(row[f"{score}_{key}"], row[f"{score}_mean"]) for row in rows] for key in _BARS]
    low, high, lowest, highest = np.array(bounds)
    axis.vlines(x, lowest, highest, color=series_mark.colour, linewidth=3, alpha=0.35, zorder=2.5)
    bars = np.maximum([y - low, high - y], 0)
    axis.errorbar(
        *(x, y, bars),
        linestyle="none",
        elinewidth=0.8,
        capsize=1.5,
        ecolor=series_mark.colour,
        label=series_mark.text,
        zorder=3,
        **series_mark.point,
    )


_BARS = ("low", "high", "lowest", "highest")


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _front(axis: Axes, rows: Sequence[Row], column: str, score: str, more: bool) -> None:
    """The best score there is for a cost or less, as a step."""
    sign = 1 if more else -1
    points = [(r[column], r[f"{score}_mean"]) for r in rows if r.get(f"{score}_mean") is not None]
    front: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not front or sign * y > sign * front[-1][1]:
            front.append((x, y))
    if len(front) > 1:
        x_front, y_front = zip(*front, strict=True)
        style: dict[str, Any] = {"color": "0.7", "linewidth": 1.2}
        x_front, y_front = (*x_front, max(x for x, _ in points)), (*y_front, y_front[-1])
        axis.step(x_front, y_front, where="post", zorder=0.5, label="Pareto front", **style)


def _published(axis: Axes, reference: Sequence[Row], score: str) -> None:
    lines = 0
    for label in dict.fromkeys(row["label"] for row in reference):
        points = [r for r in reference if r["label"] == label and r.get(score) is not None]
        if not points:
            continue
        named = f"{PUBLISHED}{label}"
        draw: Callable[..., Any] = partial(axis.plot, *_columns(points, "parameters", score))
        if len(points) > 1:
            style, grey = PUBLISHED_LINES[lines % len(PUBLISHED_LINES)]
            lines += 1
            halo = [Stroke(linewidth=2.2, foreground="white", alpha=0.7), Normal()]
            draw(linestyle=style, color=grey, zorder=4, path_effects=halo, label=named)
        else:
            marker = "+" if points[0]["model"].startswith("branch_elm") else "x"
            point = {"marker": marker, "linestyle": "none", "color": "0.15", "markersize": 6}
            draw(**point, zorder=4, label=named)


def _columns(rows: Sequence[Row], *names: str) -> list[list[Any]]:
    return [[row[name] for row in rows] for name in names]


def _legends(figure: Figure, axes: Sequence[Axes]) -> None:
    """Below the panels: our fits with the lines beside them, then what was published."""
    entries: dict[str, Any] = {}
    for axis in axes:
        entries |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    ours = {k: v for k, v in entries.items() if not k.startswith(PUBLISHED)}
    theirs = {k.removeprefix(PUBLISHED): v for k, v in entries.items() if k not in ours}
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
            ncols=2 if len(names) > 2 and theirs else 1 if len(names) < 3 else 4,
            title=title,
            alignment="left",
            columnspacing=1.2,
        )
        legend.get_title().set_fontweight("bold")
