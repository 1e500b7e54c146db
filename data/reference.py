"""Published figures that ours are set beside, from the tables in data/reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from neuronio.files import read_csv

REFERENCE = Path(__file__).with_name("reference")
_WHOLE = ("trials", "after_ms", "max_spikes")


@dataclass(frozen=True)
class PublishedFigure:
    """One figure of NeuronIO's files, and what of them it was measured on.

    Attributes:
        files: 'train', 'valid' or 'test': which files it is of.
        generator: the generator that makes trials as those files' were made.
        quantity: a name with its unit, as in simulation/quality.py.
        mean, sd: over files of 128 trials; the sd is None where it is not known.
        trials: how many trials it rests on, None where it is not known.
        after_ms: what came before in a trial is not counted, ms.
        max_spikes: trials with more output spikes are not counted; None where all are.
        source: where it stands.
    """

    files: str
    generator: str
    quantity: str
    mean: float
    sd: float | None
    trials: int | None
    after_ms: int
    max_spikes: int | None
    source: str


@cache
def published_data() -> tuple[PublishedFigure, ...]:
    """Every figure of NeuronIO's files, in the order of the table.

    Raises:
        NeuronIOError: the table cannot be read.
    """
    text = ("files", "generator", "quantity", "source")
    return tuple(
        PublishedFigure(**{**row, **{key: _whole(row[key]) for key in _WHOLE}})
        for row in read_csv(REFERENCE / "published_data.csv", text)
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def published_figure(
    quantity: str, *, files: str | None = None, generator: str | None = None
) -> PublishedFigure | None:
    """The first figure of a quantity, of some files or for a generator; None where there is none.

    Raises:
        NeuronIOError: the table cannot be read.
    """
    for figure in published_data():
        asked_for = files in (None, figure.files) and generator in (None, figure.generator)
        if figure.quantity == quantity and asked_for:
            return figure
    return None


def published_surrogates() -> list[dict[str, Any]]:
    """Scores of published surrogates on NeuronIO's test files: numbers as float, none as None.

    Raises:
        NeuronIOError: the table cannot be read.
    """
    return read_csv(REFERENCE / "published_neuronio.csv", ("model", "label", "source"))
