"""Sequence sets: labelled rows of events, the form that every classification task is kept in.

One HDF5 file is one split (R rows, E events, S samples; S = R unless a sample has two rows):

    label     (S,) int16            0 to classes - 1
    length    (R,) int32            steps of each row, at least 1
    start     (R + 1,) int64        row r has the events start[r] to start[r + 1] - 1
    step      (E,) int32            step of its row, 0 to length - 1; never falls within a row
    channel   (E,) int16 or int32   0 to channels - 1; events of one step and channel add up
    value     (E,) float32          optional, 1 where it is absent; uint8 counts 255ths
    group     (R,) int32            optional: speaker, recording, ...: held out and drawn together

Tokens and bytes are one event a step, whose channel is the token; pixels are one event for each
that is not black, on channel 0, at the step of its place row by row. The attributes are `format`,
`format_version`, those of `About`, and `content_sha256`. The same content gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from neuronio.data.sequence_checks import DTYPES, about_fault, sequence_fault
from neuronio.data.sequence_file import read_arrays, read_attributes, write_arrays
from neuronio.errors import NeuronIOError

SPLITS = ("train", "valid", "test")
UINT8_VALUE = np.float32(1 / 255)
"""What one count of a value that is kept as uint8 stands for."""


@dataclass(frozen=True)
class About:
    """What a sequence set is.

    Attributes:
        task: such as "listops".
        split: such as "train".
        channels: how many there are.
        classes: how many labels there are.
        step_unit: what a step is: "token", "byte", "pixel" or "bin".
        bin_ms: width of a bin, ms; None for other steps.
        rows_per_label: rows of a sample, which follow each other.
        made_from: generator, settings, seed and code, or the published file; as JSON.
        trivial_scores: accuracy on this split of rules that need no learning, by their names.
    """

    task: str
    split: str
    channels: int
    classes: int
    step_unit: str
    bin_ms: float | None = None
    rows_per_label: int = 1
    made_from: dict[str, Any] = field(default_factory=dict)
    trivial_scores: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if fault := about_fault(self):
            raise NeuronIOError(fault)


@dataclass(frozen=True)
class Rows:
    """Some rows of a set, for a batch of b samples with e events.

    Attributes:
        row: (e,) int32, the event's row in the batch, never falling.
        step: (e,) int32, never falling within a row.
        channel: (e,) int32.
        value: (e,) float32.
        length: (b rows_per_label,) int32, steps of each row.
        label: (b,) int64.
    """

    row: np.ndarray
    step: np.ndarray
    channel: np.ndarray
    value: np.ndarray
    length: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class SequenceSet:
    """A split of a task in memory; the arrays are those of the module's docstring.

    Raises:
        NeuronIOError: an array has another shape than the others ask for, or a label, step, channel
            or value that cannot be.
    """

    about: About
    label: np.ndarray
    length: np.ndarray
    start: np.ndarray
    step: np.ndarray
    channel: np.ndarray
    value: np.ndarray | None = None
    group: np.ndarray | None = None

    def __post_init__(self) -> None:
        if fault := sequence_fault(self):
            raise NeuronIOError(f"{self.about.task}, {self.about.split}: {fault}")

    def __len__(self) -> int:
        return len(self.label)

    @property
    def n_rows(self) -> int:
        """R."""
        return len(self.length)

    @property
    def n_events(self) -> int:
        """E."""
        return len(self.step)

    @property
    def longest(self) -> int:
        """Steps of the longest row."""
        return int(self.length.max(initial=0))

    def rows(self, indices: Sequence[int] | np.ndarray) -> Rows:
        """The rows of some samples, in that order.

        Args:
            indices: of samples; may repeat.

        Raises:
            IndexError: a sample does not exist.
        """
        samples = np.asarray(indices, dtype=np.int64)
        row, event = self._rows_and_events(samples)
        counts = self.start[row + 1] - self.start[row]
        return Rows(
            row=np.repeat(np.arange(len(row), dtype=np.int32), counts),
            step=self.step[event],
            channel=self.channel[event].astype(np.int32, copy=False),
            value=self._values(event),
            length=self.length[row],
            label=self.label[samples].astype(np.int64),
        )

    def select(self, indices: Sequence[int] | np.ndarray) -> Self:
        """A set of some of the samples, in that order; as `rows`. What it is about stays."""
        samples = np.asarray(indices, dtype=np.int64)
        row, event = self._rows_and_events(samples)
        return replace(
            self,
            label=self.label[samples],
            length=self.length[row],
            start=offsets(self.start[row + 1] - self.start[row]),
            step=self.step[event],
            channel=self.channel[event],
            value=None if self.value is None else self.value[event],
            group=None if self.group is None else self.group[row],
        )

    @classmethod
    def from_rows(
        cls,
        about: About,
        label: Sequence[int] | np.ndarray,
        rows: Iterable[Sequence[np.ndarray]],
        length: Sequence[int] | np.ndarray,
        group: Sequence[int] | np.ndarray | None = None,
    ) -> Self:
        """A set of rows of their own.

        Args:
            rows: (step, channel) or (step, channel, value) of each row, in order of the step; all
                with values or none. Values are kept as float32, or as uint8 where they are that.
            length: steps of each row, or one number for all.

        Raises:
            NeuronIOError: rows differ in what they have, or the parts of one in their length.
        """
        rows = [[np.asarray(part) for part in row] for row in rows]
        counts = [len(row[0]) for row in rows]
        parts = len(rows[0]) if rows else 2
        for number, row in enumerate(rows):
            if len(row) != parts or len({len(part) for part in row}) > 1:
                raise NeuronIOError(
                    f"{about.task}, {about.split}: row {number} has parts of lengths "
                    f"{[len(part) for part in row]}, but steps, channels and values, if any, are "
                    f"of one length, and row 0 has {parts} parts"
                )
        step, channel, *value = ([row[i] for row in rows] for i in range(parts))
        wide = about.channels > np.iinfo(np.int16).max
        return cls(
            about,
            label=_narrow(label, np.int16),
            length=np.broadcast_to(_narrow(length, np.int32), len(rows)).copy(),
            start=offsets(counts),
            step=_narrow(_joined(step), np.int32),
            channel=_narrow(_joined(channel), np.int32 if wide else np.int16),
            value=_as_value(_joined(value[0])) if value else None,
            group=None if group is None else _narrow(group, np.int32),
        )

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file.

        Raises:
            NeuronIOError: it is missing, no sequence set of a known version, cut off or damaged, or
                its content cannot be.
        """
        about = read_about(path)
        try:
            found = cls(about, **read_arrays(path))
        except NeuronIOError as error:
            told = str(error)
            raise NeuronIOError(told if str(path) in told else f"{path}: {told}") from error
        if not len(found):
            raise NeuronIOError(f"{path} holds no sample")
        return found

    def write(self, path: str | Path) -> Path:
        """Write a file, whole or not at all.

        Raises:
            NeuronIOError: there is no sample, or the disk is full or refuses.
        """
        if not len(self):
            raise NeuronIOError(f"there is no sample to write to {path}")
        return write_sets(path, [self], lambda: self.about)

    def _rows_and_events(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of samples, and the places of those rows' events."""
        per = self.about.rows_per_label
        row = (samples[:, None] * per + np.arange(per)).ravel()
        if len(samples) and not (samples.min() >= 0 and samples.max() < len(self)):
            raise IndexError(f"samples {samples.min()} to {samples.max()} of {len(self)}")
        counts = self.start[row + 1] - self.start[row]
        ends = np.cumsum(counts)
        shift = np.repeat(self.start[row] - (ends - counts), counts)
        return row, shift + np.arange(len(shift))

    def _values(self, event: np.ndarray) -> np.ndarray:
        if self.value is None:
            return np.ones(len(event), np.float32)
        found = self.value[event]
        return found * UINT8_VALUE if found.dtype == np.uint8 else found


def read_about(path: str | Path) -> About:
    """What a file is about, without its arrays.

    Raises:
        NeuronIOError: it is missing, or no sequence set of a known version, or lacks an attribute.
    """
    found = read_attributes(path)
    wanted = {key: found[key] for key in About.__dataclass_fields__ if key in found}
    try:
        return About(**wanted)
    except (NeuronIOError, TypeError, AttributeError) as error:
        raise NeuronIOError(f"{path} is damaged in its attributes: {error}") from error


def write_sets(path: str | Path, sets: Iterable[SequenceSet], about: Callable[[], About]) -> Path:
    """Write sets one after the other into one file, whole or not at all.

    Args:
        sets: may be a generator, of which one set is held at a time.
        about: asked what the file is about after the last set.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    parts = (
        {name: array for name in DTYPES if (array := getattr(part, name)) is not None}
        for part in sets
    )
    return write_arrays(path, parts, lambda: asdict(about()))


def offsets(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where each of several runs begins, and the end: (n + 1,) int64."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _as_value(value: np.ndarray) -> np.ndarray:
    return value if value.dtype == np.uint8 else value.astype(np.float32)


def _narrow(values: Any, dtype: Any) -> np.ndarray:
    """Whole numbers in fewer bits; what does not fit is refused before it wraps."""
    given = np.asarray(values)
    narrow = given.astype(dtype)
    if given.size and not np.array_equal(narrow, given):
        wrong = given[narrow != given].flat[0]
        raise NeuronIOError(f"{wrong} is no whole number of {np.dtype(dtype)}, which is wanted")
    return narrow
