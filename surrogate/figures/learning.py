"""How the losses fell while surrogates were fitted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from neuronio.surrogate.figures.marks import MOST_LABELS, Mark, bracketed, mark
from neuronio.surrogate.figures.scales import count_axis, letters

MOST_NAMED = 16
# Longest fit over shortest from which steps are drawn on a logarithmic axis.
UNLIKE = 5

History = list[dict[str, float | None]]
# Family and label of a fit.
Series = tuple[str, str | None]


def learning_figure(
    histories: Mapping[str, History],
    series: Mapping[str, Series] | None = None,
    score: tuple[str, str] = ("valid_average_precision", "Validation average precision"),
) -> Figure:
    """Training and validation loss (a) and a validation score (b) against steps.

    A line is one fit; of many, the legend names the families and labels alone. Where losses are
    made of a spike and a soma loss, it is the spike loss that is drawn: fits weigh the two
    otherwise, and the sum of one is not that of another.

    Args:
        histories: name of the fit, such as 'branch_elm-20-seed0', to the rows of its history.
        series: of each fit; where they are not given, the family is what a name begins with.
        score: its column in the histories, and its words.
    """
    figure = Figure(figsize=(7.1, 3.0), layout="constrained")
    loss, scores = figure.subplots(1, 2)
    names = sorted(histories, key=_natural)
    of = [series[name] if series else (name.split("-")[0], None) for name in names]
    spikes = all(row.get("valid_spike_loss") is not None for h in histories.values() for row in h)
    column = "spike_loss" if spikes else "loss"
    for rank, (name, one) in enumerate(zip(names, of, strict=True)):
        rows, fit_mark = histories[name], _mark(one, of)
        place, same = of[: rank + 1].count(one), of.count(one)
        shade = 0.4 + 0.6 * place / same
        style = {"color": fit_mark.colour, "alpha": shade, "linewidth": 1, "zorder": 2 + rank}
        step = [row["step"] for row in rows]
        point = fit_mark.point | {"markersize": 4, "markevery": [len(rows) - 1]} | style
        label = name if len(names) <= MOST_NAMED else fit_mark.text if place == same else None
        loss.plot(step, _column(rows, f"valid_{column}"), label=label, **point)
        loss.plot(step, _column(rows, f"train_{column}"), linestyle=":", **style)
        scores.plot(step, _column(rows, score[0]), **point)
    loss.set_yscale("log")
    low, high = loss.get_ylim()
    near = high < 5 * low  # so that 1, 2 and 5 would be one tick or two
    loss.yaxis.set_major_locator(
        MaxNLocator(6, steps=[1, 2, 5, 10]) if near else LogLocator(subs=(1.0, 2.0, 5.0))
    )
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    loss.yaxis.set_minor_formatter(NullFormatter())
    if near:
        loss.yaxis.set_minor_locator(NullLocator())
    loss.set_ylabel(f"{'Spike loss (nats per ms; ' if spikes else 'Loss ('}dotted: training)")
    scores.set_ylabel(score[1])
    scores.set_ylim(bottom=0)
    steps = [[row["step"] or 1 for row in rows] for rows in histories.values() if rows]
    lengths = [of_fit[-1] for of_fit in steps]
    for axis in (loss, scores):
        axis.set_xlabel("Step")
        if lengths and max(lengths) >= UNLIKE * min(lengths):
            count_axis(axis, [step for of_fit in steps for step in of_fit])
    letters((loss, scores))
    figure.legend(loc="outside right upper")
    return figure


def _mark(one: Series, every: Sequence[Series]) -> Mark:
    """The mark of a family and label; of many labels of a family, that of the family."""
    family, label = one
    known = dict.fromkeys(label for name, label in every if name == family)
    labels = sorted(known, key=lambda label: label is not None)  # as in figures of accuracy
    if len(labels) > MOST_LABELS:
        return mark(family)
    return mark(family, labels.index(label), bracketed(label))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sorts numbers in a name by their value: elm-3 before elm-20."""
    parts = re.split(r"(\d+)", name)
    return [(p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]


def _column(rows: Sequence[dict[str, float | None]], name: str) -> list[float]:
    values = (row.get(name) for row in rows)
    return [np.nan if value is None else value for value in values]
