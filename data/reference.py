"""Published figures that ours are set beside, from the tables in data/reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from neuronio.files import read_csv

REFERENCE = Path(__file__).with_name("reference")


@cache
def published_data() -> dict[str, dict[str, tuple[float, float | None]]]:
    """Figures of NeuronIO's files: mean over files and their sd (None where there is none).

    Returns:
        generator -> quantity -> (mean, sd), with units in the names; the training files were made
        as `ergodic` makes trials, the test files as `published` does.

    Raises:
        NeuronIOError: the table cannot be read.
    """
    figures: dict[str, dict[str, tuple[float, float | None]]] = {}
    text = ("generator", "quantity", "source")
    for row in read_csv(REFERENCE / "published_data.csv", text):
        figures.setdefault(row["generator"], {})[row["quantity"]] = row["mean"], row["sd"]
    return figures


def published_surrogates() -> list[dict[str, Any]]:
    """Scores of published surrogates on NeuronIO's test files: numbers as float, none as None.

    Raises:
        NeuronIOError: the table cannot be read.
    """
    return read_csv(REFERENCE / "published_neuronio.csv", ("model", "label", "source"))
