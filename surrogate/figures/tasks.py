"""How classifiers do on long-horizon tasks, beside what needs no learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from neuronio.surrogate.figures.marks import Mark, Row, bracketed, mark
from neuronio.surrogate.figures.scales import letters

LEVEL: dict[str, Any] = {"color": "0.35", "linewidth": 0.8, "zorder": 1}
LEVEL_LINES = ((0, (1, 2.5)), (0, (4, 2)), (0, (6, 1.5, 1, 1.5)), "-.", "--", ":")
COLUMNS = 2


def tasks_figure(rows: Sequence[Row]) -> Figure:
    """Accuracy on each task: against the width of a bin where there are several, else by model.

    A marker is the mean over seeds; the thin bar is the mean of their bootstrap intervals, the
    thick one the range over seeds. Horizontal lines are chance and rules that need no learning.

    Args:
        rows: means over seeds (tasks/classify/table.py).
    """
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    columns = min(COLUMNS, len(tasks))
    lines = -(-len(tasks) // columns)
    size = 3.7 * columns + 1.6, 2.9 * lines
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis, task in zip(axes, tasks, strict=False):
        _panel(axis, task, [row for row in rows if row["task"] == task])
    for axis in axes[len(tasks) :]:
        axis.set_axis_off()
    letters(axes[: len(tasks)])
    known = {text: line for axis in axes for line, text in zip(*_labels(axis), strict=True)}
    figure.legend(known.values(), known.keys(), loc="outside right upper")
    return figure


def _labels(axis: Axes) -> tuple[list, list]:
    return axis.get_legend_handles_labels()


def _panel(axis: Axes, task: str, rows: Sequence[Row]) -> None:
    binned = len({row["bin_ms"] for row in rows}) > 1
    kinds = list(dict.fromkeys((row["model"], row["label"]) for row in rows))
    families = [model for model, _ in kinds]
    for place, (model, label) in enumerate(kinds):
        drawn = mark(model, families[:place].count(model), bracketed(label))
        of_kind = [row for row in rows if (row["model"], row["label"]) == (model, label)]
        x = [row["bin_ms"] if binned else place for row in of_kind]
        _points(axis, x, of_kind, drawn, joined=binned)
    _levels(axis, rows)
    if binned:
        axis.set_xscale("log")
        axis.set_xticks(sorted({row["bin_ms"] for row in rows}))
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel("Bin width (ms)")
    else:
        axis.set_xticks([])
        axis.set_xlim(-0.7, len(kinds) - 0.3)
    axis.set_ylabel("Accuracy")
    axis.set_title(task)


def _points(axis: Axes, x: Sequence[float], rows: Sequence[Row], drawn: Mark, joined: bool) -> None:
    order = sorted(range(len(x)), key=lambda i: x[i])
    x, rows = [x[i] for i in order], [rows[i] for i in order]
    mean = [row["accuracy_mean"] for row in rows]
    for low, high, width in (("low", "high", 0.8), ("lowest", "highest", 2.2)):
        ends = [(row[f"accuracy_{low}"], row[f"accuracy_{high}"]) for row in rows]
        if all(None not in pair for pair in ends):
            below, above = zip(*ends, strict=True)
            axis.vlines(x, below, above, color=drawn.colour, linewidth=width, zorder=2)
    line = drawn.line if joined else {"linestyle": "none"}
    axis.plot(x, mean, label=drawn.text, zorder=3, **(drawn.point | line))


def _levels(axis: Axes, rows: Sequence[Row]) -> None:
    """What needs no learning; named at the line's end, since every task has its own."""
    levels: dict[str, float] = {}
    for row in rows:
        for name, value in row["reference"].items():
            levels[name] = max(value, levels.get(name, 0.0))
    named: dict[float, str] = {}
    for name, value in levels.items():
        named[value] = f"{named[value]}, {name}" if value in named else name
    for (value, name), style in zip(named.items(), LEVEL_LINES * len(named), strict=False):
        axis.axhline(value, linestyle=style, **LEVEL)
        axis.annotate(
            name,
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=5.5,
            color="0.35",
        )
