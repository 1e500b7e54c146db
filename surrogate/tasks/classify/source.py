"""Where labelled sequences come from: a set, or what makes new ones every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neuronio.data.sequence_checksum import content_checksum
from neuronio.data.sequences import About, Rows, SequenceSet


class Source(Protocol):
    """Labelled sequences, the same for the same (epoch, index).

    Attributes:
        about: what they are.
    """

    @property
    def about(self) -> About:
        """What they are."""

    def __len__(self) -> int:
        """Samples of an epoch."""

    def lengths(self, epoch: int) -> np.ndarray:
        """Steps of each sample of an epoch, of its longest row, (S,)."""

    def rows(self, indices: Sequence[int] | np.ndarray, epoch: int) -> Rows:
        """Some samples of an epoch."""

    def groups(self) -> np.ndarray:
        """What each sample is of, (S, K): K recordings, or one speaker, ...; for intervals."""

    def name(self) -> Any:
        """What decides the samples, as JSON."""


@dataclass(frozen=True)
class Facts:
    """What a model must know of sequences before it is made.

    Attributes:
        task: of what they are.
        channels, classes: how many.
        step_ms: width of a step, 1 without a clock.
        steps: of the longest.
        events: of a step, about.
        rows_per_label: rows of a sample.
    """

    task: str
    channels: int
    classes: int
    step_ms: float
    steps: int
    events: float = field(default=1.0, compare=False)
    rows_per_label: int = 1

    @classmethod
    def of(cls, source: Source) -> Facts:
        """Those of a source."""
        about, steps = source.about, int(source.lengths(0).max())
        return cls(
            about.task,
            about.channels,
            about.classes,
            about.bin_ms or 1.0,
            steps,
            rows_per_label=about.rows_per_label,
        )


@dataclass(frozen=True)
class FixedSource:
    """The samples of a set, which are the same every epoch."""

    set: SequenceSet

    @classmethod
    def read(cls, path: str | Path) -> FixedSource:
        """A set from its file.

        Raises:
            NeuronIOError: as `SequenceSet.read`.
        """
        return cls(SequenceSet.read(path))

    @property
    def about(self) -> About:
        """What they are."""
        return self.set.about

    def __len__(self) -> int:
        return len(self.set)

    def lengths(self, epoch: int) -> np.ndarray:
        """Steps of each sample, of its longest row."""
        return self.set.length.reshape(len(self), -1).max(axis=1)

    def rows(self, indices: Sequence[int] | np.ndarray, epoch: int) -> Rows:
        """Some samples."""
        return self.set.rows(indices)

    def groups(self) -> np.ndarray:
        """The set's groups, of each row; without them each sample is one."""
        group = np.arange(len(self)) if self.set.group is None else self.set.group
        return group.reshape(len(self), -1)

    def name(self) -> str:
        """Checksum of the content."""
        return self._name

    @cached_property
    def _name(self) -> str:
        return content_checksum(self.set)
