"""The published tasks of the Long Range Arena as sequence sets.

`PUBLISHED` says what files are expected. Texts are bytes, images are grey and read row by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
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
from neuronio.data.sequence_making import Part, Task, write_parts
from neuronio.data.sequences import SPLITS, read_about
from neuronio.errors import NeuronIOError
from neuronio.progress import Report, silent
from neuronio.recipe import file_sha256

RELEASE = "lra_release.gz of https://github.com/google-research/long-range-arena"
LONGEST_TEXT = 4000
PART_SAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class PublishedTask(Task):
    """A task whose rows are published.

    Attributes:
        expected: files that the folder has, and where they are published, for a reader.
        files: those that a split is read from, in the order of reading.
        read: gives the samples of a split, in the order of the files.
        part: a part of some samples.
    """

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
        there = read_about(path).made_from if path.exists() else None
        if there is not None and there.get("published") != task.expected:
            raise NeuronIOError(f"{path} is another set already; choose another folder")
        made_from = {"published": task.expected, "content": _content(task, Path(folder), split)}
        if there is None:
            write_parts(path, task, split, made_from, _parts(task, Path(folder), split))
        elif there != made_from:
            raise NeuronIOError(
                f"{path} was made from other files than those in {folder}; choose another folder"
            )
    progress(len(paths), len(paths), "")
    return paths


def _content(task: PublishedTask, folder: Path, split: str) -> str:
    """Checksum of the files that a split is read from.

    Raises:
        NeuronIOError: one is missing or cannot be read, or the metadata is damaged.
    """
    checksum = hashlib.sha256()
    try:
        for file in task.files(folder, split):
            checksum.update(f"{file.parent.name}/{file.name} {file_sha256(file)}\n".encode())
    except MissingFileError as error:
        raise NeuronIOError(f"{error}; wanted are {task.expected}") from error
    except OSError as error:
        raise NeuronIOError(f"cannot read the files of {folder}: {error}") from error
    return checksum.hexdigest()[:16]


def _parts(task: PublishedTask, folder: Path, split: str) -> Iterator[Part]:
    """The samples of a split, some at a time.

    Raises:
        NeuronIOError: as the readers; or there is no sample.
    """
    samples = task.read(folder, split)
    try:
        some = list(islice(samples, PART_SAMPLES))
        if not some:
            raise MissingFileError(f"{folder} has no sample for {split}")
        while some:
            yield task.part(some)
            some = list(islice(samples, PART_SAMPLES))
    except MissingFileError as error:
        raise NeuronIOError(f"{error}; wanted are {task.expected}") from error


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
