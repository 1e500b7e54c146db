"""Evaluations of many fits as one table, and published figures to set beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_csv, write_json
from neuronio.surrogate.detection_curves import CURVES
from neuronio.surrogate.reference_scores import COSTS, reference_documents
from neuronio.surrogate.summary import summary_rows

Row = dict[str, Any]
# An evaluation that has these of another is that other, wherever its files lay.
SAME = ("name", "model", "settings", "scores")


def read_evaluations(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Evaluation documents by model, parameters and seed; last what has no parameters, the floor.

    One that is given twice, as by two runs that share it, counts once: it is no second seed.

    Raises:
        NeuronIOError: a file is missing or is no evaluation.
    """
    documents: list[dict[str, Any]] = []
    for path in paths:
        document = read_json(path)
        try:
            if "source" not in document["model"] and "confusion" in document:
                raise NeuronIOError(
                    f"{path} is of a classifier of sequences; its figures are those of its run"
                )
            _row(document), _order(document), summary_rows([document])
            _ = document["protocol"], document["model"]["source"]
            _check_curves(document.get("curves") or {})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise NeuronIOError(
                f"{path} is not an evaluation; give files made by `neuronio evaluate`"
            ) from error
        if not any(all(document[key] == other[key] for key in SAME) for other in documents):
            documents.append(document)
    if not documents:
        raise NeuronIOError("no evaluations given; give one or more evaluation.json files")
    return sorted(documents, key=_order)


def _check_curves(curves: dict[str, dict[str, Any]]) -> None:
    """Raise what an error of another document would, where a curve is no curve."""
    for name, axes in CURVES.items():
        if name in curves:
            x, y = (np.asarray(curves[name][axis], dtype=float) for axis in axes)
            if x.ndim != 1 or x.shape != y.shape:
                raise ValueError(name)


def table_rows(evaluations: Sequence[dict[str, Any]]) -> list[Row]:
    """One flat row an evaluation; each score is followed by its interval as `_low` and `_high`.

    Below them stand chance and the mean voltage on the same trials, of source 'reference'.
    """
    return [_row(document) for document in (*evaluations, *reference_documents(evaluations))]


def write_table(evaluations: Sequence[dict[str, Any]], stem: Path) -> list[Path]:
    """Write the table as `stem`.csv and .json, and beside it the means over seeds, summary.csv."""
    rows = table_rows(evaluations)
    means = summary_rows([*evaluations, *reference_documents(evaluations)])
    paths = [Path(f"{stem}.csv"), Path(f"{stem}.json"), stem.with_name("summary.csv")]
    _write_rows(paths[0], rows)
    write_json(paths[1], rows)
    _write_rows(paths[2], means)
    return paths


def _write_rows(path: Path, rows: Sequence[Row]) -> None:
    fields = list(dict.fromkeys(key for row in rows for key in row))
    write_csv(path, [{k: _cell(v) for k, v in row.items()} for row in rows], fields)


def _order(document: dict[str, Any]) -> tuple:
    model = document["model"]
    none, parameters = model["parameters"] is None, model["parameters"] or 0
    order = model["seed"] or 0, model.get("train_trials") or 0, document["name"]
    return none, model["name"], parameters, *order


def _row(document: dict[str, Any]) -> Row:
    model, data = document["model"], document["data"]
    row = {key: model[key] for key in ("name", "size", "seed", "source")}
    label = document.get("label")
    row = {"fit": document["name"], "model": row.pop("name"), "label": label, **row}
    row |= {key: model.get(key) for key in COSTS}
    row |= {"mode": document["settings"]["mode"], "trials": data["trials_scored"]}
    row |= {"trials_left_out": data["trials_left_out"], "spikes": data["spikes"]}
    row |= {"ignore_ms": document["settings"]["ignore_ms"]}
    for name, entry in document["scores"].items():
        row |= {name: entry["value"], f"{name}_low": entry["low"], f"{name}_high": entry["high"]}
    return row | {f"legacy_{name}": value for name, value in document.get("legacy", {}).items()}


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
