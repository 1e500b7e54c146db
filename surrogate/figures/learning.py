"""How the losses fell while surrogates were fitted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from neuronio.surrogate.figures.marks import mark
from neuronio.surrogate.figures.scales import letters

MOST_NAMED = 16

History = list[dict[str, float | None]]


def learning_figure(
    histories: dict[str, History],
    families: Mapping[str, str] | None = None,
    score: tuple[str, str] = ("valid_average_precision", "Validation average precision"),
) -> Figure:
    """Training and validation loss (a) and a validation score (b) against steps.

    A line is one fit; of many, the legend names the families alone.

    Args:
        histories: name of the fit, such as 'branch_elm-20-seed0', to the rows of its history.
        families: of each fit; where they are not given, what a name begins with.
        score: its column in the histories, and its words.
    """
    figure = Figure(figsize=(7.1, 3.0), layout="constrained")
    loss, precision = figure.subplots(1, 2)
    names = sorted(histories, key=_natural)
    of = [families[name] if families else name.split("-")[0] for name in names]
    for rank, (name, family) in enumerate(zip(names, of, strict=True)):
        rows, family_mark = histories[name], mark(family)
        place, same = of[: rank + 1].count(family), of.count(family)
        shade = 0.4 + 0.6 * place / same
        style = {"color": family_mark.colour, "alpha": shade, "linewidth": 1, "zorder": 2 + rank}
        step = [row["step"] for row in rows]
        point = {"marker": family_mark.marker, "markersize": 3, "markevery": [len(rows) - 1]}
        label = name if len(names) <= MOST_NAMED else family_mark.text if place == same else None
        loss.plot(step, _column(rows, "valid_loss"), label=label, **style, **point)
        loss.plot(step, _column(rows, "train_loss"), linestyle=":", **style)
        precision.plot(step, _column(rows, score[0]), **style, **point)
    loss.set_yscale("log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    loss.yaxis.set_minor_formatter(NullFormatter())
    loss.set_ylabel("Loss (dotted: training)")
    precision.set_ylabel(score[1])
    precision.set_ylim(bottom=0)
    for axis in (loss, precision):
        axis.set_xlabel("Step")
    letters((loss, precision))
    figure.legend(loc="outside right upper")
    return figure


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sorts numbers in a name by their value: elm-3 before elm-20."""
    parts = re.split(r"(\d+)", name)
    return [(p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]


def _column(rows: Sequence[dict[str, float | None]], name: str) -> list[float]:
    values = (row.get(name) for row in rows)
    return [np.nan if value is None else value for value in values]
