"""The study's fits on inputs that they were not fitted to: `python docs/generalisation.py`.

Simulates trials of the study's cell with drive that it hardly ever has (`ood`), with so little that
it stays silent (`subthreshold`), and the first test trials without the artefact at t = 0
(`corrected`); scores every kept fit on them, and writes generalisation.csv (all scores and
intervals) and the table `generalisation` of the page. What is simulated and scored is kept in
--out: stopped, it goes on where it was. Three quarters of a core-hour or so for 256 trials of each.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kept_weights import fits_with_weights, made_trials, say, scored
from study_page import FOLDER, ROOT, asked_alike
from study_reading import name_of, number

from neuronio.config import RunConfig, load_config, validate_config
from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic, write_csv
from neuronio.markdown import table, with_block
from neuronio.surrogate.results_table import read_evaluations
from neuronio.surrogate.summary import summary_rows

TRIALS_PER_SHARD = 128
# Set -> what differs from the study's test trials. Busy trials count where drive is other.
SETS: dict[str, dict[str, Any]] = {
    "ood": {"inputs": {"generator": "ood"}, "max_spikes_per_trial": None},
    "subthreshold": {"inputs": {"generator": "subthreshold"}, "max_spikes_per_trial": None},
    "corrected": {"t0_artefact": False},
}
TEST = "test"
# Score -> heading, digits, and the reference that knows nothing of it.
SCORES = {"auc": ("AUC", 4, "chance"), "soma_rmse_mV": ("RMSE, mV", 3, "mean_voltage")}


def other(run: RunConfig, name: str, trials: int) -> RunConfig:
    """The configuration of a set: the study's test trials, but for what it changes."""
    changes = {key: value for key, value in SETS[name].items() if key in RunConfig.model_fields}
    test = run.dataset.test_generator or run.inputs
    dataset = run.dataset.model_dump(mode="json") | {
        "trials": {"train": 1, "valid": 1, "test": trials},
        "scale": 1.0,
        "trials_per_shard": TRIALS_PER_SHARD,
        "test_generator": None,
    }
    document = run.model_dump(mode="json") | {"inputs": test.model_dump(mode="json"), "fits": []}
    return validate_config(document | {"dataset": dataset, "name": name} | changes)


def scoring(run: RunConfig, name: str) -> dict[str, Any]:
    """The settings of the evaluation on a set."""
    settings = run.evaluation.scoring.model_dump(mode="json")
    return settings | {key: value for key, value in SETS[name].items() if key in settings}


def generalisation_table(
    rows: Mapping[str, Sequence[dict[str, Any]]], references: Mapping[str, dict[str, Any]]
) -> str:
    """One line a model and size: means over seeds on every set.

    Args:
        rows: set -> means over seeds, of the same fits.
        references: set -> what knows nothing of it scores.
    """
    heads = [f"{name}: {head}" for name in rows for head, *_ in SCORES.values()]
    lines: dict[str, list[object]] = {}
    for of_set in rows.values():
        for row in of_set:
            first = [name_of(row), row["size"], f"{row['parameters']:,}", row["n_fits"]]
            cells = lines.setdefault(row["fits"], first)
            for score, (_, digits, _) in SCORES.items():
                value = row[f"{score}_mean"]
                cells.append(None if value is None else number(value, digits))
    last: list[object] = ["chance, or a constant voltage", None, None, None]
    for name in rows:
        for score, (_, digits, reference) in SCORES.items():
            found = references[name].get(reference, {}).get(score)
            last.append(number(found["value"], digits) if found else None)
    return table(["model", "size", "parameters", "seeds", *heads], [*lines.values(), last])


def write_generalisation(
    folder: Path, run: RunConfig, out: Path, trials: int, workers: int | None
) -> int:
    """Simulate, score and write; returns how many fits there are.

    Args:
        folder: holds `fits` and README.md, as docs/study_page.py has it.
        run: the configuration that asks for the fits.
        out: where trials and evaluations are kept.
        trials: of each set.
        workers: processes; every core if None.

    Raises:
        NeuronIOError: no fit is kept with its weights, one is damaged, or the page has no mark.
    """
    fits = fits_with_weights(folder / "fits", run)
    page = folder / "README.md"
    with_block(page.read_text(), "generalisation", "")  # before hours of work
    found = {TEST: asked_alike(read_evaluations([fit / "evaluation.json" for fit in fits]))}
    for name in SETS:
        shards = made_trials(other(run, name, trials), out, workers)
        paths = scored(fits, shards, scoring(run, name), out / name)
        found[name] = asked_alike(read_evaluations(paths))
    rows = {name: summary_rows(documents) for name, documents in found.items()}
    references = {name: documents[0]["reference"] for name, documents in found.items()}
    every = [{"set": name, **row} for name, of_set in rows.items() for row in of_set]
    fields = list(dict.fromkeys(key for row in every for key in row))
    write_csv(folder / "generalisation.csv", every, fields)
    text = with_block(page.read_text(), "generalisation", generalisation_table(rows, references))
    write_atomic(page, text.encode())
    return len(fits)


def main() -> None:
    """Score what the study keeps, or another folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--configfile", type=Path, default=ROOT / "config" / "study.yaml")
    parser.add_argument("--out", type=Path, default=Path("results/generalisation"))
    parser.add_argument("--trials", type=int, default=256, help="of each set")
    parser.add_argument("--workers", type=int, help="processes; every core if left out")
    given = parser.parse_args()
    if given.trials < 1:
        raise NeuronIOError(f"--trials is {given.trials}; give 1 or more")
    run = load_config(given.configfile)
    count = write_generalisation(given.folder, run, given.out, given.trials, given.workers)
    say(f"{count} fits: {given.folder / 'README.md'}")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
