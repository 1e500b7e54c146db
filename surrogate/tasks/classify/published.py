"""The published files of the Long Range Arena as tasks: some of their samples, or all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from neuronio.data.lra import PublishedTask, content, import_split, recipe
from neuronio.data.sequences import SPLITS
from neuronio.long_horizon import MOST_SAMPLES
from neuronio.progress import Report
from neuronio.surrogate.tasks.classify.source import Facts, FixedSource, Source


@dataclass(frozen=True)
class Published:
    """Sequences from published files, which are read once and kept.

    Attributes:
        folder: has the files that the task expects.
    """

    task: PublishedTask
    folder: Path

    def facts(self) -> Facts:
        """As published."""
        task = self.task
        return Facts(
            task.name,
            task.channels,
            task.classes,
            1.0,
            task.longest,
            rows_per_label=task.rows_per_label,
        )

    def product(self, split: str) -> str:
        """Of the task and the split."""
        return f"{self.task.name}-{split}"

    def amount(self, split: str, samples: int) -> int:
        """The samples."""
        return samples

    def together(self) -> int:
        """All: files are read one after the other."""
        return MOST_SAMPLES

    def files(self) -> list[str]:
        """None: nobody fetches them."""
        return []

    def make_few(self) -> int:
        """None: they are only read."""
        return 0

    def recipe(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """The files' content, and which of the samples.

        Raises:
            NeuronIOError: a file is missing or cannot be read.
        """
        return recipe(self.task, self._contents[split], split, samples, seed)

    @cached_property
    def _contents(self) -> dict[str, str]:
        """Checksum of the files of each split, which all fits share."""
        return {split: content(self.task, self.folder, split) for split in SPLITS}

    def drawn(self, split: str, samples: int, seed: int) -> dict[str, Any]:
        """Nothing."""
        return {}

    def make(
        self, folder: Path, split: str, samples: int, seed: int, workers: int, progress: Report
    ) -> list[Path]:
        """One file.

        Raises:
            NeuronIOError: the files have fewer samples, or are damaged.
        """
        path = folder / f"{split}.h5"
        return [import_split(self.task, self.folder, split, path, samples, seed, progress=progress)]

    def source(self, folder: Path, split: str, samples: int, seed: int) -> Source:
        """What the file holds."""
        return FixedSource.read(folder / f"{split}.h5")
