"""The published tasks of the Long Range Arena as sequence sets.

`PUBLISHED` says what files are expected. Texts are bytes, images are grey and read row by row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import compress, islice
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.data.listops import listops_scores, part_of_trees, token_arrays
from neuronio.data.listops_trees import DIGITS, N_TOKENS, count_trees
from neuronio.data.lra_files import (
    AAN_FILES,
    LISTOPS_FILES,
    MissingFileError,
    image_files,
    listops_files,
    pathfinder_files,
    read_image,
    read_listops,
    read_pathfinder,
    read_retrieval,
    read_text,
    retrieval_files,
    text_files,
)
from neuronio.data.pathfinder.sets import pixel_arrays
from neuronio.data.sequence_draw import drawn_samples
from neuronio.data.sequence_making import Part, Task, write_parts
from neuronio.data.sequences import SPLITS, read_about
from neuronio.errors import NeuronIOError
from neuronio.files import looks, write_atomic
from neuronio.native import cache_dir
from neuronio.progress import Report, silent
from neuronio.recipe import code, deciding_versions, digest, file_sha256

RELEASE = "lra_release.gz of https://github.com/google-research/long-range-arena"
LONGEST_TEXT = 4000
LONGEST_TREE = 1999
IMAGE_PIXELS = 32**2
PART_SAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class PublishedTask(Task):
    """A task whose rows are published.

    Attributes:
        longest: steps of the longest row.
        expected: files that the folder has, and where they are published, for a reader.
        files: those that a split is read from, in the order of reading.
        read: gives the samples of a split, in the order of the files.
        part: a part of some samples.
    """

    longest: int
    expected: str
    files: Callable[[Path, str], list[Path]]
    read: Callable[[Path, str], Iterator[Any]]
    part: Callable[[list[Any]], Part]


def import_published(
    name: str, folder: str | Path, out: str | Path, *, progress: Report = silent
) -> dict[str, Path]:
    """Turn published files into a sequence set for each split; those that are there are kept.

    Args:
        name: of the task, in `PUBLISHED`.
        folder: has the files that the task expects.
        out: gets train.h5, valid.h5 and test.h5.
        progress: told the splits that are finished, and of how many.

    Returns:
        The file of each split.

    Raises:
        NeuronIOError: a file is missing or damaged, one of another set or made from other files is
            in the way, or the disk refuses.
    """
    if name not in PUBLISHED:
        raise NeuronIOError(f"no published task is called '{name}': {', '.join(PUBLISHED)}")
    task = PUBLISHED[name]
    paths = {split: Path(out) / f"{split}.h5" for split in SPLITS}
    for n, (split, path) in enumerate(paths.items()):
        progress(n, len(paths), split)
        import_split(task, Path(folder), split, path)
    progress(len(paths), len(paths), "")
    return paths


def import_split(
    task: PublishedTask,
    folder: Path,
    split: str,
    path: Path,
    samples: int | None = None,
    seed: int = 0,
    *,
    progress: Report = silent,
) -> Path:
    """Turn the published files of a split into a sequence set; one that is there is kept.

    Args:
        folder: has the files that the task expects.
        path: of the set.
        samples: how many of those that are published, drawn by the seed and in their order; all
            where left out.
        progress: told the samples that are read, and of how many, where that is known.

    Returns:
        The path.

    Raises:
        NeuronIOError: as `import_published`; or there are fewer samples.
    """
    there = read_about(path).made_from if path.exists() else None
    if there is not None and there.get("published") != task.expected:
        raise NeuronIOError(f"{path} is another set already; choose another folder")
    drawn = {} if samples is None else {"samples": samples, "seed": seed}
    made_from = {"published": task.expected, "content": content(task, folder, split), **drawn}
    if there is None:
        parts = _parts(task, folder, split, samples, seed, progress)
        write_parts(path, task, split, made_from, parts)
    elif there != made_from:
        raise NeuronIOError(
            f"{path} was made from other files than those in {folder}, or has other samples of "
            "them; choose another folder"
        )
    return path


def recipe(
    task: PublishedTask, checksum: str, split: str, samples: int, seed: int
) -> dict[str, Any]:
    """Everything that decides what `import_split` writes.

    Args:
        checksum: `content` of the files.
    """
    facts = {"task": task.name, "published": task.expected, "content": checksum, "split": split}
    made = {"code": code(__name__), "versions": deciding_versions(["numpy"])}
    return {**facts, "samples": samples, "seed": seed, **made}


def content(task: PublishedTask, folder: Path, split: str) -> str:
    """Checksum of the files that a split is read from, wherever they lie.

    It is kept in the cache: files that nobody has written to since are not read again.

    Raises:
        NeuronIOError: one is missing or cannot be read, or the metadata is damaged.
    """
    try:
        if not (files := task.files(folder, split)):
            raise MissingFileError(f"{folder} has no sample for {split}")
        known = _known(files)
        if known.is_file():
            return known.read_text()
        checksum, root = hashlib.sha256(), os.path.commonpath([file.parent for file in files])
        for file in files:
            checksum.update(f"{os.path.relpath(file, root)} {file_sha256(file)}\n".encode())
    except MissingFileError as error:
        raise NeuronIOError(f"{error}; wanted are {task.expected}") from error
    except OSError as error:
        raise NeuronIOError(f"cannot read the files of {folder}: {error}") from error
    found = checksum.hexdigest()[:16]
    with suppress(NeuronIOError):  # a cache that cannot be written to only costs time
        write_atomic(known, found.encode())
    return found


def _known(files: list[Path]) -> Path:
    """Where the cache has the checksum of files that look like this."""
    seen = [[str(file.absolute()), *looks(file)] for file in files]
    return cache_dir() / "published" / f"{digest(seen)}.txt"


def _parts(
    task: PublishedTask,
    folder: Path,
    split: str,
    wanted: int | None,
    seed: int,
    progress: Report,
) -> Iterator[Part]:
    """The samples of a split, some at a time.

    Raises:
        NeuronIOError: as the readers; or there are too few samples, or none.
    """
    try:
        samples, done = _samples(task, folder, split, wanted, seed), 0
        while some := list(islice(samples, PART_SAMPLES)):
            yield task.part(some)
            done += len(some)
            progress(done, wanted or done, split)
        if not done:
            raise MissingFileError(f"{folder} has no sample for {split}")
    except MissingFileError as error:
        raise NeuronIOError(f"{error}; wanted are {task.expected}") from error


def _samples(
    task: PublishedTask, folder: Path, split: str, wanted: int | None, seed: int
) -> Iterator[Any]:
    """The samples of a split, or so many of them."""
    if wanted is None:
        return task.read(folder, split)
    there = sum(1 for _ in task.read(folder, split))
    if wanted > there:
        raise NeuronIOError(
            f"the published files of {task.name} have {there:,} samples for {split}, but "
            f"{wanted:,} are wanted; ask for fewer in tasks[].samples"
        )
    return compress(task.read(folder, split), drawn_samples(there, wanted, seed, split))


def _listops_part(samples: list[tuple[str, np.ndarray, str]]) -> Part:
    """A part whose labels are what the trees evaluate to, which the files must agree with."""
    for place, tokens, _ in samples:
        try:
            found = count_trees(tokens)
        except NeuronIOError as error:
            raise NeuronIOError(f"{place} is no tree: {error}") from error
        if found != 1:
            raise NeuronIOError(f"{place} has {found} trees, but wanted is one")
    part = part_of_trees([tokens for _, tokens, _ in samples])
    for (place, _, told), found in zip(samples, part.arrays["label"], strict=True):
        if told.strip() != str(found):
            raise NeuronIOError(f"{place} has the answer {told!r}, but its tree gives {found}")
    return part


def _text_part(samples: list[tuple[Any, ...]]) -> Part:
    """Texts as bytes; of an empty one a 0, which no text has."""
    texts = [text[:LONGEST_TEXT] or b"\0" for _, *both in samples for text in both]
    arrays = token_arrays([np.frombuffer(text, np.uint8) for text in texts])
    return Part(arrays | {"label": np.array([sample[0] for sample in samples], np.int16)})


def _image_part(samples: list[tuple[int, np.ndarray]]) -> Part:
    arrays = pixel_arrays(np.stack([image for _, image in samples]))
    return Part(arrays | {"label": np.array([label for label, _ in samples], np.int16)})


def _pathfinder(name: str, window: int) -> PublishedTask:
    return PublishedTask(
        name=name,
        channels=1,
        classes=2,
        step_unit="pixel",
        longest=window**2,
        expected=f"pathfinder{window}/curv_contour_length_14/imgs and /metadata of {RELEASE}",
        files=partial(pathfinder_files, window=window),
        read=partial(read_pathfinder, window=window),
        part=_image_part,
    )


_TASKS = (
    PublishedTask(
        name="listops",
        channels=N_TOKENS,
        classes=DIGITS,
        step_unit="token",
        scores=listops_scores,
        longest=LONGEST_TREE,
        expected=f"{', '.join(LISTOPS_FILES.values())}, which are in listops-1000 of {RELEASE}",
        files=listops_files,
        read=read_listops,
        part=_listops_part,
    ),
    PublishedTask(
        name="text",
        channels=256,
        classes=2,
        step_unit="byte",
        longest=LONGEST_TEXT,
        expected="aclImdb/train and aclImdb/test with neg and pos, which are in "
        "aclImdb_v1.tar.gz of https://ai.stanford.edu/~amaas/data/sentiment",
        files=text_files,
        read=read_text,
        part=_text_part,
    ),
    PublishedTask(
        name="retrieval",
        channels=256,
        classes=2,
        step_unit="byte",
        longest=LONGEST_TEXT,
        rows_per_label=2,
        expected=f"{', '.join(AAN_FILES.values())}, which are in tsv_data of {RELEASE}",
        files=retrieval_files,
        read=read_retrieval,
        part=_text_part,
    ),
    PublishedTask(
        name="image",
        channels=1,
        classes=10,
        step_unit="pixel",
        longest=IMAGE_PIXELS,
        expected="cifar-10-batches-py with data_batch_1 to data_batch_5 and test_batch, which are "
        "in cifar-10-python.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html",
        files=image_files,
        read=read_image,
        part=_image_part,
    ),
    _pathfinder("pathfinder", 32),
    _pathfinder("pathx", 128),
)
PUBLISHED = {task.name: task for task in _TASKS}
