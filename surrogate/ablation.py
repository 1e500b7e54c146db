"""What one change does to a surrogate: labelled fits beside the fit without a label, their base.

A label says what was changed. The base has the same model and size; where there is none (another
depth may need another size), the only fit without a label of that model, or of any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuronio.errors import NeuronIOError
from neuronio.surrogate.reference_scores import fits_among
from neuronio.surrogate.store import trials_named
from neuronio.surrogate.summary import over_seeds, summary_rows

APART = "half-widths of both fits' intervals, as if of different trials"

Document = dict[str, Any]
Row = dict[str, Any]
Kind = tuple[str, int]


def with_bases(evaluations: Sequence[Document]) -> list[tuple[list[Document], list[Document]]]:
    """Labelled fits, each as (those that differ in their seed alone, those of its base).

    Fits scored on the same trials come first as a base, then those scored on others. There is
    nothing to compare where every fit has a label.

    Raises:
        NeuronIOError: a labelled fit has several bases.
    """
    groups = over_seeds(fits_among(evaluations))
    plain = [group for group in groups if not group[0].get("label")]
    found = []
    for group in groups if plain else ():
        if group[0].get("label"):
            near = [other for other in plain if _trials(other) == _trials(group)] or plain
            kinds = [_kind(other) for other in near]
            found.append((group, near[base_of(group[0]["name"], _kind(group), kinds)]))
    return found


def _trials(group: Sequence[Document]) -> list[Any]:
    """What names the trials that fits were scored on."""
    return trials_named({"files": group[0]["data"].get("files", ())})


def _kind(group: Sequence[Document]) -> Kind:
    return group[0]["model"]["name"], group[0]["model"]["size"]


def base_of(name: str, kind: Kind, plain: Sequence[Kind]) -> int:
    """Which of the fits without a label a labelled one is compared with.

    Args:
        name: of the labelled fit; kind: its model and size.
        plain: model and size of every fit without a label.

    Raises:
        NeuronIOError: there is none, or not one alone.
    """
    for depth in (2, 1, 0):
        found = [i for i, other in enumerate(plain) if other[:depth] == kind[:depth]]
        if len(found) == 1:
            return found[0]
    raise NeuronIOError(
        f"{name} has a label but nothing to be compared with: of {len(plain)} fits without one, no "
        "single one has its model and size, or its model; leave the label out of one such fit"
    )


def apart(evaluations: Sequence[Document]) -> list[Row]:
    """Differences of labelled fits from their bases, from evaluations alone.

    Intervals are as wide as if both had been scored on different trials: they hold for fits to
    different cells, and are wider than need be for fits scored on the same trials.
    """
    rows = []
    for group, base in with_bases(evaluations):
        mine, theirs = (summary_rows(documents)[0] for documents in (group, base))
        both = [name for name in group[0]["scores"] if name in base[0]["scores"]]
        scores = {name: _apart(theirs, mine, name) for name in both}
        rows.append(compared(group, base, scores, APART))
    return rows


def _apart(theirs: Row, mine: Row, score: str) -> dict[str, float | None]:
    """The difference of two rows of `summary_rows` in a score."""
    keys = [f"{score}_{key}" for key in ("mean", "low", "high")]
    (a, a_low, a_high), (b, b_low, b_high) = ([row.get(k) for k in keys] for row in (theirs, mine))
    found = {"a": a, "b": b, "difference": None, "low": None, "high": None}
    if a is None or b is None:
        return found
    found["difference"] = b - a
    if None not in (a_low, a_high, b_low, b_high):
        found["low"] = b - a - float(np.hypot(b - b_low, a_high - a))
        found["high"] = b - a + float(np.hypot(b_high - b, a - a_low))
    return found


def compared(
    group: Sequence[Document], base: Sequence[Document], scores: Mapping[str, Any], how: str
) -> Row:
    """One labelled fit: what it is compared with, and every score's difference.

    `seeds` are the differences of fits of the same seed, a few dots that show the spread.
    """
    model = group[0]["model"]
    of_base = {document["model"]["seed"]: document for document in base}
    pairs = [(d, of_base[d["model"]["seed"]]) for d in group if d["model"]["seed"] in of_base]
    scores = {
        name: {**entry, "seeds": _seed_differences(pairs, name)} for name, entry in scores.items()
    }
    return {
        "label": group[0]["label"],
        "model": model["name"],
        "size": model["size"],
        "fits": [document["name"] for document in group],
        "base": [document["name"] for document in base],
        "base_model": base[0]["model"]["name"],
        "base_size": base[0]["model"]["size"],
        "intervals": how,
        "scores": scores,
    }


def _seed_differences(pairs: Sequence[tuple[Document, Document]], score: str) -> list[float]:
    values = [[document["scores"][score]["value"] for document in pair] for pair in pairs]
    return [mine - theirs for mine, theirs in values if mine is not None and theirs is not None]
