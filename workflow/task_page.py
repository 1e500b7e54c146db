"""The report of a run on long-horizon tasks: one HTML file that needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finish import ROOT, planned
from page import OPTIMIZERS, bibtex, costs, image, missing, read_rows, rendered

from neuronio.files import read_json, write_atomic
from neuronio.long_horizon import LongHorizonConfig, TaskConfig
from neuronio.surrogate.figures.marks import bracketed

RULES = ("sequences", "fit", "evaluate", "report")
FILES = ("table.csv", "summary.csv", "snakemake.html", "figures/accuracy.svg")


def write_task_page(results: Path, run: LongHorizonConfig) -> Path:
    """Write `report.html` of a finished run; returns its path.

    Args:
        results: results/NAME; run: the configuration, whose `leave_out` tells what `Failed`.
    """
    rows = read_rows(results / "summary.csv")
    facts = read_json(results / "provenance.json")
    abouts = {about["task"]: about for about in facts["data"].values()}  # of any width of bins
    page = rendered(
        "tasks.html.j2",
        run=run,
        optimizer=OPTIMIZERS[run.training.optimizer],
        own_training=_own_training(run),
        **missing(run.leave_out),
        tasks=[
            {
                "name": task.task,
                "told": _told(run, task, abouts[task.task]),
                "binned": bool(task.bins_ms),
                "rows": [_row(row) for row in rows if row["task"] == task.task],
                "reference": _reference(rows, task.task),
            }
            for task in run.tasks
            if task.task in abouts
        ],
        accuracy=image(results / "figures" / "accuracy.svg"),
        learning=image(results / "figures" / "learning.svg"),
        costs=costs(results / "times", RULES),
        bibtex=bibtex(ROOT / "CITATION.cff"),
        facts=facts,
        files=[name for name in FILES if (results / name).is_file()],
    )
    path = results / "report.html"
    write_atomic(path, page.encode())
    return path


def _told(run: LongHorizonConfig, task: TaskConfig, about: dict[str, Any]) -> str:
    """A task in words: samples, steps, classes."""
    counts = ", ".join(f"{n:,} {split}" for split, n in run.samples(task).items())
    return f"{counts} samples; {about['channels']} channels; {about['classes']} classes"


def _own_training(run: LongHorizonConfig) -> str:
    """The training settings of tasks and of models on them that are not the common ones."""
    shown = planned(run).asked.values()  # without the fits that are left out
    own = [(fit.task.task, fit.task.training) for fit in shown]
    own += [(f"{fit.section.model} on {fit.task.task}", fit.section.training) for fit in shown]
    words = (
        f"{name}: " + ", ".join(f"{k} {v}" for k, v in given.items())
        for name, given in own
        if given
    )
    return "; ".join(dict.fromkeys(words))  # once for all seeds


def _row(row: dict[str, str]) -> dict[str, Any]:
    """A line of the summary in words."""
    mean, low, high, worst, best = (
        f"{float(row[f'accuracy_{key}']):.3f}" if row[f"accuracy_{key}"] else ""
        for key in ("mean", "low", "high", "lowest", "highest")
    )
    return {
        "name": f"{row['label_in_figures']}, {row['size']} {bracketed(row['label'])}".rstrip(),
        "bin_ms": row["bin_ms"],
        "parameters": f"{int(row['parameters']):,}",
        "accuracy": mean,
        "interval": f"[{low}, {high}]" if low else "",
        "seeds": f"{worst}–{best}" if int(row["n_fits"]) > 1 and worst != best else "",
        "minutes": f"{float(row['training_seconds']) / 60:.1f}",
    }


def _reference(rows: list[dict[str, str]], task: str) -> list[tuple[str, str]]:
    """What needs no learning and how it does, by bin width where that makes a difference."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["task"] == task:
            for name, value in json.loads(row["reference"]).items():
                found.setdefault(name, {})[row["bin_ms"]] = f"{value:.3f}"
    lines = []
    for name, values in found.items():
        if len(set(values.values())) == 1:
            lines.append((name, next(iter(values.values()))))
        else:
            lines += [(f"{name} at {bin_ms} ms", value) for bin_ms, value in values.items()]
    return lines
