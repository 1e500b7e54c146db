"""SHD-Adding: two recordings one after the other, labelled with the sum of their digits.

Spieler et al. (2024), arXiv 2306.16922. Both recordings are of one split and drawn with
replacement, whoever speaks and in whichever language; each lasts 1 s. Training pairs are new in
every epoch; those of valid and test follow from the seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.data.digits.shd import DIGITS
from neuronio.data.sequence_checksum import content_checksum
from neuronio.data.sequences import SPLITS, About, Rows, SequenceSet, write_sets
from neuronio.errors import NeuronIOError

CLASSES = 2 * DIGITS - 1
# Pairs that are held at once where they are written.
AT_ONCE = 500
PAIRS = {"train": 16_000, "valid": 4_000, "test": 16_000}
"""Pairs of a split as published: 2,000, 500 and 2,000 batches of 8."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of recordings, the same for the same (seed, split, epoch).

    Attributes:
        recordings: a set of one recording a row, all of one length.
        seed: of the drawing.
        count: pairs of an epoch.

    Raises:
        NeuronIOError: there are no recordings, or they are not of one length.
    """

    recordings: SequenceSet
    seed: int
    count: int

    def __post_init__(self) -> None:
        length = self.recordings.length
        if not len(length) or np.ptp(length):
            raise NeuronIOError(
                f"{len(length)} recordings of {length.min(initial=0)} to {self.recordings.longest} "
                "steps cannot be paired: some of one length are wanted"
            )

    def __len__(self) -> int:
        return self.count

    @property
    def about(self) -> About:
        """What the pairs are."""
        about = self.recordings.about
        always_9 = float(np.mean(self.label() == DIGITS - 1))
        scores = {} if about.split == "train" else {"always 9": always_9}
        return replace(about, task=f"{about.task}-adding", classes=CLASSES, trivial_scores=scores)

    def drawn(self, epoch: int = 0) -> np.ndarray:
        """The pairs of an epoch, numbers of recordings, (count, 2)."""
        split = self.recordings.about.split
        key = SPLITS.index(split), epoch if split == "train" else 0
        return _drawn(len(self.recordings), self.count, self.seed, key)

    def label(self, epoch: int = 0) -> np.ndarray:
        """Sums of the digits, (count,) int64, 0 to 18."""
        return (self.recordings.label.astype(np.int64) % DIGITS)[self.drawn(epoch)].sum(axis=1)

    def lengths(self, epoch: int = 0) -> np.ndarray:
        """Steps of each pair, (count,)."""
        return np.full(self.count, 2 * self.recordings.longest, np.int32)

    def rows(self, indices: Sequence[int] | np.ndarray, epoch: int = 0) -> Rows:
        """Some pairs, as of `SequenceSet.rows`: the second recording follows the first.

        Raises:
            IndexError: a pair does not exist.
        """
        pairs = np.asarray(indices, dtype=np.int64)
        found = self.recordings.rows(self.drawn(epoch)[pairs].ravel())
        second, half = found.row % 2, np.int32(self.recordings.longest)
        return replace(
            found,
            row=found.row // 2,
            step=found.step + half * second,
            length=self.lengths(epoch)[pairs],
            label=self.label(epoch)[pairs],
        )

    def groups(self) -> np.ndarray:
        """The two recordings of each pair of epoch 0, (count, 2): pairs that share one are not
        independent."""
        return self.drawn()

    def name(self) -> dict[str, Any]:
        """The pairs as JSON: checksums of the recordings and of which are paired, and what those of
        later epochs follow from. No code: it may change and make the same."""
        return {**self._checksums, "seed": self.seed, "count": self.count}

    @cached_property
    def _checksums(self) -> dict[str, str]:
        pairs = hashlib.sha256(self.drawn().tobytes()).hexdigest()[:16]
        return {"recordings": content_checksum(self.recordings), "pairs": pairs}

    def write(self, path: Path, epoch: int = 0) -> Path:
        """Write the pairs of an epoch as a set, a copy of a recording for every pair.

        All are one group: pairs that share recordings are not independent, and a set keeps one
        group of a row, not two.

        Raises:
            NeuronIOError: the disk is full or refuses.
        """
        starts = range(0, self.count, AT_ONCE)
        some = (np.arange(start, min(start + AT_ONCE, self.count)) for start in starts)
        return write_sets(path, (self._set(pairs, epoch) for pairs in some), lambda: self.about)

    def _set(self, pairs: np.ndarray, epoch: int) -> SequenceSet:
        found = self.rows(pairs, epoch)
        events = (found.step, found.channel, found.value)
        ends = np.searchsorted(found.row, np.arange(1, len(pairs)))
        parts = [np.split(part, ends) for part in events[: 2 + (self.recordings.value is not None)]]
        rows, one_group = list(zip(*parts, strict=True)), np.zeros(len(pairs))
        return SequenceSet.from_rows(self.about, found.label, rows, found.length, one_group)


def published_pairs(recordings: SequenceSet, seed: int) -> Pairs:
    """As many pairs of a split as published."""
    return Pairs(recordings, seed, PAIRS[recordings.about.split])


@lru_cache(maxsize=8)
def _drawn(recordings: int, count: int, seed: int, key: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    pairs = rng.integers(recordings, size=(count, 2))
    pairs.flags.writeable = False
    return pairs
