"""The study's table, figures and page, from the fits that are kept: `python docs/study.py`.

Writes docs/results/neuronio/table.csv, summary.csv, figures/ and the tables of README.md there. It
simulates and fits nothing: `make study` does, and calls this when it is done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuronio.data.reference import published_surrogates
from neuronio.drawing import save_figure
from neuronio.errors import NeuronIOError
from neuronio.files import read_csv, write_atomic
from neuronio.markdown import table, with_block
from neuronio.surrogate.figures.drawn import figures
from neuronio.surrogate.figures.marks import label_words
from neuronio.surrogate.models import FAMILIES
from neuronio.surrogate.results_table import read_evaluations, write_table
from neuronio.surrogate.summary import summary_rows

FOLDER = Path(__file__).resolve().parent / "results" / "neuronio"
NOTHING = "No fit is kept yet: `make study` makes them."
COSTS = ("parameters", "multiply_adds", "seconds")
# Score -> heading and digits.
SCORES = {
    "auc": ("AUC", 4),
    "average_precision": ("AP", 3),
    "tp_at_fp_0.01": ("TP at 1% FP", 3),
    "spike_f1_2ms": ("F1 in 2 ms", 3),
    "soma_rmse_mV": ("RMSE, mV", 3),
}
# Parameters at most -> what the study aims at.
AIMS: dict[float, dict[str, float]] = {
    500: {"auc": 0.980, "tp_at_fp_0.01": 0.64, "soma_rmse_mV": 0.80},
    1_300: {"auc": 0.988, "tp_at_fp_0.01": 0.68, "soma_rmse_mV": 0.73},
    3_300: {"auc": 0.9929, "tp_at_fp_0.01": 0.77, "soma_rmse_mV": 0.63},
    8_002: {"auc": 0.9946, "tp_at_fp_0.01": 0.82, "soma_rmse_mV": 0.57},
    float("inf"): {
        "auc": 0.9960,
        "average_precision": 0.30,
        "tp_at_fp_0.01": 0.86,
        "spike_f1_2ms": 0.65,
        "soma_rmse_mV": 0.50,
    },
}

Row = dict[str, Any]


def fits_table(rows: Sequence[Row]) -> str:
    """One line a model and size: means over seeds and, in brackets, intervals over trials."""
    heads = ["model", "size", "parameters", "seeds", *(head for head, _ in SCORES.values())]
    lines: list[Sequence[object]] = []
    for row in rows:
        name = FAMILIES[row["model"]].label if row["source"] == "fit" else row["model"]
        fitted = row["label"] and row["source"] == "fit"
        label = f", {label_words(row['label'])}" if fitted else ""
        size = row["parameters"] and f"{row['parameters']:,}"
        cells = [f"{name}{label}", row["size"], size, row["n_fits"] if size else None]
        lines.append([*cells, *(_interval(row, score) for score in SCORES)])
    return table(heads, lines)


def aims_table(rows: Sequence[Row]) -> str:
    """For each budget the best of ours, of the published networks, and the aim."""
    heads = ["parameters at most", "", *(head for head, _ in SCORES.values())]
    lines: list[Sequence[object]] = []
    # Without a spike among the test trials there is no AUC.
    fits = [row for row in rows if row["source"] == "fit" and row["auc_mean"] is not None]
    for budget, aims in AIMS.items():
        ours = [row for row in fits if row["parameters"] <= budget]
        said = f"{budget:,.0f}" if budget < float("inf") else "any"
        if ours:
            best = max(ours, key=lambda row: row["auc_mean"])
            who = f"{FAMILIES[best['model']].label}, {best['parameters']:,}, mean of seeds"
            lines.append([said, who, *(_value(best, f"{s}_mean", s) for s in SCORES)])
        theirs = [row for row in published_surrogates() if row["parameters"] <= budget]
        if theirs:
            best = max(theirs, key=lambda row: row["auc"])
            who = f"published: {best['label']}, {best['parameters']:,.0f}"
            lines.append([said, who, *(_value(best, score, score) for score in SCORES)])
        lines.append([said, "aim", *(_value(aims, score, score) for score in SCORES)])
    return table(heads, lines)


def _value(row: Row, key: str, score: str) -> str | None:
    value = row.get(key)
    return None if value is None else f"{value:.{SCORES[score][1]}f}".removeprefix("0")


def _interval(row: Row, score: str) -> str | None:
    value = _value(row, f"{score}_mean", score)
    bounds = [_value(row, f"{score}_{end}", score) for end in ("low", "high")]
    return f"{value} [{', '.join(map(str, bounds))}]" if value and all(bounds) else value


def asked_alike(evaluation: dict[str, Any]) -> dict[str, Any]:
    """An evaluation without the code that its data were made by: what is kept answers one question.

    Seeds that are made on other days, by other code, are then seeds of one fit.
    """
    model, data = evaluation["model"], evaluation["data"]
    return evaluation | {"model": model | {"fitted_to": None}, "data": data | {"files": []}}


def write_results(folder: Path) -> int:
    """Draw and write everything from the kept fits in a folder; returns how many there are.

    Raises:
        NeuronIOError: a file of a fit cannot be read, or the page has no place for a table.
    """
    # kept.json is written last: a folder without it was left half copied.
    kept = [path.parent for path in sorted((folder / "fits").glob("*/kept.json"))]
    paths = [path / "evaluation.json" for path in kept]
    evaluations = [asked_alike(e) for e in read_evaluations(paths)] if paths else []
    histories = {p.name: read_csv(h) for p in kept if (h := p / "history.csv").exists()}
    drawn = figures(evaluations, COSTS, published=published_surrogates(), histories=histories)
    for name, draw in drawn.items():
        save_figure(draw, folder / "figures" / name)
    rows = summary_rows(evaluations)
    if evaluations:
        write_table(evaluations, folder / "table")
    page = folder / "README.md"
    text = with_block(page.read_text(), "aims", aims_table(rows))
    text = with_block(text, "fits", fits_table(rows) if rows else NOTHING)
    write_atomic(page, text.encode())
    return len(paths)


def main() -> None:
    """Write the results of the study that is kept with the code, or of another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    print(f"{write_results(folder)} results: {folder / 'README.md'}")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
