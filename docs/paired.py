"""The study's ELMs and the published ones on the same trials: `python docs/paired.py`.

Published scores are of the published test files, ours of trials made here, and two draws of trials
differ by as much as two networks do. Three published ELMs have weights: on the study's own test
trials the difference of a score is known several times better than the score, since what makes a
trial hard makes it hard for both. Writes paired.csv (every difference with its interval) and the
table `paired` of the page. The trials are those of `make study` where it has made them here.
What is compared is kept in --out: stopped, it goes on where it was. Half a core-hour or so.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from kept_weights import (
    content_sha256,
    fits_with_weights,
    made_once,
    made_trials,
    say,
    weights_sha256,
)
from study_page import FOLDER, ROOT
from study_reading import number
from validation import ELMS

from neuronio.config import RunConfig, load_config
from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic, write_csv
from neuronio.markdown import table, with_block
from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.comparison import differences, measured
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.load import load_model
from neuronio.surrogate.measure import Measure
from neuronio.surrogate.protocol import Protocol
from neuronio.surrogate.scored import open_for, scored_trials

OURS = ("pooled_elm", "branch_elm")
SCORES = ("auc", "average_precision", "tp_at_fp_0.01", "soma_rmse_mV")
# Those of the page -> heading, digits, and the sign of what is better.
SHOWN = {"auc": ("AUC", 4, 1), "soma_rmse_mV": ("RMSE, mV", 3, -1)}
ENDS = ("a", "b", "difference", "low", "high")
MINUS = "\N{MINUS SIGN}"

Row = dict[str, Any]


def compared(
    run: RunConfig, fits: Sequence[Path], nets: Mapping[str, Path], shards: list[Path], out: Path
) -> Iterator[Row]:
    """The differences of every fit from every published network, made unless they are there."""
    settings = run.evaluation.scoring
    protocol = Protocol.of(settings)
    contents = [content_sha256(shard) for shard in shards]

    @cache
    def measures(folder: Path) -> list[Measure]:
        return measured(load_model(folder), store, protocol, "cpu")[0]

    store = open_for(load_model(fits[0]), shards)
    n_trials = len(scored_trials(store, protocol))
    draws = Resamples.draw(n_trials, settings.bootstrap, settings.confidence, settings.seed)

    def beside(fit: Path) -> dict[str, list[Row]]:
        model = load_model(fit)
        told = model.describe()
        about = {key: told[key] for key in ("name", "size", "seed", "parameters")}
        ours, *_ = measured(model, store, protocol, "cpu")
        rows = []
        for net, folder in nets.items():
            found = differences(measures(folder), ours, draws)
            scores = {f"{score}_{end}": found[score][end] for score in SCORES for end in ENDS}
            rows.append({"fit": fit.name, "published": net, **about, "trials": n_trials} | scores)
        return {"rows": rows}

    for fit in fits:
        asked = {"settings": settings.model_dump(mode="json"), "nets": list(nets)}
        asked |= {"weights": weights_sha256(fit), "shards": contents, "scores": list(SCORES)}
        yield from made_once(out / f"{fit.name}.json", asked, partial(beside, fit))["rows"]


def over_seeds(rows: Sequence[Row]) -> Iterator[Row]:
    """Means over the seeds of a fit, of the bounds of its intervals too, as in the study."""

    def of(row: Row) -> tuple[Any, ...]:
        return row["name"], row["parameters"], row["size"], row["published"]

    for _, group in groupby(sorted(rows, key=of), of):
        seeds = list(group)
        values = {key: [row[key] for row in seeds] for key in _columns()}
        means = {key: None if None in of_key else fmean(of_key) for key, of_key in values.items()}
        yield seeds[0] | means | {"seeds": len(seeds)}


def _columns() -> list[str]:
    return [f"{score}_{end}" for score in SCORES for end in ENDS]


def paired_table(rows: Sequence[Row], nets: Sequence[str]) -> str:
    """One line a fit: what it scores more than each published network, on the same trials."""
    means = list(over_seeds(rows))
    heads = ["ours", "size", "parameters", "seeds"]
    heads += [f"{net}: {head}" for net in nets for head, *_ in SHOWN.values()]
    lines: dict[tuple[str, int], list[object]] = {}
    first: list[object] = ["*the published network itself*", None, None, None]
    for net in nets:
        of_net = [row for row in means if row["published"] == net]
        for score, (_, digits, _) in SHOWN.items():
            value = of_net[0][f"{score}_a"]
            first.append(None if value is None else number(value, digits))
        for row in of_net:
            begun = [FAMILIES[row["name"]].label, row["size"], f"{row['parameters']:,}"]
            cells = lines.setdefault((row["name"], row["parameters"]), [*begun, row["seeds"]])
            cells += [signed(row, score) for score in SHOWN]
    return table(heads, [first, *lines.values()])


def signed(row: Row, score: str) -> str | None:
    """A difference and its interval, where there are any; bold where all of it is better."""
    (_, digits, better), bounds = SHOWN[score], [row[f"{score}_{end}"] for end in ENDS[2:]]
    if None in bounds:
        return None if bounds[0] is None else signed_number(bounds[0], digits)
    value, low, high = (signed_number(bound, digits) for bound in bounds)
    told = f"{value} [{low}, {high}]"
    return f"**{told}**" if min(better * bound for bound in bounds) > 0 else told


def signed_number(value: float, digits: int) -> str:
    """A number with its sign."""
    sign = MINUS if value < 0 else "+"
    return sign + number(abs(value), digits)


def write_paired(
    folder: Path, run: RunConfig, nets: Mapping[str, Path], out: Path, workers: int | None
) -> int:
    """Compare and write; returns how many fits there are.

    Args:
        folder: holds `fits` and README.md, as docs/study_page.py has it.
        run: the configuration that asks for the fits.
        nets: published networks.
        out: where trials and comparisons are kept.
        workers: processes; every core if None.

    Raises:
        NeuronIOError: no ELM is kept with its weights, one is damaged, or the page has no mark.
    """
    fits = fits_with_weights(folder / "fits", run, OURS)
    page = folder / "README.md"
    with_block(page.read_text(), "paired", "")  # before an hour of work
    made = sorted((ROOT / "results" / "made").glob("test-*/shard-*.h5"))
    shards = made_trials(run, out, workers, made)
    rows = list(compared(run, fits, nets, shards, out))
    write_csv(folder / "paired.csv", rows, list(rows[0]))
    text = with_block(page.read_text(), "paired", paired_table(rows, list(nets)))
    write_atomic(page, text.encode())
    return len(fits)


def main() -> None:
    """Compare what the study keeps with the published networks, or another folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--configfile", type=Path, default=ROOT / "config" / "study.yaml")
    parser.add_argument("--out", type=Path, default=Path("results/paired"))
    parser.add_argument("--workers", type=int, help="processes; every core if left out")
    given = parser.parse_args()
    if not (mirror := os.environ.get("NEURONIO_MIRROR")):
        raise NeuronIOError("NEURONIO_MIRROR must name the folder that holds elm_published")
    nets = {name: Path(mirror) / "elm_published" / name for name in ELMS}
    run = load_config(given.configfile)
    count = write_paired(given.folder, run, nets, given.out, given.workers)
    say(f"{count} fits: {given.folder / 'README.md'}")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
