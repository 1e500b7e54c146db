"""Our data against every published figure of NeuronIO; writes the tables of docs/validation.md.

    NEURONIO_MIRROR=DIR python docs/validation.py --trials 512 --out results/validation

Simulates trials of `published_test` and half as many of `ergodic`, measures them, and evaluates the
published ELMs in $NEURONIO_MIRROR/elm_published on them. It may be stopped and started again:
finished trials are kept. About an hour on two cores.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import neuronio
from neuronio.config import validate_config
from neuronio.conventions import BUSY_SPIKES, IGNORE_MS
from neuronio.data.reference import published_data
from neuronio.data.shard import Shard
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_atomic, write_json
from neuronio.markdown import table, with_block
from neuronio.progress import in_tenths
from neuronio.recipe import machine, versions
from neuronio.simulation.dataset import simulate_shards
from neuronio.simulation.inputs.splits import shard_path
from neuronio.simulation.quality import (
    FILE_DURATION_MS,
    FILE_TRIALS,
    QUANTITIES,
    SplitQuality,
    measure_split,
    standard_errors_off,
)

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "validation.md"
SEED = 1
ELMS = ("num_memory_5", "num_memory_20", "best")
# Our name of a score -> name in eval_results.json, its unit there in ours, digits, what it is.
SCORES = {
    "auc": ("AUC", 1.0, 4, "AUC"),
    "tp_at_fp_0.01": ("TP @ 0.0100 FP", 1.0, 3, "TP at 1% FP"),
    "soma_rmse_mV": ("soma_RMSE", 1.0, 3, "soma RMSE (mV)"),
    "soma_explained_variance": ("soma_explained_variance_percent", 0.01, 4, "soma EV"),
}
# What of a published ELM's results a generator's trials are like.
PUBLISHED_RESULTS = {
    "published_test": {"test files": "test_results"},
    "ergodic": {"training files": "train_results", "validation files": "valid_results"},
}


def simulated(generator: str, trials: int, out: Path, workers: int | None) -> list[Path]:
    """Shards of 128 trials of the `neuronio` cell, made unless they are there."""
    counts = {"train": 1, "valid": 1, "test": trials}
    dataset = {"duration_ms": FILE_DURATION_MS, "trials": counts, "trials_per_shard": FILE_TRIALS}
    document = {
        "name": "validation",
        "seed": SEED,
        "cell": {"model": "neuronio"},
        "inputs": {"generator": generator},
        "t0_artefact": True,
        "engine": {"name": "ensemble", "precision": "float32"},
        "dataset": dataset,
    }
    numbers = range(trials // FILE_TRIALS)
    paths = {shard: shard_path(out / generator, "test", shard) for shard in numbers}
    told = in_tenths(generator, "trials", say)
    simulate_shards(validate_config(document), "test", paths, workers=workers, progress=told)
    return list(paths.values())


def measured(generator: str, trials: int, paths: Sequence[Path]) -> SplitQuality:
    """Figures of the shards.

    Raises:
        NeuronIOError: they were made by another generator, or trials failed.
    """
    split = measure_split(generator, paths)
    if split.generator != generator or len(split.n_spikes) != trials:
        raise NeuronIOError(
            f"the shards hold {len(split.n_spikes)} trials of {split.generator}, not {trials} of "
            f"{generator}; choose another folder with --out"
        )
    return split


def evaluated(folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """A published ELM on the shards: the trials of the published evaluation, raw, in one pass."""
    return neuronio.evaluate(
        folder, paths, mode="streaming", ignore_ms=IGNORE_MS, max_spikes_per_trial=BUSY_SPIKES
    )


def data_table(split: SplitQuality) -> str:
    """Every published figure of the split's generator beside ours."""
    head = ["figure", "published (sd over files)", "n", "ours (s.e.)", "z", "trials", "spikes"]
    n, rows = split.n(), []
    for known in (f for f in published_data() if f.generator == split.generator):
        value, error = split.figures()[known.quantity], split.errors()[known.quantity]
        spread = "" if known.sd is None else f" ({known.sd:.3g})"
        off = standard_errors_off(split, known)
        z = "" if off is None else f"{off:+.1f}"
        trials, spikes = n[known.quantity]["trials"], n[known.quantity]["spikes"]
        theirs = f"{known.files}: " + (f"{known.trials:,} trials" if known.trials else "a sample")
        row = [str(QUANTITIES[known.quantity]), f"{known.mean:.4g}{spread}", theirs]
        rows.append([*row, f"{value:.4g} ({error:.2g})", z, f"{trials:,}", f"{spikes:,}"])
    return table(head, rows, right=1)


def elm_table(generator: str, results: Mapping[str, tuple[dict, dict]]) -> str:
    """Scores of the published ELMs beside ours.

    Args:
        results: ELM -> our evaluation, and its eval_results.json.
    """
    published = PUBLISHED_RESULTS[generator]
    head = ["net", "score", *(f"published, {files}" for files in published)]
    head += ["ours [95% interval]", "trials", "spikes"]
    rows = []
    for name, (ours, theirs) in results.items():
        n = [f"{ours['data']['trials_scored']:,}", f"{ours['data']['spikes']:,}"]
        for score, (their_name, unit, digits, label) in SCORES.items():
            values = [f"{theirs[key][their_name] * unit:.{digits}f}" for key in published.values()]
            found = {k: f"{v:.{digits}f}" for k, v in ours["scores"][score].items()}
            interval = f"{found['value']} [{found['low']}, {found['high']}]"
            rows.append([f"`{name}`", label, *values, interval, *n])
    return table(head, rows, right=1)


def within(generator: str, results: Mapping[str, tuple[dict, dict]]) -> str:
    """How many published scores lie within our intervals, in words."""
    said = []
    for files, key in PUBLISHED_RESULTS[generator].items():
        inside = [
            found["low"] <= theirs[key][their_name] * unit <= found["high"]
            for ours, theirs in results.values()
            for score, (their_name, unit, *_) in SCORES.items()
            for found in (ours["scores"][score],)
        ]
        said.append(f"of the {len(inside)} published scores on {files} {sum(inside)}")
    words = " and ".join(said)
    return f"{words[0].upper()}{words[1:]} lie within our intervals."


def revisions(paths: Sequence[Path]) -> str:
    """The git revisions that the shards were simulated at."""
    found = set()
    for path in paths:
        with Shard(path) as shard:
            found.add(str(shard.info["git_revision"]))
    return ", ".join(sorted(found))


def page_block(splits: Sequence[SplitQuality], results: Mapping[str, Any], made: str) -> str:
    """What stands between the marks of the page."""
    lines: list[str] = []
    for split in splits:
        files = split.n_spikes.reshape(-1, FILE_TRIALS).sum(axis=1)
        lines += [f"### `{split.generator}`: {len(split.n_spikes)} trials of 6 s", ""]
        lines += [data_table(split), ""]
        each = ", ".join(map(str, files))
        lines += [f"Output spikes in each of our files of {FILE_TRIALS} trials: {each}.", ""]
        lines += [elm_table(split.generator, results[split.generator]), ""]
        lines += [within(split.generator, results[split.generator]), ""]
    return "\n".join([*lines, f"Made by {made} on {on_what()}."])


def on_what() -> str:
    """What it ran on, and the versions."""
    here = machine()
    of = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{here['cpu']}, {os.cpu_count()} cores, vectors of {here['vector_bits']} bits ({of})"


def say(text: str) -> None:
    """A line with the time, at once."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def whole_files(text: str) -> int:
    """A number of trials that fills files."""
    trials = int(text)
    if trials < FILE_TRIALS or trials % FILE_TRIALS:
        raise argparse.ArgumentTypeError(f"{text} is no multiple of {FILE_TRIALS}")
    return trials


def main() -> None:
    """Simulate, measure, evaluate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=whole_files, default=512, help="of published_test")
    parser.add_argument("--ergodic-trials", type=whole_files, help="half as many if left out")
    parser.add_argument("--out", type=Path, default=Path("results/validation"))
    parser.add_argument("--workers", type=int, help="processes; every core if left out")
    options = parser.parse_args()
    ergodic = options.ergodic_trials or FILE_TRIALS * math.ceil(options.trials / 2 / FILE_TRIALS)
    if not (mirror := os.environ.get("NEURONIO_MIRROR")):
        raise NeuronIOError("NEURONIO_MIRROR must name the folder that holds elm_published")
    trials = {"published_test": options.trials, "ergodic": ergodic}
    shards = {g: simulated(g, n, options.out, options.workers) for g, n in trials.items()}
    splits = [measured(g, n, shards[g]) for g, n in trials.items()]
    results: dict[str, dict[str, tuple[dict, dict]]] = {}
    for generator, paths in shards.items():
        for name in ELMS:
            folder = Path(mirror) / "elm_published" / name
            ours = evaluated(folder, paths)
            results.setdefault(generator, {})[name] = ours, read_json(folder / "eval_results.json")
            write_json(options.out / f"{generator}-{name}.json", ours)
            say(f"{generator}: {name} has AUC {ours['scores']['auc']['value']:.4f}")
    command = f"python docs/validation.py --trials {options.trials}"
    command += f" --ergodic-trials {ergodic} --out {options.out}"
    simulated_at = revisions([path for paths in shards.values() for path in paths])
    made = f"`{command}` (trials simulated at git revision {simulated_at})"
    block = page_block(splits, results, made)
    write_atomic(PAGE, with_block(PAGE.read_text(), "validation", block).encode())
    say(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
