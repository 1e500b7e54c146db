"""The tasks that sequences can be made for, by name: their data, and its facts for models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from neuronio.data.digits.voices import SyntheticDigits
from neuronio.data.lra import PUBLISHED
from neuronio.data.sequence_making import GeneratedTask, make_sets
from neuronio.data.sequence_tasks import TASKS
from neuronio.errors import NeuronIOError
from neuronio.progress import Report
from neuronio.sections import near_miss
from neuronio.surrogate.tasks.classify.published import Published
from neuronio.surrogate.tasks.classify.source import Facts, FixedSource, Source
from neuronio.surrogate.tasks.classify.spoken import ADDING, NAMES, spoken

FEW = 10


class TaskData(Protocol):
    """A task's data."""

    def facts(self) -> Facts:
        """What models must know of it."""

    def product(self, split: str) -> str:
        """The name of what a split is read from."""

    def amount(self, split: str, samples: int) -> int:
        """How many things `make` makes for it."""

    def together(self) -> int:
        """How many of them one process makes before it takes more."""

    def files(self) -> list[str]:
        """The files of sources.tsv that it is made from."""

    def make_few(self) -> int:
        """Make some of them, to see how long it takes; how many, 0 where they are only copied."""

    def recipe(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """Everything that decides what `make` writes, as JSON."""

    def drawn(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """What decides the samples beside what `make` writes, as JSON."""

    def make(
        self, folder: Path, split: str, samples: int, seed: int, workers: int, progress: Report
    ) -> list[Path]:
        """Write what a split's samples are read from; returns the files."""

    def source(self, folder: Path, split: str, samples: int, seed: int) -> Source:
        """The samples of a split, from the folder that `make` wrote to."""


@dataclass(frozen=True)
class Generated:
    """Sequences that are generated once and kept."""

    task: GeneratedTask

    def facts(self) -> Facts:
        """Of the task's settings."""
        task, settings = self.task, self.task.settings
        steps = settings["longest"] if "longest" in settings else settings["window"] ** 2
        return Facts(task.name, task.channels, task.classes, 1.0, steps)

    def product(self, split: str) -> str:
        """Of the task and the split."""
        return f"{self.task.name}-{split}"

    def amount(self, split: str, samples: int) -> int:
        """The samples."""
        return samples

    def together(self) -> int:
        """Rows of a part."""
        return self.task.part_rows

    def files(self) -> list[str]:
        """None."""
        return []

    def make_few(self) -> int:
        """Samples of a split."""
        self.task.part(0, "valid", range(FEW))
        return FEW

    def drawn(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """Nothing."""
        return {}

    def recipe(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """The generator's, and how many."""
        return {**self.task.recipe(split, seed), "rows": samples}

    def make(
        self, folder: Path, split: str, samples: int, seed: int, workers: int, progress: Report
    ) -> list[Path]:
        """One file."""
        paths = make_sets(
            self.task, folder, {split: samples}, seed, workers=workers, progress=progress
        )
        return list(paths.values())

    def source(self, folder: Path, split: str, samples: int, seed: int) -> Source:
        """What the file holds."""
        return FixedSource.read(folder / f"{split}.h5")


def speaks(name: str) -> bool:
    """Whether the recordings of a task are made, as many as are asked for."""
    return name.removesuffix(ADDING) == SyntheticDigits.task


def task_data(
    name: str, bin_ms: float | None, recordings: Mapping[str, int], published: str | None = None
) -> TaskData:
    """A task's data.

    Args:
        bin_ms, recordings: of spoken digits.
        published: folder of published files to read the samples from.

    Raises:
        NeuronIOError: there is no such task, or it has no bins, or needs their width, or has no
            published files, or needs their folder.
    """
    if name not in (known := dict.fromkeys((*TASKS, *PUBLISHED, *NAMES))):
        listed = f": {', '.join(known)}"
        raise NeuronIOError(f"there is no task '{name}'{near_miss(name, known, listed)}")
    if published is not None and name not in PUBLISHED:
        raise NeuronIOError(
            f"task '{name}' is not read from a folder; leave 'published' out, or take one of "
            f"{', '.join(PUBLISHED)}"
        )
    if name in NAMES:
        return spoken(name, bin_ms, recordings)
    if bin_ms is not None:
        raise NeuronIOError(f"task '{name}' has steps of its own; leave bins_ms out")
    if published is not None:
        return Published(PUBLISHED[name], Path(published))
    if name not in TASKS:
        raise NeuronIOError(
            f"task '{name}' has published files alone; name their folder in tasks[].published"
        )
    return Generated(TASKS[name])
