"""The study's table, figures and page, from the fits that are kept: `python docs/study_page.py`.

Writes docs/results/neuronio/table.csv, summary.csv, figures/ and the tables of README.md there. It
simulates and fits nothing: `make study` does, and calls this when it is done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))
from kept import KEPT, fits_by_name, kept_configuration
from study_reading import interval, name_of, number, reading

from neuronio.config import RunConfig, Variant, load_config
from neuronio.data.reference import published_surrogates
from neuronio.drawing import save_figure
from neuronio.errors import NeuronIOError
from neuronio.files import read_csv, read_json, write_atomic
from neuronio.markdown import table, with_block
from neuronio.surrogate.figures.drawn import figures
from neuronio.surrogate.figures.marks import label_words
from neuronio.surrogate.reference_scores import fits_among, reference_documents
from neuronio.surrogate.results_table import read_evaluations, write_table
from neuronio.surrogate.summary import summary_rows

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "results" / "neuronio"
NEW_PAGE = """# {name}

<!-- figures -->
<!-- end -->

<!-- reading -->
<!-- end -->

<!-- aims -->
<!-- end -->

<!-- fits -->
<!-- end -->
"""
OTHER_CELL = "The cell is changed, so nothing published stands beside it and no aim."
NOTHING = "No fit is kept yet: `make study` makes them."
# Figure -> what it shows; others are files beside the page.
CAPTIONS = {
    "accuracy_train_trials": "Accuracy against the number of training trials",
    "accuracy": "Accuracy against parameter count: means over seeds, thin bars 95% intervals over "
    "trials, thick ones the range over seeds (most are smaller than the marker)",
    "accuracy_multiply_adds": "Accuracy against multiply-adds per ms",
    "learning": "Spike loss, without its weight, and average precision over the steps of training",
}
COSTS = ("parameters", "multiply_adds", "seconds")
AMOUNT = "train_trials"
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
    heads = ["model", "size", "parameters", "seeds", "hours in the loss", "trials"]
    heads += [head for head, _ in SCORES.values()] + ["AUC of seeds"]
    lines: list[Sequence[object]] = []
    for row in rows:
        fitted = row["source"] == "fit"
        size = row["parameters"] and f"{row['parameters']:,}"
        seen = row["exposure_s"] and f"{row['exposure_s'] / 3600:.0f}"
        cells = [name_of(row) if fitted else f"*{label_words(row['model'])}*", row["size"], size]
        cells += [row["n_fits"] if fitted else None, seen, f"{row['trials']:,}"]
        ends = [_value(row, f"auc_{end}", "auc") for end in ("lowest", "highest")]
        seeds = " to ".join(map(str, ends)) if row["n_fits"] > 1 and all(ends) else None
        scores = [interval(row, score, digits) for score, (_, digits) in SCORES.items()]
        lines.append([*cells, *scores, seeds])
    return table(heads, lines)


def best_of(rows: Sequence[Row], valid: Mapping[str, float | None], budget: float) -> Row | None:
    """Ours of so many parameters at most that is best on validation trials.

    Args:
        rows: means over seeds.
        valid: AUC on validation trials, by the name of the fit; ours is not chosen by test scores.
    """
    fits = [row for row in rows if row["source"] == "fit" and row["parameters"] <= budget]
    chosen_by = {row["fits"]: [valid.get(name) for name in row["fits"].split()] for row in fits}
    # Without a spike among the trials there is no AUC.
    fits = [row for row in fits if None not in (row["auc_mean"], *chosen_by[row["fits"]])]
    return max(fits, key=lambda row: fmean(chosen_by[row["fits"]]), default=None)


def aims_table(rows: Sequence[Row], valid: Mapping[str, float | None]) -> str:
    """For each budget ours that is best on validation trials, the best published one, and the aim.

    Args:
        rows, valid: see `best_of`.
    """
    heads = ["parameters at most", "", *(head for head, _ in SCORES.values())]
    lines: list[Sequence[object]] = []
    for budget, aims in AIMS.items():
        said = f"{budget:,.0f}" if budget < float("inf") else "any"
        best = best_of(rows, valid, budget)
        if not best:
            continue
        seeds = f"{best['n_fits']} seeds" if best["n_fits"] > 1 else "one seed"
        who = f"{name_of(best)}, {best['parameters']:,} ({seeds})"
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
    return None if value is None else number(value, SCORES[score][1])


def asked_alike(evaluations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Evaluations without what differs where other code or another processor made the data.

    Seeds that are made on other days or machines are then seeds of one fit. Rounding may give some
    trial one spike more or less, and so take it out of those that are scored or into them: that is
    no other question either, and the first of the fits says how many there are.
    """
    fits = fits_among(evaluations)
    scored = {"trials_scored": fits[0]["data"]["trials_scored"]} if fits else {}
    return [
        evaluation
        | {"model": evaluation["model"] | {"fitted_to": None}}
        | {"data": evaluation["data"] | {"files": []} | (scored if evaluation in fits else {})}
        for evaluation in evaluations
    ]


def kept_fits(fits: Path, run: RunConfig) -> list[Path]:
    """The folders of what is kept and asked for.

    Raises:
        NeuronIOError: one of them is damaged.
    """
    # kept.json is written last: a folder without it was left half copied.
    asked = fits_by_name(run)
    found = sorted(p.parent for p in fits.glob(f"*/{KEPT}") if p.parent.name in asked)
    for folder in found:
        kept_configuration(folder)
    return found


def write_results(folder: Path, run: RunConfig, fits: Path | None = None) -> int:
    """Draw and write everything from the kept fits in a folder; returns how many there are.

    Args:
        folder: holds README.md with the marks of the tables; where there is no page, one with
            nothing else is begun.
        run: the configuration that asks for the fits; others are left out.
        fits: the folder that they are kept in, one folder a fit; `fits` in `folder` if left out.

    Raises:
        NeuronIOError: a file of a fit cannot be read, or the page has no place for a table.
    """
    kept = kept_fits(fits or folder / "fits", run)
    paths = [path / "evaluation.json" for path in kept]
    evaluations = asked_alike(read_evaluations(paths)) if paths else []
    histories = {p.name: read_csv(h) for p in kept if (h := p / "history.csv").exists()}
    amounts = {e["model"][AMOUNT] for e in evaluations if e["model"]["source"] == "fit"}
    costs = [*COSTS, AMOUNT] if len(amounts) > 1 else COSTS
    published = published_surrogates() if run.cell.variant == Variant() else ()
    drawn = figures(evaluations, costs, published=published, histories=histories)
    for name, draw in drawn.items():
        save_figure(draw, folder / "figures" / name)
    if evaluations:
        write_table(evaluations, folder / "table")
    summaries = {p.name: read_json(s) for p in kept if (s := p / "summary.json").exists()}
    valid = {name: summary["validation"]["valid_auc"] for name, summary in summaries.items()}
    rows = summary_rows([*evaluations, *reference_documents(evaluations)])
    page = folder / "README.md"
    text = page.read_text() if page.exists() else NEW_PAGE.format(name=folder.name)
    text = with_block(text, "aims", aims_table(rows, valid) if published else OTHER_CELL)
    shown = [f"![{words}](figures/{name}.png)" for name, words in CAPTIONS.items() if name in drawn]
    text = with_block(text, "figures", "\n\n".join(shown) or NOTHING)
    best = best_of(rows, valid, float("inf"))
    asked = len(fits_by_name(run))
    some = "All" if len(kept) == asked else f"{len(kept)} of the"
    count = f"{some} {asked} results that are asked for are kept."
    text = with_block(text, "reading", f"{count}\n\n{reading(rows, published, best)}")
    text = with_block(text, "fits", fits_table(rows) if rows else NOTHING)
    write_atomic(page, text.encode())
    return len(paths)


def main() -> None:
    """Write the results of the study that is kept with the code, or of another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument(
        "--fits", type=Path, help="folder of the kept fits; FOLDER/fits if left out"
    )
    parser.add_argument("--configfile", type=Path, default=ROOT / "config" / "study.yaml")
    given = parser.parse_args()
    run = load_config(given.configfile)
    count = write_results(given.folder, run, given.fits)
    print(f"{count} results: {given.folder / 'README.md'}")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
