"""Evaluations of one model fitted with several seeds as one row: mean and range over seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from statistics import fmean
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.surrogate.families import FAMILIES, option_values, parse_options
from neuronio.surrogate.recipes import ONLY_SPEED, SAID_OTHERWISE
from neuronio.surrogate.reference_scores import COSTS
from neuronio.surrogate.store import trials_named

Row = dict[str, Any]


def summary_rows(evaluations: Iterable[dict[str, Any]]) -> list[Row]:
    """One flat row for fits that differ in nothing but their seed, scored on the same trials.

    Of each score: `_mean` over seeds, `_lowest` and `_highest` seed, and `_low` and `_high`, the
    means of the bounds of the fits' intervals. All seeds are scored on the same trials, so what
    the draw of trials does to one fit it does to all: its error does not shrink with more seeds,
    as it would if intervals were pooled. Were it fully common to all, the mean of the intervals
    would be the interval of the mean; as it is, that is at most too wide. It says nothing of
    the spread over seeds, which the range shows. A score that is undefined for one seed has none.
    """
    return [_row(documents) for documents in over_seeds(evaluations)]


def over_seeds(evaluations: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Evaluations in groups that differ in nothing but the seed of their fit."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for document in evaluations:
        groups.setdefault(_identity(document), []).append(document)
    return list(groups.values())


def over_data(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one model as what a line over the training trials joins.

    All of them, but where some were fitted to as many trials: then those that saw as much of them.
    """
    if len({row["train_trials"] for row in rows}) == len(rows):
        return [list(rows)]
    groups: dict[float, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["exposure_s"], []).append(row)
    return list(groups.values())


def _identity(document: dict[str, Any]) -> str:
    """What is the same for all seeds of a fit, as text."""
    model, data = document["model"], document["data"]
    training = model.get("training") or {}
    training = {k: v for k, v in training.items() if k not in (*ONLY_SPEED, *SAID_OTHERWISE)}
    made_of = [model[key] for key in ("name", "source", "size")]
    made_of += [model.get(key) for key in ("train_trials", "fitted_to")] + [training]
    made_of += [_all_options(model)]
    # Published weights and other fits without a seed are each one of a kind.
    alone = document["name"] if model["seed"] is None else None
    scored = [trials_named({"files": data.get("files", ())}), data["trials_scored"]]
    return json.dumps([made_of, alone, document["settings"], scored], sort_keys=True)


def _all_options(model: dict[str, Any]) -> dict[str, Any] | None:
    """The options of a fit, those too that its family had none of when it was made."""
    options = model.get("options")
    if not options or model["name"] not in FAMILIES:
        return options
    with suppress(NeuronIOError):  # of a family that has lost one of them
        return option_values(parse_options(model["name"], options))
    return options


def _row(documents: Sequence[dict[str, Any]]) -> Row:
    first = documents[0]
    model, data, settings = first["model"], first["data"], first["settings"]
    seeds = [document["model"]["seed"] for document in documents]
    row = {"model": model["name"], "label": first.get("label")}
    row |= {key: model[key] for key in ("size", "source")} | costs(documents)
    row |= {"options": _options(model.get("options") or {})}
    row |= {"n_fits": len(documents), "seeds": " ".join(str(s) for s in seeds if s is not None)}
    row |= {"fits": " ".join(document["name"] for document in documents)}
    row |= {"mode": settings["mode"], "trials": data["trials_scored"], "spikes": data["spikes"]}
    for name in first["scores"]:
        row |= scores_over_seeds(name, [document["scores"][name] for document in documents])
    return row


def costs(documents: Sequence[dict[str, Any]]) -> Row:
    """What fits that differ in their seed cost, in use and in training: the mean over seeds.

    But the time of the fastest seed: the same steps take longer only beside other work.
    """
    given = {key: [document["model"].get(key) for document in documents] for key in COSTS}
    found = {key: None if None in values else _mean(values) for key, values in given.items()}
    seconds = given["training_seconds"]
    return found | {"training_seconds": None if None in seconds else min(seconds)}


def _mean(values: Sequence[float]) -> float:
    """The mean; what is the same for all stays a whole number."""
    return values[0] if len(set(values)) == 1 else fmean(values)


def scores_over_seeds(name: str, entries: Sequence[dict[str, float | None]]) -> Row:
    """Mean, lowest and highest of a score over seeds, and the means of its intervals' bounds.

    Args:
        entries: value, low and high for each seed; what is undefined for one has none.
    """

    def over(of, key: str) -> float | None:
        values = [entry[key] for entry in entries if entry[key] is not None]
        return of(values) if len(values) == len(entries) else None

    ranges = {"mean": over(fmean, "value"), "lowest": over(min, "value")}
    ranges |= {
        "highest": over(max, "value"),
        "low": over(fmean, "low"),
        "high": over(fmean, "high"),
    }
    return {f"{name}_{key}": value for key, value in ranges.items()}


def _options(options: dict[str, Any]) -> str:
    """The options that fits were given as one cell."""
    return " ".join(f"{key}={json.dumps(value)}" for key, value in options.items())
