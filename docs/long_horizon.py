"""Long-horizon results kept with the code: `python docs/long_horizon.py [results/NAME ...]`.

Copies the evaluations of finished runs to docs/results/longhorizon/evaluations, and writes
table.csv, summary.csv, figures/accuracy and the tables of README.md there from all that it holds.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from neuronio.classification import ONLY_SPEED
from neuronio.drawing import save_figure
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_atomic, write_json
from neuronio.markdown import table, with_block
from neuronio.surrogate.figures.marks import label_words
from neuronio.surrogate.figures.tasks import tasks_figure
from neuronio.surrogate.tasks.classify.fit import TASK
from neuronio.surrogate.tasks.classify.table import summary_rows, table_rows, write_rows

FOLDER = Path(__file__).resolve().parent / "results" / "longhorizon"
# Steps of all training rows of an epoch: of config/longhorizon.yaml, whose trees have 298 tokens on
# average, and of each full task (1,035), beside the task whose fits tell what a step costs.
FITTED_STEPS = {"listops-short": 8000 * 298, "pathfinder": 4000 * 32**2}
FULL_STEPS = {
    "ListOps, 501 to 1,999 tokens": (96_000 * 1035, "listops-short"),
    "Pathfinder, 32 x 32": (160_000 * 32**2, "pathfinder"),
    "Path-X, 128 x 128": (160_000 * 128**2, "pathfinder"),
}
FULL_MODELS = {"elm": "ELM", "ssm": "state space", "lstm": "LSTM", "gru": "GRU"}


def keep(run: Path, folder: Path) -> None:
    """Copy the evaluations of a run; those with inputs left out in testing say so in their label.

    Raises:
        NeuronIOError: it has none, or what is kept of a fit, of any seed, is of other samples,
            settings or training; nothing is copied then.
    """
    found = sorted(run.glob("evaluations/*.json"))
    if not found:
        raise NeuronIOError(f"{run} has no evaluations; take the results of `make longhorizon`")
    new: dict[str, dict[str, Any]] = {}
    for path in found:
        document, name = read_json(path), path.stem
        if document.get("task") != TASK:
            raise NeuronIOError(f"{path} is of another kind; take results of `make longhorizon`")
        share = document["settings"]["input_dropout"]
        label = f"{share:g}_of_inputs_left_out_in_testing"
        if share and label not in (document["label"] or ""):
            document["label"] = "_".join(filter(None, [document["label"], label]))
            name = f"{name}-{label}"
        new[name] = document
    there = {path: read_json(path) for path in sorted(folder.glob("evaluations/*.json"))}
    for name, document in new.items():
        for path, other in there.items():
            before = _judged(other, _but_seed(path.stem))
            now = _judged(document, _but_seed(name))
            if different := [what for what in now if what in before and now[what] != before[what]]:
                raise NeuronIOError(
                    f"{run} has {name} with other {' and other '.join(different)} than {path}; "
                    "take that and its other seeds out first, or give the fits of the run a label"
                )
    (folder / "evaluations").mkdir(parents=True, exist_ok=True)
    for name, document in new.items():
        write_json(folder / "evaluations" / f"{name}.json", document)


def _but_seed(name: str) -> str:
    return re.sub(r"-seed\d+", "", name)


def _judged(document: dict[str, Any], name: str) -> dict[str, Any]:
    """What results that are shown together have in common: those of a task in bins of one width,
    and beside that the seeds of a fit, whose name without its seed this is.

    Samples are told apart by checksums of what was made, not by the code that made it.
    """
    about, training = document["data"]["about"], document["model"]["training"]
    settings = {k: v for k, v in document["settings"].items() if k != "input_dropout"}
    width = f" in bins of {about['bin_ms']:g} ms" if about["bin_ms"] else ""
    return {
        f"samples of {about['task']}{width}": document["data"]["name"],
        f"settings of {about['task']}{width}": settings,
        f"inputs left out of {name}": document["settings"]["input_dropout"],
        f"training of {name}": {k: v for k, v in training.items() if k not in ONLY_SPEED},
    }


def results_table(rows: Sequence[dict[str, Any]]) -> str:
    """One line a model, and below those of a task what needs no learning."""
    heads = ["task", "bin, ms", "model, size", "parameters", "seeds", "accuracy [95%]", "fit, min"]
    lines: list[Sequence[object]] = []
    for task in dict.fromkeys(row["task"] for row in rows):
        of_task = [row for row in rows if row["task"] == task]
        for row in of_task:
            label = f", {label_words(row['label'])}" if row["label"] else ""
            lines.append(
                [
                    task,
                    row["bin_ms"] and f"{row['bin_ms']:g}",
                    f"{row['label_in_figures']}, {row['size']}{label}",
                    f"{row['parameters']:,}",
                    row["n_fits"],
                    _accuracy(row),
                    f"{row['training_seconds'] / 60:.1f}",
                ]
            )
        for name, value in of_task[0]["reference"].items():
            lines.append([task, None, f"*{name}*", None, None, _short(value), None])
    return table(heads, lines)


def costs_table(documents: Sequence[dict[str, Any]]) -> str:
    """What an epoch of each full task costs one core, from the time that kept fits took."""
    heads = ["full task", "million steps", "from the fits to", *FULL_MODELS.values()]
    lines = []
    for task, (steps, fitted) in FULL_STEPS.items():
        costs = [_cost(documents, fitted, model, steps) for model in FULL_MODELS]
        lines.append([task, f"{steps / 1e6:,.0f}", fitted, *costs])
    return table(heads, lines)


def _cost(documents: Sequence[dict[str, Any]], task: str, model: str, steps: int) -> str | None:
    """Hours of a core for so many steps, and microseconds for one; nothing without a fit."""
    fits = [d["model"] for d in documents if d["data"]["about"]["task"] == task and not d["label"]]
    core_s = [
        fit["training_seconds"] * fit["training"]["threads"] / fit["training"]["epochs"]
        for fit in fits
        if fit["name"] == model
    ]
    if not core_s:
        return None
    step_us = 1e6 * fmean(core_s) / FITTED_STEPS[task]
    return f"{step_us * steps / 3.6e9:.1f} h ({step_us:.1f} µs)"


def _accuracy(row: dict[str, Any]) -> str:
    """The mean, and its interval where there is one."""
    mean, low, high = (row[f"accuracy_{what}"] for what in ("mean", "low", "high"))
    between = f" [{_short(low)}, {_short(high)}]" if low is not None else ""
    return _short(mean) + between


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def write_results(folder: Path) -> int:
    """Write everything from the evaluations in a folder; returns how many there are.

    Raises:
        NeuronIOError: an evaluation cannot be read, or the page has no place for a table.
    """
    documents = [read_json(path) for path in sorted((folder / "evaluations").glob("*.json"))]
    if not documents:
        raise NeuronIOError(f"{folder} holds no evaluations")
    rows = summary_rows(documents)
    rows.sort(key=lambda row: (row["task"], row["bin_ms"] or 0, -row["accuracy_mean"]))
    write_rows(folder / "table.csv", table_rows(documents))
    write_rows(folder / "summary.csv", rows)
    save_figure(lambda: tasks_figure(rows), folder / "figures" / "accuracy")
    page = folder / "README.md"
    text = with_block(page.read_text(), "results", results_table(rows))
    text = with_block(text, "costs", costs_table(documents))
    write_atomic(page, text.encode())
    return len(documents)


def main() -> None:
    """Keep the evaluations of runs, and write what all that are kept show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    for run in given.runs:
        keep(run, given.folder)
    print(f"{write_results(given.folder)} results: {given.folder / 'README.md'}")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
