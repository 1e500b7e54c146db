"""Evaluations of many fits as one table, and published figures to set beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_csv, write_json

Row = dict[str, Any]


def read_evaluations(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Evaluation documents, ordered by model, parameters and seed.

    Raises:
        NeuronIOError: a file is missing or is no evaluation.
    """
    documents = []
    for path in paths:
        document = read_json(path)
        if not isinstance(document, dict) or not {"model", "scores", "data"} <= set(document):
            raise NeuronIOError(
                f"{path} is not an evaluation; give files made by `neuronio evaluate`"
            )
        documents.append(document)
    if not documents:
        raise NeuronIOError("no evaluations given; give one or more evaluation.json files")
    return sorted(documents, key=_order)


def table_rows(evaluations: Sequence[dict[str, Any]]) -> list[Row]:
    """One flat row an evaluation; each score is followed by its interval as `_low` and `_high`."""
    return [_row(document) for document in evaluations]


def write_table(evaluations: Sequence[dict[str, Any]], stem: Path) -> list[Path]:
    """Write the table as `stem`.csv and `stem`.json."""
    rows = table_rows(evaluations)
    paths = [Path(f"{stem}.csv"), Path(f"{stem}.json")]
    fields = list(dict.fromkeys(key for row in rows for key in row))
    write_csv(paths[0], [{k: _cell(v) for k, v in row.items()} for row in rows], fields)
    write_json(paths[1], rows)
    return paths


def _order(document: dict[str, Any]) -> tuple:
    model = document["model"]
    return model["name"], model["parameters"], model["seed"] or 0, document["name"]


def _row(document: dict[str, Any]) -> Row:
    model, data = document["model"], document["data"]
    row = {key: model[key] for key in ("name", "size", "seed", "source")}
    row = {"fit": document["name"], "model": row.pop("name"), **row}
    row |= {key: model[key] for key in ("parameters", "multiply_adds_per_ms")}
    row |= {"mode": document["settings"]["mode"], "trials": data["trials_scored"]}
    row |= {"trials_left_out": data["trials_left_out"], "spikes": data["spikes"]}
    row |= {"ignore_ms": document["settings"]["ignore_ms"]}
    for name, entry in document["scores"].items():
        row |= {name: entry["value"], f"{name}_low": entry["low"], f"{name}_high": entry["high"]}
    return row | {f"legacy_{name}": value for name, value in document["legacy"].items()}


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
