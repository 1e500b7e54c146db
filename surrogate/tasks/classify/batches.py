"""Batches of labelled sequences.

A batch depends on nothing but (seed, epoch, step).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from neuronio.data.sequences import Rows
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.tasks.classify.source import Source

# Batches whose samples are sorted by length together, so that each has samples of about one length.
SORTED_TOGETHER = 32
STEPS_AT_ONCE = 64_000  # rows times steps of a batch that is only predicted


@dataclass(frozen=True)
class SequenceBatch:
    """Sequences with their labels.

    Attributes:
        events: rows of T steps, B or, of samples of two rows, 2 B.
        label: (B,) int64.
    """

    events: EventBatch
    label: Tensor

    def to(self, device: str) -> SequenceBatch:
        """The same on another device."""
        if device == "cpu":
            return self
        return SequenceBatch(self.events.to(device), self.label.to(device))


def sequence_batch(
    rows: Rows, channels: int, dropout: float = 0.0, rng: np.random.Generator | None = None
) -> SequenceBatch:
    """A batch of rows.

    Args:
        dropout: share of (row, step, channel) entries to leave out; the others count
            1 / (1 - dropout) times.
    """
    events = rows.row, rows.step, rows.channel, rows.value
    if dropout and rng is not None:
        kept = kept_entries(rows, channels, dropout, rng)
        row, step, channel, value = (part[kept] for part in events)
        events = row, step, channel, value / np.float32(1.0 - dropout)
    made = EventBatch.from_rows(channels, rows.length, *events)
    return SequenceBatch(made, torch.from_numpy(rows.label))


def kept_entries(rows: Rows, channels: int, dropout: float, rng: np.random.Generator) -> np.ndarray:
    """Which events are kept, (e,) bool: all of a (row, step, channel) entry, or none."""
    longest = int(rows.length.max())
    entry = (rows.row.astype(np.int64) * longest + rows.step) * channels + rows.channel
    _, which = np.unique(entry, return_inverse=True)
    return (rng.random(which.max(initial=-1) + 1) >= dropout)[which]


class BatchSampler:
    """All samples of an epoch in random order, in batches of samples of about one length.

    Args:
        source: where they come from.
        batch_size: samples of a batch; the last of an epoch may have fewer.
        seed: of the order and the dropout.
        dropout: as in `sequence_batch`.
    """

    def __init__(self, source: Source, batch_size: int, seed: int, dropout: float = 0.0) -> None:
        self.source, self.batch_size, self.seed, self.dropout = source, batch_size, seed, dropout
        self._of_epoch = lru_cache(maxsize=2)(self.of_epoch)

    def batch(self, step: int) -> SequenceBatch:
        """The batch of a step that counts from 0 over all epochs."""
        epoch, place = divmod(step, -(-len(self.source) // self.batch_size))
        rows = self.source.rows(self._of_epoch(epoch)[place], epoch)
        rng = self._rng(epoch, place)
        return sequence_batch(rows, self.source.about.channels, self.dropout, rng)

    def of_epoch(self, epoch: int) -> list[np.ndarray]:
        """The samples of each batch of an epoch."""
        rng = self._rng(epoch)
        order, length = rng.permutation(len(self.source)), self.source.lengths(epoch)
        block = SORTED_TOGETHER * self.batch_size
        found = []
        for first in range(0, len(order), block):
            part = order[first : first + block]
            part = part[np.argsort(length[part], kind="stable")]
            found += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        return [found[i] for i in rng.permutation(len(found))]

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def in_turn(
    source: Source, dropout: float = 0.0, seed: int = 0
) -> Iterator[tuple[np.ndarray, SequenceBatch]]:
    """All samples of epoch 0 once, the short ones first: (samples, batch)."""
    length = source.lengths(0)
    order, first, per = np.argsort(length, kind="stable"), 0, source.about.rows_per_label
    rng = np.random.default_rng(seed)
    while first < len(order):
        size = 1
        while first + size < len(order):
            if (size + 1) * per * int(length[order[first + size]]) > STEPS_AT_ONCE:
                break
            size += 1
        part = order[first : first + size]
        first += size
        rows = source.rows(part, 0)
        yield part, sequence_batch(rows, source.about.channels, dropout, rng)
