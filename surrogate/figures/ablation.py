"""What each change does to a surrogate, score by score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neuronio.errors import NeuronIOError
from neuronio.surrogate.figures.marks import Row, label_words, mark
from neuronio.surrogate.figures.scales import letters

# Score, title, and whether more is better.
PANELS = (
    ("auc", "ROC AUC", True),
    ("average_precision", "Average precision", True),
    ("spike_f1_2ms", "Spike F1 within 2 ms", True),
    ("soma_rmse_mV", "Soma RMSE (mV)", False),
)
BETTER, WORSE, UNCLEAR = "#0072B2", "#D55E00", "0.35"


def ablation_figure(differences: Sequence[Row]) -> Figure:
    """A row for each labelled fit: how much each score differs from the fit without a label.

    A marker is the difference of the means over seeds, the bar its interval over trials, a small
    line one seed. Filled: the interval excludes 0 (upwards better, downwards worse); open: not.

    Args:
        differences: rows of surrogate/ablation.py.

    Raises:
        NeuronIOError: there is no row.
    """
    if not differences:
        raise NeuronIOError(
            "no labelled fit to compare with its base; give fits a label in the configuration"
        )
    several = len({tuple(row["base"]) for row in differences}) > 1
    figure = Figure(figsize=(7.1, 1.1 + 0.2 * len(differences)), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for axis, (score, title, more) in zip(axes, PANELS, strict=True):
        _panel(axis, differences, score, more)
        values = dict.fromkeys(
            _number(row["scores"][score]["a"]) for row in differences if score in row["scores"]
        )
        base = f"base {' or '.join(values)}" if 0 < len(values) < 3 else "base differs"
        axis.set_xlabel(f"{title}\n{base}")
    first = axes[0]
    first.set_yticks(range(len(differences)), [_words(row, several) for row in differences])
    first.set_ylim(len(differences) - 0.4, -0.6)
    letters(axes)
    figure.suptitle(_title(differences, several), fontsize=7, color="0.3")
    return figure


def _panel(axis: Axes, differences: Sequence[Row], score: str, more: bool) -> None:
    axis.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    sign = 1 if more else -1
    for place, row in enumerate(differences):
        axis.axhline(place, color="0.93", linewidth=0.6, zorder=-1)
        entry = row["scores"].get(score)
        if entry is None or entry["difference"] is None:
            continue
        value, low, high = (entry[key] for key in ("difference", "low", "high"))
        sure = low is not None and high is not None and (low > 0 or high < 0)
        better = sign * value > 0
        colour = (BETTER if better else WORSE) if sure else UNCLEAR
        if low is not None and high is not None:
            axis.hlines(place, low, high, color=colour, linewidth=1.2, zorder=2)
        axis.vlines(entry["seeds"], place - 0.28, place + 0.28, color=colour, linewidth=0.6)
        style: dict[str, Any] = {"color": colour, "markersize": 4.5, "zorder": 3}
        style |= {"markerfacecolor": colour if sure else "white"}
        axis.plot(value, place, ("^" if better else "v") if sure else "o", **style)
    axis.margins(x=0.12)
    axis.locator_params(axis="x", nbins=4)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)


def _words(row: Row, several_bases: bool) -> str:
    """A label, and what it is of where that is not the base's model and size, or bases differ."""
    same = (row["model"], row["size"]) == (row["base_model"], row["base_size"])
    if same and not several_bases:
        return label_words(row["label"])
    return f"{mark(row['model'], addition=str(row['size'])).text}: {label_words(row['label'])}"


def _title(differences: Sequence[Row], several: bool) -> str:
    how = "; ".join(dict.fromkeys(row["intervals"] for row in differences))
    first = differences[0]
    base = mark(first["base_model"], addition=str(first["base_size"])).text
    words = "the fit without a label" if several else f"{base} (fits: {len(first['base'])})"
    return f"Difference from {words}; intervals: {how}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3g}"
