"""Which figures there are of some fits, each ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from neuronio.surrogate.figures import accuracy_name
from neuronio.surrogate.figures.ablation import ablation_figure
from neuronio.surrogate.figures.accuracy import accuracy_figure
from neuronio.surrogate.figures.curves import curves_figure
from neuronio.surrogate.figures.learning import History, learning_figure
from neuronio.surrogate.figures.marks import Row
from neuronio.surrogate.figures.traces import Prediction, traces_figure
from neuronio.surrogate.reference_scores import fits_among

TRACES_MS = 1500

Figures = dict[str, Callable[[], Figure]]


def figures(
    evaluations: Sequence[dict[str, Any]],
    costs: Sequence[str] = ("parameters",),
    *,
    published: Sequence[Row] = (),
    differences: Sequence[Row] = (),
    histories: Mapping[str, History] | None = None,
    predictions: Mapping[str, Prediction] | None = None,
    title: str = "",
) -> Figures:
    """The figures that can be drawn from what there is, by name.

    Args:
        evaluations: documents of fits, and of a noise floor.
        costs: to draw accuracy against.
        published: figures of others, for accuracy against parameters.
        differences: of labelled fits from their bases (surrogate/ablation.py).
        histories, predictions: by the name of the fit; predictions of one trial.
        title: of the traces.
    """
    found: Figures = {}
    fits = fits_among(evaluations)
    if fits:
        found |= {
            accuracy_name(x): partial(accuracy_figure, evaluations, published, x) for x in costs
        }
    if any(e.get("curves") for e in fits):
        found["curves"] = partial(curves_figure, evaluations)
    if differences:
        found["ablation"] = partial(ablation_figure, differences)
    if histories:
        series = {e["name"]: (e["model"]["name"], e.get("label")) for e in fits}
        known = series if series.keys() >= histories.keys() else None
        found["learning"] = partial(learning_figure, histories, known)
    if predictions:
        found["traces"] = partial(traces_figure, predictions, title, TRACES_MS)
    return found


def no_figure() -> Figure:
    """In place of one that cannot be drawn, where a file is promised."""
    figure = Figure(figsize=(7.1, 1.0))
    words = "Nothing to draw: the test trials have no output spike"
    figure.text(0.5, 0.5, words, ha="center", va="center")
    return figure
