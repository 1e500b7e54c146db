"""Scores without a cost, as horizontal lines: chance, the mean voltage, a linear model, a floor."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes

from neuronio.surrogate.figures.marks import Row, mark
from neuronio.surrogate.reference_scores import FLOOR_SOURCE, reference_documents

LINEAR = "linear"
# Values that another processor's rounding, or one spike more, may set apart.
SAME = 0.01
CHANCE: dict[str, Any] = {"color": "0.25", "linestyle": (0, (1, 2.5)), "linewidth": 0.9}
FLOOR: dict[str, Any] = {"color": "0.0", "linestyle": (0, (7, 2)), "linewidth": 0.8}


def draw_levels(
    axis: Axes,
    evaluations: Sequence[dict[str, Any]],
    rows: Sequence[Row],
    score: str,
    more_is_better: bool,
) -> None:
    """Draw what chance or a constant voltage, the best linear fit and the noise floor score.

    Those that are not there are left out, and those that differ between test sets.
    """
    values = [level(document, score) for document in reference_documents(evaluations)]
    _line(axis, _alone(values), "chance, or a constant voltage", CHANCE)
    linear = [row.get(f"{score}_mean") for row in rows if row["model"] == LINEAR]
    known = [value for value in linear if value is not None]
    best = (max if more_is_better else min)(known, default=None)
    style = {"color": mark(LINEAR).colour, "linestyle": (0, (4, 1.5, 1, 1.5)), "linewidth": 0.8}
    _line(axis, best, "best linear-nonlinear", style)
    found = floor_documents(evaluations)
    floors = [level(document, score) for document in found]
    _line(axis, _alone(floors), floor_words(found, evaluations), FLOOR)


def floor_words(found: Sequence[dict[str, Any]], evaluations: Sequence[dict[str, Any]]) -> str:
    """What a noise floor is of: it may have fewer trials than the fits."""
    of_floor = {document["data"]["trials_scored"] for document in found}
    of_fits = {e["data"]["trials_scored"] for e in evaluations if e not in found}
    if len(of_floor) == 1 and of_fits and max(of_floor) < min(of_fits):
        return f"{of_floor.pop()} of the trials integrated again"
    return "same trials integrated again"


def floor_documents(evaluations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Second integrations of the same trials."""
    return [e for e in evaluations if e["model"]["source"] == FLOOR_SOURCE]


def level(document: dict[str, Any], score: str) -> float | None:
    """The value of a score, None where there is none."""
    return document["scores"].get(score, {}).get("value")


def _alone(values: Sequence[float | None]) -> float | None:
    """The one value that is there, within rounding; None where there is none, or several."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and max(known) - min(known) <= SAME * abs(max(known)) else None


def _line(axis: Axes, value: float | None, label: str, style: dict[str, Any]) -> None:
    if value is not None:
        axis.axhline(value, zorder=1, label=label, **style)
