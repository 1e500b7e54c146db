"""ROC and precision-recall curves of fits side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from neuronio.errors import NeuronIOError
from neuronio.surrogate.detection_curves import CURVES
from neuronio.surrogate.figures.levels import (
    CHANCE,
    FLOOR,
    floor_documents,
    floor_words,
    level,
)
from neuronio.surrogate.figures.marks import marks, representatives
from neuronio.surrogate.figures.scales import letters, scored_words
from neuronio.surrogate.reference_scores import fits_among, reference_documents
from neuronio.surrogate.summary import over_seeds, summary_rows

MOST = 8

Curve = tuple[np.ndarray, np.ndarray]


def curves_figure(evaluations: Sequence[dict[str, Any]]) -> Figure:
    """ROC curves (a), the same at low false positive rates (b), precision-recall curves (c).

    Of each family the fits of highest average precision, up to eight; a line is the mean over
    their seeds at the same false positive rate, or recall. Broken black: a second integration of
    the same trials; dotted: chance.

    Raises:
        NeuronIOError: no evaluation holds curves.
    """
    fits = [e for e in fits_among(evaluations) if e.get("curves")]
    if not fits:
        raise NeuronIOError(
            "no evaluation holds curves; evaluate again, on test trials with output spikes"
        )
    grouped = zip(summary_rows(fits), over_seeds(fits), strict=True)
    rows = representatives([{**row, "of_seeds": group} for row, group in grouped], MOST)
    figure = Figure(figsize=(7.1, 3.3), layout="constrained")
    roc, low, precision = figure.subplots(1, 3)
    for rank, (row, row_mark) in enumerate(zip(rows, marks(rows), strict=True)):
        every = (3 * rank % 20, 20)  # so that markers of different lines stand apart
        style = {**row_mark.line, **row_mark.point, "markersize": 3.5, "markevery": every}
        for axis, kind in ((roc, "roc"), (low, "roc"), (precision, "precision_recall")):
            axis.plot(*_mean(row["of_seeds"], kind), label=row_mark.text, zorder=2, **style)
    for document in floor_documents(evaluations):
        if document.get("curves"):
            words = floor_words([document], evaluations)
            for axis, kind in ((roc, "roc"), (low, "roc"), (precision, "precision_recall")):
                axis.plot(*_mean([document], kind), label=words, zorder=3, **FLOOR)
    _chance((roc, low), precision, evaluations)
    _finish(roc, low, precision)
    figure.suptitle(scored_words(fits), fontsize=7, color="0.3")
    handles, names = roc.get_legend_handles_labels()
    unique = dict(zip(names, handles, strict=True))
    figure.legend(list(unique.values()), list(unique), loc="outside lower center", ncols=4)
    return figure


def _mean(documents: Sequence[dict[str, Any]], kind: str) -> Curve:
    """The mean curve of fits; all have the same abscissae."""
    x, y = CURVES[kind]
    curves = [document["curves"][kind] for document in documents]
    return np.array(curves[0][x]), np.mean([curve[y] for curve in curves], axis=0)


def _chance(roc: Sequence[Axes], precision: Axes, evaluations: Sequence[dict[str, Any]]) -> None:
    rate = np.geomspace(1e-5, 1, 50)
    for axis in roc:
        axis.plot(rate, rate, label="chance", zorder=1, **CHANCE)
    values = [level(e, "average_precision") for e in reference_documents(evaluations)]
    for value in {value for value in values if value is not None}:
        precision.axhline(value, zorder=1, **CHANCE)


def _finish(roc: Axes, low: Axes, precision: Axes) -> None:
    for axis in (roc, low):
        axis.set_xlabel("False positive rate")
        axis.set_ylabel("True positive rate")
        axis.set_xlim(0, 1)
    low.set_xscale("log")
    low.set_xlim(1e-4, 1)
    low.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    precision.set_xlabel("Recall (true positive rate)")
    precision.set_ylabel("Precision")
    precision.set_xlim(0, 1)
    for axis in (roc, low, precision):
        axis.set_ylim(0, 1.02)
    letters((roc, low, precision))
