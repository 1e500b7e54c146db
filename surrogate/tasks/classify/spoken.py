"""Spoken digits as spikes, one by one or in pairs to add: SHD, synthetic, and recorded ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.data.digits.adding import CLASSES, Pairs
from neuronio.data.digits.binned import (
    BINS_MS,
    LASTS_MS,
    PUBLISHED,
    binned_split,
    held_out_speakers,
)
from neuronio.data.digits.fsdd import RealDigits
from neuronio.data.digits.making import (
    COCHLEA,
    PART_ROWS,
    Speech,
    digits_path,
    make_digits,
    make_part,
    recipe,
)
from neuronio.data.digits.shd import CHANNELS, KEYS
from neuronio.data.digits.voices import SyntheticDigits, draw_take, generator
from neuronio.data.fetch import fetch, sources
from neuronio.data.sequence_draw import drawn_samples
from neuronio.data.sequences import SPLITS
from neuronio.errors import NeuronIOError
from neuronio.progress import Report
from neuronio.recipe import code
from neuronio.surrogate.tasks.classify.source import Facts, FixedSource, Source

ADDING = "-adding"
SPOKEN = (PUBLISHED, SyntheticDigits.task, RealDigits.task)
NAMES = tuple(name + end for name in SPOKEN for end in ("", ADDING))
PUBLISHED_ROWS = {"train": 8156, "test": 2264}
"""Recordings in each file of SHD."""
RECORDED = "fsdd/recordings.tar"
EVENTS_PER_MS = 7.0
"""Spikes of all channels in a ms of a spoken digit, about."""


@dataclass(frozen=True)
class Spoken:
    """Digits of one kind in bins of one width; training pairs are new every epoch.

    Recordings are kept once, whatever is made of them. Speakers of valid are in the file of train,
    and not in training.

    Attributes:
        name: of `NAMES`.
        bin_ms: of `BINS_MS`.
        recordings: how many are spoken for train (and valid) and for test, where they are made.
    """

    name: str
    bin_ms: int
    recordings: Mapping[str, int]

    @property
    def adding(self) -> bool:
        """Whether a sample is a pair."""
        return self.name.endswith(ADDING)

    @property
    def kind(self) -> str:
        """Who speaks."""
        return self.name.removesuffix(ADDING)

    def facts(self) -> Facts:
        """Seven hundred channels, and a second or two."""
        seconds, classes = (2, CLASSES) if self.adding else (1, len(KEYS))
        steps = seconds * LASTS_MS // self.bin_ms
        events = EVENTS_PER_MS * self.bin_ms
        return Facts(self.name, CHANNELS, classes, float(self.bin_ms), steps, events)

    def product(self, split: str) -> str:
        """The name of the recordings that a split is from."""
        return f"{self.kind}-recordings-{_file_of(split)}"

    def amount(self, split: str, samples: int) -> int:
        """How many recordings there are to make, or to copy."""
        if self.kind == PUBLISHED:
            return PUBLISHED_ROWS[_file_of(split)]
        return self._speech().rows(_file_of(split))

    def together(self) -> int:
        """Recordings of a part."""
        return PART_ROWS

    def files(self) -> list[str]:
        """The recordings, where they were published."""
        if self.kind == PUBLISHED:
            return sorted({_published(split) for split in SPLITS})
        return [RECORDED] if self.kind == RealDigits.task else []

    def make_few(self) -> int:
        """One recording; the published ones are only copied."""
        if self.kind == PUBLISHED:
            return 0
        make_part(self._speech(), COCHLEA, 0, "test", range(1))
        return 1

    def recipe(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """Of the recordings: bins and pairs are made as they are read.

        Raises:
            NeuronIOError: more are wanted than are to be spoken.
        """
        if self.kind == SyntheticDigits.task and not self.adding:
            there = _spoken_for(split, self.recordings[_file_of(split)], seed)
            self._check_enough(there, split, samples)
        elif not self.adding:  # of train and valid, which share a file, at most so many each
            self._check_enough(self.amount(split, samples), split, samples)
        if self.kind == PUBLISHED:
            name = _published(split)
            return {"file": name, "checksum": sources()[name].checksum}
        return recipe(self._speech(), _file_of(split), seed, COCHLEA)

    def drawn(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """What decides samples beside the recordings."""
        return {
            "task": self.name,
            "bin_ms": self.bin_ms,
            "samples": samples,
            "seed": seed,
            "code": code("neuronio.data.digits.adding", "neuronio.data.digits.binned", __name__),
        }

    def make(
        self, folder: Path, split: str, samples: int, seed: int, workers: int, progress: Report
    ) -> list[Path]:
        """One file, of the form of SHD."""
        if self.kind == PUBLISHED:
            path = folder / Path(_published(split)).name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fetch(_published(split)), path)
            return [path]
        made = make_digits(
            self._speech(),
            folder,
            seed,
            splits=(_file_of(split),),
            workers=workers,
            progress=progress,
        )
        return list(made.values())

    def source(self, folder: Path, split: str, samples: int, seed: int) -> Source:
        """So many pairs of the recordings, or so many of them, drawn by the seed.

        Raises:
            NeuronIOError: there are fewer recordings.
        """
        path = digits_path(folder, _file_of(split))
        if self.kind == PUBLISHED:
            path = folder / Path(_published(split)).name
        found = binned_split(path, split, self.bin_ms, seed=seed)
        if self.adding:
            return Pairs(found, seed, samples)
        self._check_enough(len(found), split, samples)
        taken = drawn_samples(len(found), samples, seed, split)
        return FixedSource(found.select(np.flatnonzero(taken)))

    def _check_enough(self, there: int, split: str, wanted: int) -> None:
        if wanted > there:
            more = ", or speak more in tasks[].recordings"
            raise NeuronIOError(
                f"{self.name} has {there:,} recordings for {split}, but {wanted:,} are wanted; "
                f"ask for fewer in tasks[].samples{more * (self.kind == SyntheticDigits.task)}"
            )

    def _speech(self) -> Speech:
        if self.kind == RealDigits.task:
            return _recorded()
        return SyntheticDigits(**self.recordings)


@cache
def _recorded() -> RealDigits:
    """The recordings, which are read and checked once for all fits."""
    return RealDigits(fetch(RECORDED))


def spoken(name: str, bin_ms: float | None, recordings: Mapping[str, int]) -> Spoken:
    """A task of spoken digits.

    Raises:
        NeuronIOError: no width of bins is given, or one that cannot be made.
    """
    if bin_ms not in BINS_MS:
        widths = ", ".join(map(str, BINS_MS))
        found = "nothing" if bin_ms is None else f"{bin_ms:g}"
        raise NeuronIOError(f"bins_ms of task '{name}' is {found}; take some of {widths}")
    return Spoken(name, int(bin_ms), recordings)


def _file_of(split: str) -> str:
    return "test" if split == "test" else "train"


@cache
def _spoken_for(split: str, recordings: int, seed: int) -> int:
    """How many of so many synthetic recordings of a file a split has."""
    file = _file_of(split)
    if file == "test":
        return recordings
    # A speaker speaks every digit before the next one does.
    turns = range(0, recordings, len(KEYS))
    heard = [draw_take(file, first, generator(seed, file, first)).speaker for first in turns]
    speaker = np.repeat(heard, len(KEYS))[:recordings]
    is_valid = np.isin(speaker, held_out_speakers(speaker, np.random.default_rng(seed)))
    return int(np.count_nonzero(is_valid == (split == "valid")))


def _published(split: str) -> str:
    return f"{PUBLISHED}/shd_{_file_of(split)}.h5"
