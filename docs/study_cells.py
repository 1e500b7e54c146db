"""Fits to a changed cell beside those to the whole one: `python docs/study_cells.py`.

The changed cell's test trials are of `ergodic` inputs, the study's of `published_test`. Here the
study's fits are scored on as many `ergodic` test trials of the whole cell, so that on either side
inputs of the kind that a fit was made with are asked about. Writes cells.csv (every score and its
interval) and the table `cells` of the page. What is simulated and scored is kept in --out:
stopped, it goes on where it was. Half a core-hour or so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kept_weights import fits_with_weights, made_trials, say, scored
from study_page import FOLDER, ROOT, asked_alike, kept_fits
from study_reading import interval

from neuronio.config import RunConfig, load_config, validate_config
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_atomic, write_csv
from neuronio.markdown import table, with_block
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.figures.marks import label_words
from neuronio.surrogate.results_table import read_evaluations
from neuronio.surrogate.summary import summary_rows

CONFIGS = ROOT / "config"
# Score -> heading and digits.
SCORES = {
    "auc": ("AUC", 4),
    "average_precision": ("AP", 3),
    "tp_at_fp_0.01": ("TP at 1% FP", 3),
    "spike_f1_2ms": ("F1 in 2 ms", 3),
    "soma_explained_variance": ("explained variance", 4),
}

Row = dict[str, Any]
Size = tuple[str, int]


def size_of(row: Row) -> Size:
    """The family and how many parameters."""
    return row["model"], row["parameters"]


def beside(fits: Path, runs: Sequence[RunConfig], changed: Sequence[Row]) -> list[Path]:
    """The kept fits to the whole cell of the changed cell's sizes, and the largest of each family.

    Of each size those to the same number of trials, or to the next larger one there is: few data
    would make the whole cell look harder than it is. Of the largest those to the most trials.
    """
    least = {size_of(row): row["train_trials"] for row in changed}
    found: dict[Size, dict[int, list[Path]]] = {}
    for run in runs:
        for fit in fits_with_weights(fits, run):
            model = read_json(fit / "evaluation.json")["model"]
            amounts = found.setdefault((model["name"], model["parameters"]), {})
            amounts.setdefault(model["train_trials"], []).append(fit)
    chosen = {}
    for family in dict.fromkeys(family for family, _ in least):
        largest = max((size for size in found if size[0] == family), default=None)
        if largest and largest not in least:
            chosen[largest] = found[largest][max(found[largest])]
    for size, trials in least.items():
        if enough := [amount for amount in found.get(size, ()) if amount >= trials]:
            chosen[size] = found[size][min(enough)]
    return [fit for folders in chosen.values() for fit in folders]


def as_whole(changed: RunConfig, whole: RunConfig) -> RunConfig:
    """The changed cell's configuration with the whole cell, and the inputs of its fits."""
    document = changed.model_dump(mode="json") | {"name": "whole", "fits": []}
    return validate_config(document | whole.model_dump(mode="json", include={"cell", "inputs"}))


def cells_table(changed: Sequence[Row], whole: Sequence[Row]) -> str:
    """One line a model, size and cell, of those that are scored on the whole one."""
    heads = [
        "model",
        "size",
        "parameters",
        "cell",
        "trials fitted to",
        "hours in the loss",
        "seeds",
    ]
    heads += [head for head, _ in SCORES.values()]
    others = {size_of(row): row for row in changed}
    lines = []
    for row in whole:
        begun = [FAMILIES[row["model"]].label, row["size"], f"{row['parameters']:,}"]
        lines.append([*begun, "whole", *_cells(row)])
        if other := others.get(size_of(row)):
            cell = label_words(other["label"]) or "changed"
            lines.append([None, None, None, cell, *_cells(other)])
    return table(heads, lines)


def _cells(row: Row) -> list[object]:
    cells: list[object] = [f"{row['train_trials']:,}", f"{row['exposure_s'] / 3600:.0f}"]
    cells.append(row["n_fits"])
    return cells + [interval(row, score, digits) for score, (_, digits) in SCORES.items()]


def write_cells(
    folder: Path,
    fits: Path,
    changed: RunConfig,
    whole: Sequence[RunConfig],
    out: Path,
    workers: int | None,
) -> int:
    """Simulate, score and write; returns how many fits to the whole cell there are.

    Args:
        folder: holds README.md with the mark `cells`.
        fits: the folder of all kept fits.
        changed: the configuration of the changed cell.
        whole: configurations of the whole cell; test trials have the inputs of the first.
        out: where trials and evaluations are kept.
        workers: processes; every core if None.

    Raises:
        NeuronIOError: no fit is kept of either cell, or none of the same size; one is damaged, or
            the page has no mark.
    """
    page = folder / "README.md"
    with_block(page.read_text(), "cells", "")  # before half an hour of work
    paths = [path / "evaluation.json" for path in kept_fits(fits, changed)]
    if not paths:
        raise NeuronIOError(f"{fits} keeps no fit to the changed cell; run its study before")
    of_changed = summary_rows(asked_alike(read_evaluations(paths)))
    found = beside(fits, whole, of_changed)
    if not found:
        raise NeuronIOError(f"{fits} keeps no fit to the whole cell of a size of {changed.name}")
    shards = made_trials(as_whole(changed, whole[0]), out, workers)
    settings = changed.evaluation.scoring.model_dump(mode="json")
    of_whole = summary_rows(asked_alike(read_evaluations(scored(found, shards, settings, out))))
    every = [{"cell": "whole", **row} for row in of_whole]
    every += [{"cell": "changed", **row} for row in of_changed]
    write_csv(folder / "cells.csv", every, list(dict.fromkeys(key for row in every for key in row)))
    text = with_block(page.read_text(), "cells", cells_table(of_changed, of_whole))
    write_atomic(page, text.encode())
    return len(found)


def main() -> None:
    """Set the fits to AMPA alone beside the study's, or those of other configurations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = FOLDER.parent / "study_ampa"
    parser.add_argument("--folder", type=Path, default=folder, help="of the page")
    parser.add_argument("--fits", type=Path, default=FOLDER / "fits", help="that are kept")
    parser.add_argument("--changed", type=Path, default=CONFIGS / "study_ampa.yaml")
    whole = [CONFIGS / "study.yaml", CONFIGS / "study_data.yaml"]
    parser.add_argument("--whole", type=Path, nargs="+", default=whole)
    parser.add_argument("--out", type=Path, default=Path("results/cells"))
    parser.add_argument("--workers", type=int, help="processes; every core if left out")
    given = parser.parse_args()
    changed, *others = map(load_config, (given.changed, *given.whole))
    count = write_cells(given.folder, given.fits, changed, others, given.out, given.workers)
    say(f"{count} fits to the whole cell: {given.folder / 'README.md'}")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
