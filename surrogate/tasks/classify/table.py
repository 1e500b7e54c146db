"""Evaluations of classifiers as one table, and their means over seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from neuronio.classification import ONLY_SPEED
from neuronio.files import write_csv
from neuronio.surrogate.summary import scores_over_seeds

Row = dict[str, Any]
COSTS = ("parameters", "multiply_adds_per_step", "state_size", "training_seconds")
# Columns of the table that the page shows, and their titles.
SHOWN = {
    "task": "task",
    "bin_ms": "bin, ms",
    "label_in_figures": "model",
    "label": "label",
    "seed": "seed",
    "parameters": "parameters",
    "accuracy": "accuracy",
    "cross_entropy": "cross-entropy, nats",
    "best_trivial": "best trivial rule",
    "validation_accuracy": "validation accuracy",
    "training_seconds": "training, s",
}


def table_rows(evaluations: Iterable[dict[str, Any]]) -> list[Row]:
    """One flat row an evaluation; scores with their intervals, and the best trivial rule."""
    return [_row(document) for document in evaluations]


def summary_rows(evaluations: Iterable[dict[str, Any]]) -> list[Row]:
    """One flat row for fits that differ in their seed alone, scored on the same samples.

    Of each score: mean, lowest and highest over seeds, and the means of the intervals' bounds
    (surrogate/summary.py says why). The trivial scores stand beside them.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for document in evaluations:
        groups.setdefault(_identity(document), []).append(document)
    return [_mean_row(documents) for documents in groups.values()]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, floats with six digits, nested values as JSON."""
    fields = list(dict.fromkeys(key for row in rows for key in row))
    write_csv(path, [{k: _cell(v) for k, v in row.items()} for row in rows], fields)


def page_cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and body of the table for a page; a score has its interval below it."""
    return list(SHOWN.values()), [[_shown(row, key) for key in SHOWN] for row in rows]


def _row(document: dict[str, Any]) -> Row:
    model, about = document["model"], document["data"]["about"]
    row = {"fit": document["name"], "task": about["task"], "bin_ms": document.get("bin_ms")}
    row |= {"model": model["name"], "label_in_figures": model["label"]}
    row |= {"label": document.get("label"), "size": model["size"], "seed": model["seed"]}
    row |= {key: model[key] for key in COSTS} | {"samples": document["data"]["samples"]}
    for name, entry in document["scores"].items():
        row |= {name: entry["value"], f"{name}_low": entry["low"], f"{name}_high": entry["high"]}
    row |= {"validation_accuracy": model["validation"]["accuracy"]}
    row |= {"best_trivial": max(document["reference"].values())}
    return row | {"reference": document["reference"]}


def _mean_row(documents: Sequence[dict[str, Any]]) -> Row:
    rows = table_rows(documents)
    same = ("task", "bin_ms", "model", "label_in_figures", "label", "size", "parameters", "samples")
    row = {key: rows[0][key] for key in same} | {"n_fits": len(rows)}
    row |= {"seeds": " ".join(str(r["seed"]) for r in rows)}
    row |= {"training_seconds": sum(r["training_seconds"] for r in rows) / len(rows)}
    for name in documents[0]["scores"]:
        row |= scores_over_seeds(name, [document["scores"][name] for document in documents])
    return row | {key: rows[0][key] for key in ("best_trivial", "reference")}


def _identity(document: dict[str, Any]) -> str:
    """What is the same for all seeds of a fit, as text."""
    model, data = document["model"], document["data"]
    training = {k: v for k, v in model["training"].items() if k not in ONLY_SPEED}
    made_of = [*(model[key] for key in ("name", "size", "options")), training]
    where = [data["about"]["task"], data["name"], document.get("bin_ms"), document.get("label")]
    return json.dumps([made_of, where, document["settings"]], sort_keys=True)


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    return f"{value:.6g}" if isinstance(value, float) else value


def _shown(row: Row, key: str) -> str:
    value = row[key]
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    text = f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    return text if low is None else f"{text}\n[{low:.4g}, {high:.4g}]"
