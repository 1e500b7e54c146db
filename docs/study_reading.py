"""What the study's table says in words: sentences whose every number is read from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.figures.marks import label_words
from neuronio.surrogate.reference_scores import FLOOR_SOURCE
from neuronio.surrogate.summary import over_data

Row = dict[str, Any]
AUC, RMSE = "auc_mean", "soma_rmse_mV_mean"
MULTIPLY_ADDS = (1_000, 3_000, 10_000, 100_000, 1_000_000)
# Two networks' AUC on the published test set differ by less than this by chance.
MARGIN = 3e-4
# What the study labels fits under published settings.
PUBLISHED_SETTINGS = "published_settings"
NO_FIT = "No fit is kept yet, or no spike is among what they are scored on."


def name_of(row: Row) -> str:
    """A fit in words, its label included."""
    label = f", {label_words(row['label'])}" if row["label"] else ""
    return f"{FAMILIES[row['model']].label}{label}"


def reading(rows: Sequence[Row], published: Sequence[Row], best: Row | None) -> str:
    """Paragraphs on the curve, what parameters, multiply-adds and data buy, and what is left above.

    Args:
        rows: means over seeds, of fits, a noise floor and references.
        published: figures of others, each with its parameters and AUC; none where they are of
            another cell.
        best: the row of ours that was chosen on validation trials.
    """
    fits = [r for r in rows if r["source"] == "fit" and r[AUC] is not None]
    if not fits:
        return NO_FIT
    plain = [row for row in fits if not row["label"]]
    others = [row for row in fits if row["label"] not in (None, PUBLISHED_SETTINGS)]
    if not plain and len({row["label"] for row in others}) == 1:  # a study of one kind of cell
        plain = others
    floor = next((row for row in rows if row["source"] == FLOOR_SOURCE), None)
    paragraphs = [
        _curve(plain, [row for row in published if row["model"].startswith("branch_elm")])
        if plain and published
        else "",
        _parameters(plain),
        _multiply_adds(plain),
        _data(fits),
        _settings([r for r in fits if r["label"] == PUBLISHED_SETTINGS], plain, published),
        _above(best, floor) if best and floor else "",
    ]
    return "\n\n".join(filter(None, paragraphs))


def _curve(fits: Sequence[Row], published: Sequence[Row]) -> str:
    """How many parameters of ours do what the published networks do."""
    said, reached = [], None
    for ours in sorted(fits, key=lambda row: row["parameters"]):
        worse = [row for row in published if row["auc"] + MARGIN <= ours[AUC]]
        theirs = max(worse, key=lambda row: row["auc"], default=None)
        if theirs and (reached is None or theirs["auc"] > reached["auc"]):
            reached = theirs
            said.append(
                f"{theirs['label']} with {_size(theirs)} ({auc(theirs['auc'])}) by a "
                f"{name_of(ours)} with {_size(ours)} ({auc(ours[AUC])})"
            )
    top = max(published, key=lambda row: row["auc"])
    best = max(fits, key=lambda row: row[AUC])
    first = f"Smallest of ours that pass a published ELM by .0003 or more: {'; '.join(said)}. "
    first = first if said else ""
    last = f"The highest published AUC of an ELM is {auc(top['auc'])} ({_size(top)}), "
    last += f"of our means {auc(best[AUC])} ({name_of(best)}, {_size(best)})."
    return f"**The published curve.** {first}{last}"


def _parameters(fits: Sequence[Row]) -> str:
    """AUC over the sizes of every family that has several."""
    said = []
    for model in dict.fromkeys(row["model"] for row in fits):
        sizes = sorted((r for r in fits if r["model"] == model), key=lambda r: r["parameters"])
        if len(sizes) > 1:
            steps = ", ".join(f"{auc(row[AUC])} with {row['parameters']:,}" for row in sizes)
            said.append(f"{name_of(sizes[0])} {steps}")
    return f"**What a parameter buys.** Mean AUC: {'; '.join(said)}." if said else ""


def _multiply_adds(fits: Sequence[Row]) -> str:
    """The highest AUC for a number of multiply-adds."""
    said: list[str] = []
    best: Row | None = None
    for budget in MULTIPLY_ADDS:
        within = [row for row in fits if row["multiply_adds_per_ms"] <= budget]
        if within and (found := max(within, key=lambda row: row[AUC])) is not best:
            best = found
            said.append(
                f"{auc(best[AUC])} for {budget:,} at most ({name_of(best)}, "
                f"{best['multiply_adds_per_ms']:,})"
            )
    words = "The highest mean AUC by multiply-adds in every ms, every synapse counted as active: "
    return f"**What a multiply-add buys.** {words}{'; '.join(said)}." if said else ""


def _data(fits: Sequence[Row]) -> str:
    """AUC and soma RMSE over the amounts of training data of every fit that has several."""
    said = []
    for size in dict.fromkeys((row["model"], row["parameters"]) for row in fits):
        for amounts in over_data([r for r in fits if (r["model"], r["parameters"]) == size]):
            if len(amounts) > 1:
                steps = ", ".join(
                    f"{auc(row[AUC])} and {number(row[RMSE], 3)} mV of {row['train_trials']:,}"
                    for row in sorted(amounts, key=lambda row: row["train_trials"])
                )
                said.append(f"{FAMILIES[size[0]].label} with {_size(amounts[0])} {steps}")
    words = "Mean AUC and soma RMSE by the number of trials fitted to: "
    return f"**What data buy.** {words}{'; '.join(said)}." if said else ""


def _settings(labelled: Sequence[Row], plain: Sequence[Row], published: Sequence[Row]) -> str:
    """Fits under published settings beside the published networks of their size, and ours."""
    theirs, ours = (
        {(r["model"], int(r["size"])): r for r in reversed(rows)} for rows in (published, plain)
    )
    said = []
    for row in labelled:
        key = row["model"], int(row["size"])
        if key in theirs:
            beside = f"published: {auc(theirs[key]['auc'])}"
            beside += f"; by our recipe: {auc(ours[key][AUC])}" if key in ours else ""
            said.append(f"with {_size(row)} {auc(row[AUC])} ({beside})")
    words = "A Branch-ELM fitted to our data by the published recipe has mean AUC "
    return f"**What the recipe does.** {words}{', '.join(said)}." if said else ""


def _above(best: Row, floor: Row) -> str:
    """What is between the best fit and the integrator's noise floor."""
    scores = {"AUC": (AUC, 4), "AP": ("average_precision_mean", 2)}
    scores |= {
        "F1 within 2 ms": ("spike_f1_2ms_mean", 2),
        "soma RMSE in mV": (RMSE, 2),
    }
    said = [
        f"{name} {number(best[key], digits)} ({number(floor[key], digits)})"
        for name, (key, digits) in scores.items()
        if best[key] is not None and floor[key] is not None
    ]
    words = f"Our best on validation trials, {name_of(best)} with {_size(best)}, and in brackets "
    words += "trials that are integrated again with half the time step: "
    return f"**The integrator's noise floor.** {words}{', '.join(said)}."


def _size(row: Row) -> str:
    return f"{row['parameters']:,.0f} parameters"


def auc(value: float) -> str:
    """An area under the curve as text, without its leading zero."""
    return number(value, 4)


def interval(row: Row, score: str, digits: int) -> str | None:
    """A score's mean and, in brackets, the means of its bounds, where there are any."""
    value, *bounds = (row.get(f"{score}_{end}") for end in ("mean", "low", "high"))
    if value is None or None in bounds:
        return None if value is None else number(value, digits)
    return f"{number(value, digits)} [{', '.join(number(b, digits) for b in bounds)}]"


def number(value: float, digits: int) -> str:
    """A score as text, without its leading zero."""
    return f"{value:.{digits}f}".removeprefix("0")
