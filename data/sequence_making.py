"""Sequence sets from their parts; those of a generator in parallel, going on where they were left.

Row i of a split follows from (seed, split, i) alone, so the same first rows are in a set of any
size, and neither processes nor kills change a byte of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.data.sequence_checks import DTYPES
from neuronio.data.sequences import SPLITS, About, SequenceSet, read_about, write_sets
from neuronio.errors import NeuronIOError
from neuronio.files import read_npz, write_npz
from neuronio.progress import Report, silent
from neuronio.recipe import code, deciding_versions, differences, digest

EXTRA = "extra_"
PartMaker = Callable[[int, str, range], "Part"]
Scorer = Callable[[np.ndarray, Mapping[str, np.ndarray]], dict[str, float]]


@dataclass(frozen=True)
class Part:
    """Some rows of a set, and what trivial scores need to know of them.

    Attributes:
        arrays: those of a `SequenceSet` by name.
        extra: (rows,) arrays by name, which the set itself does not hold.
    """

    arrays: dict[str, np.ndarray]
    extra: dict[str, np.ndarray] = field(default_factory=dict)


def no_scores(label: np.ndarray, extra: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The trivial scores of a task that has none but that of one answer."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the sets of a task have in common.

    Attributes:
        name, channels, classes, step_unit, rows_per_label: as of `About`.
        scores: trivial scores from the labels and extras of all rows of a split.
    """

    name: str
    channels: int
    classes: int
    step_unit: str
    rows_per_label: int = 1
    scores: Scorer = no_scores


@dataclass(frozen=True, kw_only=True)
class GeneratedTask(Task):
    """A task whose rows are generated.

    Attributes:
        settings: what the rows are made with, as JSON.
        rows: of each split, where the set is as large as published.
        part: makes rows of a split from the seed, the split and their numbers; a function of a
            module, since it goes to other processes by its name.
        module: that computes the rows, by dotted name.
        part_rows: rows of a part.
    """

    settings: dict[str, Any]
    rows: dict[str, int]
    part: PartMaker
    module: str
    part_rows: int = 1000

    def recipe(self, split: str, seed: int) -> dict[str, Any]:
        """Everything that decides the rows of a split."""
        facts = {"task": self.name, "settings": self.settings, "seed": seed, "split": split}
        return {**facts, "code": code(self.module), "versions": deciding_versions(["numpy"])}


def row_seed(seed: int, split: str, *place: int) -> np.random.SeedSequence:
    """Where the random numbers of a row come from; `place` is its number, and what else it is."""
    return np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), *place))


def make_sets(
    task: GeneratedTask,
    folder: str | Path,
    rows: Mapping[str, int],
    seed: int,
    *,
    workers: int = 1,
    progress: Report = silent,
) -> dict[str, Path]:
    """Make the splits of a task, or what is missing of them.

    Args:
        folder: gets a file for each split, such as train.h5.
        rows: of each split that is wanted.
        workers: processes.
        progress: told the rows that are finished, and of how many.

    Returns:
        The file of each split.

    Raises:
        NeuronIOError: a file is there that was made otherwise, a process died, or the disk refuses.
    """
    paths = {split: Path(folder) / f"{split}.h5" for split in rows}
    for split, path in paths.items():
        _check_same(task, path, split, rows[split], seed)
    done, total = 0, sum(rows.values())
    for split, path in paths.items():
        if not path.exists():
            for made in _make_set(task, path, split, rows[split], seed, workers):
                progress(done + made, total, split)
        done += rows[split]
        progress(done, total, split)
    return paths


def _make_set(
    task: GeneratedTask, path: Path, split: str, rows: int, seed: int, workers: int
) -> Iterator[int]:
    """Make a split, and tell how many rows are finished."""
    recipe = task.recipe(split, seed)
    folder = path.parent / f".{path.stem}.{digest(recipe)}.parts"
    size = task.part_rows
    wanted = [range(first, min(first + size, rows)) for first in range(0, rows, size)]
    parts = {part_path(folder, part): part for part in wanted}
    missing = {file: part for file, part in parts.items() if not file.exists()}
    yield (done := rows - sum(map(len, missing.values())))
    for part in made_parts(task.name, task.part, seed, split, missing, workers):
        yield (done := done + len(part))
    made_from = {**recipe, "recipe": digest(recipe), "rows": rows}
    write_parts(path, task, split, made_from, map(read_part, parts))
    shutil.rmtree(folder, ignore_errors=True)


def made_parts(
    name: str, maker: PartMaker, seed: int, split: str, missing: Mapping[Path, range], workers: int
) -> Iterator[range]:
    """Make parts, and tell each that is on the disk.

    Args:
        name: of what is made.
        missing: rows of each part, by its file.

    Raises:
        NeuronIOError: a process died, or the disk refuses.
    """
    from joblib import Parallel, delayed  # 0.1 s that no plan of a workflow needs

    # Its processes never run the main script again, which a rule of Snakemake could not bear.
    at_once = Parallel(
        min(workers, max(1, len(missing))), return_as="generator_unordered", batch_size=1
    )
    try:
        yield from at_once(
            delayed(_make_part)(maker, seed, split, part, file) for file, part in missing.items()
        )
    except BrokenProcessPool as error:
        raise NeuronIOError(
            f"a process that made {name} died, perhaps for lack of memory; run again with "
            "fewer workers: what is finished is kept"
        ) from error


def _make_part(maker: PartMaker, seed: int, split: str, rows: range, file: Path) -> range:
    part = maker(seed, split, rows)
    extra = {f"{EXTRA}{name}": array for name, array in part.extra.items()}
    write_npz(file, {**part.arrays, **extra}, compressed=False)
    return rows


def part_path(folder: Path, rows: range) -> Path:
    """The file of a part in the folder of parts."""
    return folder / f"rows-{rows.start:07d}-{rows.stop:07d}.npz"


def read_part(file: Path) -> Part:
    """A part that is on the disk."""
    arrays = read_npz(file)
    extra = {name.removeprefix(EXTRA): a for name, a in arrays.items() if name.startswith(EXTRA)}
    return Part({name: arrays[name] for name in DTYPES if name in arrays}, extra)


def write_parts(
    path: Path, task: Task, split: str, made_from: dict[str, Any], parts: Iterable[Part]
) -> Path:
    """Write a split from its parts, with its trivial scores; one part is held at a time.

    Raises:
        NeuronIOError: a part's arrays cannot be those of the task, or the disk refuses.
    """
    about = About(task.name, split, task.channels, task.classes, task.step_unit)
    about = replace(about, rows_per_label=task.rows_per_label, made_from=made_from)
    label, extra = list[np.ndarray](), dict[str, list[np.ndarray]]()

    def sets() -> Iterator[SequenceSet]:
        for part in parts:
            label.append(part.arrays["label"])
            for name, array in part.extra.items():
                extra.setdefault(name, []).append(array)
            yield SequenceSet(about, **part.arrays)

    def scored() -> About:
        labels = np.concatenate(label)
        joined = {name: np.concatenate(arrays) for name, arrays in extra.items()}
        one = float(np.bincount(labels).max() / len(labels))
        return replace(about, trivial_scores={"one answer": one, **task.scores(labels, joined)})

    return write_sets(path, sets(), scored)


def _check_same(task: GeneratedTask, path: Path, split: str, rows: int, seed: int) -> None:
    """Refuse to take a file for one that was asked for otherwise."""
    if path.exists():
        recipe = task.recipe(split, seed)
        wanted = {**recipe, "recipe": digest(recipe), "rows": rows}
        refuse_other(path, read_about(path).made_from, wanted)


def refuse_other(path: Path, made: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to take a file that was made otherwise.

    Raises:
        NeuronIOError: their recipes part.
    """
    if different := [name for name in differences(made, wanted) if name != "recipe"]:
        raise NeuronIOError(
            f"{path} was made with other settings ({', '.join(different)}); choose another folder"
        )
