"""Sets of spoken digits as spikes, made in parallel, going on where they were left.

Recording i of a split follows from (seed, split, i) alone: neither processes nor kills change a
byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neuronio.data.digits.cochlea import Cochlea
from neuronio.data.digits.shd import read_made_from, write_shd
from neuronio.data.digits.voices import SPLITS, generator
from neuronio.data.sequence_making import (
    Part,
    PartMaker,
    made_parts,
    part_path,
    read_part,
    refuse_other,
)
from neuronio.progress import Report, silent
from neuronio.recipe import code, deciding_versions, digest

PART_ROWS = 20
COCHLEA = Cochlea()


class Speech(Protocol):
    """Where sounds come from: `voices.SyntheticDigits`, `fsdd.RealDigits`."""

    name: str
    task: str

    def facts(self) -> dict[str, object]: ...

    def packages(self) -> tuple[str, ...]: ...

    def rows(self, split: str) -> int: ...

    def genders(self) -> list[str]: ...

    def sound(
        self, split: str, index: int, rng: np.random.Generator
    ) -> tuple[int, int, np.ndarray]: ...


def digits_path(folder: str | Path, split: str) -> Path:
    """Where a set has a split."""
    return Path(folder) / f"digits_{split}.h5"


def make_digits(
    speech: Speech,
    folder: str | Path,
    seed: int = 0,
    *,
    splits: Sequence[str] = SPLITS,
    cochlea: Cochlea = COCHLEA,
    workers: int = 1,
    progress: Report = silent,
) -> dict[str, Path]:
    """Make a set of spoken digits, or what is missing of it.

    Args:
        folder: gets digits_train.h5 and digits_test.h5, of the form of SHD.
        splits: which of the two.
        cochlea: what the sounds go through.
        workers: processes.
        progress: told the recordings that are finished, and of how many.

    Returns:
        The file of each split.

    Raises:
        NeuronIOError: a file is there that was made otherwise, a sound cannot be made, a process
            died, or the disk refuses.
    """
    paths = {split: digits_path(folder, split) for split in splits}
    recipes = {split: recipe(speech, split, seed, cochlea) for split in splits}
    for split, path in paths.items():
        if path.exists():
            refuse_other(path, read_made_from(path), recipes[split])
    done, total = 0, sum(speech.rows(split) for split in splits)
    for split, path in paths.items():
        if not path.exists():
            cochlea.membrane.prepare()
            maker = partial(make_part, speech, cochlea)
            for made in _make_split(speech, path, split, seed, recipes[split], maker, workers):
                progress(done + made, total, split)
        done += speech.rows(split)
        progress(done, total, split)
    return paths


def recipe(speech: Speech, split: str, seed: int, cochlea: Cochlea) -> dict[str, Any]:
    """Everything that decides a split's content."""
    facts = {"set": speech.name, "task": speech.task, "speech": speech.facts(), "seed": seed}
    made = code(__name__, type(speech).__module__)
    versions = deciding_versions(["numpy", "scipy", *speech.packages()])
    facts |= {"cochlea": asdict(cochlea), "split": split, "rows": speech.rows(split)}
    return {**facts, "code": made, "versions": versions}


def make_part(speech: Speech, cochlea: Cochlea, seed: int, split: str, rows: range) -> Part:
    """Some recordings of a split: times and units of all spikes, and how many each has."""
    labels, speakers, spikes = [], [], []
    for index in rows:
        rng = generator(seed, split, index)
        label, speaker, sound = speech.sound(split, index, rng)
        labels.append(label)
        speakers.append(speaker)
        spikes.append(cochlea.spikes(sound, rng))
    times = np.concatenate([one.time_s for one in spikes]).astype(np.float32)
    units = np.concatenate([one.unit for one in spikes]).astype(np.int16)
    count = np.array([len(one.unit) for one in spikes])
    of_row = {"label": np.array(labels), "speaker": np.array(speakers), "count": count}
    return Part({}, {**of_row, "time_s": times, "unit": units})


def _make_split(
    speech: Speech,
    path: Path,
    split: str,
    seed: int,
    made_from: dict[str, Any],
    maker: PartMaker,
    workers: int,
) -> Iterator[int]:
    """Make a split, and tell how many recordings are finished."""
    rows = speech.rows(split)
    folder = path.parent / f".{path.stem}.{digest({**made_from, 'rows': None})}.parts"
    wanted = [range(i, min(i + PART_ROWS, rows)) for i in range(0, rows, PART_ROWS)]
    parts = {part_path(folder, part): part for part in wanted}
    missing = {file: part for file, part in parts.items() if not file.exists()}
    yield (done := rows - sum(map(len, missing.values())))
    for part in made_parts(speech.name, maker, seed, split, missing, workers):
        yield (done := done + len(part))
    found = [read_part(file).extra for file in parts]
    label, speaker = (np.concatenate([p[name] for p in found]) for name in ("label", "speaker"))
    spikes = (row for part in found for row in _rows_of(part))
    write_shd(path, spikes, label, speaker, speech.genders(), made_from)
    shutil.rmtree(folder, ignore_errors=True)


def _rows_of(part: dict[str, np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    ends = np.cumsum(part["count"])[:-1]
    yield from zip(np.split(part["time_s"], ends), np.split(part["unit"], ends), strict=True)
