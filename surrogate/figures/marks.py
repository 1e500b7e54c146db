"""How a fit is named and marked in every figure.

Families differ in marker and grey value as well as in colour, and fits of one family in how the
marker is filled and the line is broken, so that a grey print reads as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.surrogate.families import FAMILIES

Row = dict[str, Any]
# Of a family that are told apart.
MOST_LABELS = 5
FILLS: tuple[Any, ...] = ("full", "none", "left", "bottom", "right", "top")
LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (6, 1, 1, 1, 1, 1)), (0, (3, 3)))
LARGER = {"*": 8.0, "X": 6.0}


@dataclass(frozen=True)
class Mark:
    """A series in a figure; `rank` counts the series of one family from 0.

    Attributes:
        text: in the legend.
        marker, colour: of the family.
        rank: how the marker is filled and the line is broken.
    """

    text: str
    marker: str
    colour: str
    rank: int = 0

    @property
    def line(self) -> dict[str, Any]:
        """Keywords of a line."""
        return {"color": self.colour, "linestyle": LINES[self.rank % len(LINES)]}

    @property
    def point(self) -> dict[str, Any]:
        """Keywords of a marker."""
        fill = FILLS[self.rank % len(FILLS)]
        return {
            "marker": self.marker,
            "markersize": LARGER.get(self.marker, 5.0),
            "color": self.colour,
            "fillstyle": fill,
            "markerfacecoloralt": "white",
            "markeredgecolor": "white" if fill == "full" else self.colour,
            "markeredgewidth": 0.5 if fill == "full" else 0.9,
        }


def mark(model: str, rank: int = 0, addition: str = "") -> Mark:
    """The mark of a family; a plain one of a model that is not known here."""
    try:
        family = FAMILIES[model]
        text, marker, colour = family.label, family.marker, family.colour
    except NeuronIOError:
        text, marker, colour = model, "h", "0.2"
    return Mark(f"{text} {addition}".rstrip(), marker, colour, rank)


def label_words(label: str | None) -> str:
    """What sets fits apart in words, which a line can be broken between; nothing without one."""
    return (label or "").replace("_", " ")


def bracketed(label: str | None) -> str:
    """The same in brackets."""
    return f"({label_words(label)})" if label else ""


def fit_words(row: Row) -> str:
    """A row's family, size and label in words."""
    size = "" if row["size"] is None else str(row["size"])
    return mark(row["model"], addition=f"{size} {bracketed(row['label'])}".strip()).text


def marks(rows: Iterable[Row]) -> list[Mark]:
    """A mark for each of the rows, told apart by fill and line within a family."""
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        rank = seen.get(row["model"], 0)
        seen[row["model"]] = rank + 1
        found.append(replace(mark(row["model"], rank), text=fit_words(row)))
    return found


def representatives(rows: Sequence[Row], most: int) -> list[Row]:
    """Of each family, and each label where there are few, the row of the best average precision.

    Args:
        rows: of `summary_rows`.
        most: how many to return at most.
    """

    def rank(row: Row) -> float:
        value = row.get("average_precision_mean")
        return -1.0 if value is None else value

    for keys in (("model", "label"), ("model",)):
        best: dict[tuple, Row] = {}
        for row in rows:
            name = tuple(row[key] for key in keys)
            if name not in best or rank(row) > rank(best[name]):
                best[name] = row
        if len(best) <= most:
            break
    kept = sorted(best.values(), key=rank, reverse=True)[:most]
    return [row for row in rows if row in kept]
