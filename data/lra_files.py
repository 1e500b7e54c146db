"""Readers of the published files of the Long Range Arena: the samples of a split, one by one.

Each takes the folder that was given and the split, and raises `MissingFileError` where a file is
not there and another `NeuronIOError` where it is not what is published.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neuronio.data.listops_trees import NAMES
from neuronio.data.pickles import load_plain
from neuronio.errors import NeuronIOError

LISTOPS_FILES = {"train": "basic_train.tsv", "valid": "basic_val.tsv", "test": "basic_test.tsv"}
LISTOPS_TOKENS = {name: i for i, name in enumerate(NAMES)} | {"X": NAMES.index("]")}
AAN_FILES = {
    "train": "new_aan_pairs.train.tsv",
    "valid": "new_aan_pairs.eval.tsv",
    "test": "new_aan_pairs.test.tsv",
}
AAN_LABELS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
IMDB_CLASSES = ("neg", "pos")
IMDB_HELD_OUT = 0.1
CIFAR_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
CIFAR_HELD_OUT = 5000
GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
PATHFINDER_SHARES = {"train": (0.0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1.0)}


class MissingFileError(NeuronIOError):
    """A published file is not there."""


def listops_files(folder: Path, split: str) -> list[Path]:
    """The file of a split."""
    return [_existing(folder / LISTOPS_FILES[split])]


def text_files(folder: Path, split: str) -> list[Path]:
    """The reviews of a split."""
    return [file for _, file in _reviews(folder, split)]


def retrieval_files(folder: Path, split: str) -> list[Path]:
    """The file of a split."""
    return [_existing(folder / AAN_FILES[split])]


def image_files(folder: Path, split: str) -> list[Path]:
    """The batches that a split is from."""
    root = _inside(folder, "cifar-10-batches-py")
    names = ("test_batch",) if split == "test" else CIFAR_BATCHES
    return [_existing(root / name) for name in names]


def pathfinder_files(folder: Path, split: str, window: int) -> list[Path]:
    """The metadata, and the images of a split."""
    metadata = _metadata_files(_pathfinder_root(folder, window) / "metadata")
    return [*metadata, *(file for _, file in _drawings(folder, split, window))]


def read_listops(folder: Path, split: str) -> Iterator[tuple[str, np.ndarray, str]]:
    """Place, tokens and answer of each tree; brackets that group are left out."""
    table = _table(folder / LISTOPS_FILES[split])
    place, head = next(table, (str(folder / LISTOPS_FILES[split]), []))
    if head != ["Source", "Target"]:
        raise NeuronIOError(f"{place} has the columns {head}, but wanted are Source and Target")
    for place, row in table:
        if len(row) != len(head):
            raise NeuronIOError(f"{place} has {len(row)} columns, but wanted are {len(head)}")
        names = row[0].replace("(", " ").replace(")", " ").split()
        if unknown := sorted(set(names) - set(LISTOPS_TOKENS)):
            raise NeuronIOError(f"{place} has the token {unknown[0]!r}, which ListOps has not")
        yield place, np.array([LISTOPS_TOKENS[name] for name in names], np.int16), row[1]


def read_text(folder: Path, split: str) -> Iterator[tuple[int, bytes]]:
    """Label and bytes of each review; the last tenth of each class of train by number is valid."""
    for label, file in _reviews(folder, split):
        yield label, file.read_bytes()


def _reviews(folder: Path, split: str) -> Iterator[tuple[int, Path]]:
    root = _inside(folder, "aclImdb") / ("test" if split == "test" else "train")
    for label, name in enumerate(IMDB_CLASSES):
        files = sorted(_existing(root / name).glob("*.txt"), key=_review_number)
        first = round(len(files) * (1 - IMDB_HELD_OUT))
        yield from ((label, file) for file in files[_held_out(split, first)])


def read_retrieval(folder: Path, split: str) -> Iterator[tuple[int, bytes, bytes]]:
    """Label and both texts of each pair, as they stand in the file."""
    for place, row in _table(folder / AAN_FILES[split]):
        if len(row) != 5:
            raise NeuronIOError(
                f"{place} has {len(row)} columns, but wanted are label, two ids and two texts"
            )
        if row[0] not in AAN_LABELS:
            raise NeuronIOError(f"{place} has the label {row[0]!r}, but wanted is 0 or 1")
        yield AAN_LABELS[row[0]], row[3].encode(), row[4].encode()


def read_image(folder: Path, split: str) -> Iterator[tuple[int, np.ndarray]]:
    """Label and grey image of CIFAR-10; the last 5,000 of the training batches are valid."""
    batches = [_cifar_batch(file) for file in image_files(folder, split)]
    label = np.concatenate([batch[0] for batch in batches])
    image = np.concatenate([batch[1] for batch in batches])
    wanted = _held_out(split, max(len(label) - CIFAR_HELD_OUT, 0))
    yield from zip(label[wanted].tolist(), image[wanted], strict=True)


def read_pathfinder(folder: Path, split: str, window: int) -> Iterator[tuple[int, np.ndarray]]:
    """Label and image; in the order of the metadata, the first 80 % are train, then 10 % valid."""
    for label, file in _drawings(folder, split, window):
        yield label, _png(file, window)


def _pathfinder_root(folder: Path, window: int) -> Path:
    return _inside(folder, f"pathfinder{window}") / "curv_contour_length_14"


def _drawings(folder: Path, split: str, window: int) -> Iterator[tuple[int, Path]]:
    root = _pathfinder_root(folder, window)
    lines = list(_metadata(root / "metadata"))
    first, last = (round(share * len(lines)) for share in PATHFINDER_SHARES[split])
    for place, line in lines[first:last]:
        if len(line) < 4 or line[3] not in ("0", "1"):
            raise NeuronIOError(f"{place} is not folder, file, number and label 0 or 1")
        yield int(line[3]), _existing(root / line[0] / line[1])


def _existing(path: Path) -> Path:
    if not path.exists():
        raise MissingFileError(f"{path} does not exist")
    return path


def _inside(folder: Path, name: str) -> Path:
    """The folder that an archive unpacks to, or the given one where that is meant."""
    return folder / name if (folder / name).is_dir() else folder


def _held_out(split: str, first: int) -> slice:
    """Which of the published samples a split has, where those of train from `first` are valid."""
    return {"train": slice(first), "valid": slice(first, None), "test": slice(None)}[split]


def _table(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Rows of a table with tabs, each with its place for errors."""
    csv.field_size_limit(sys.maxsize)
    line = 0
    try:
        with _existing(path).open(newline="", encoding="utf-8") as file:
            for row in (reader := csv.reader(file, delimiter="\t", strict=True)):
                yield f"{path}, line {(line := reader.line_num)}", row
    except (csv.Error, OSError, UnicodeDecodeError) as error:
        raise NeuronIOError(f"{path} cannot be read after line {line}: {error}") from error


def _review_number(file: Path) -> int:
    number = file.stem.partition("_")[0]
    if not number.isdecimal():
        raise NeuronIOError(f"{file} is not called NUMBER_RATING.txt, as the reviews are")
    return int(number)


def _cifar_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    batch = load_plain(path)
    if not isinstance(batch, dict) or not {"labels", "data"} <= set(batch):
        raise NeuronIOError(f"{path} has no labels and data, which a batch of CIFAR-10 has")
    label, data = np.asarray(batch["labels"]), np.asarray(batch["data"])
    if data.dtype != np.uint8 or data.shape != (len(label), 3 * 32 * 32):
        raise NeuronIOError(
            f"{path} has {data.dtype} images of the shape {data.shape} with {len(label)} labels, "
            "but wanted are uint8, 3,072 values a label"
        )
    colours = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return label.astype(np.int16), np.rint(colours @ GREY).astype(np.uint8)


def _metadata_files(folder: Path) -> list[Path]:
    files = _existing(folder).glob("*.npy")
    return sorted(files, key=lambda file: (len(file.stem), file.stem))


def _metadata(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Lines of the metadata, each with its place."""
    for file in _metadata_files(folder):
        try:
            lines = file.read_text(encoding="ascii").splitlines()
        except UnicodeDecodeError as error:
            raise NeuronIOError(f"{file} is no text, which the published metadata are") from error
        yield from ((f"{file}, line {n}", line.split()) for n, line in enumerate(lines, 1))


def _png(path: Path, window: int) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        raise NeuronIOError(f"{path} is no image that can be read: {error}") from error
    if pixels.shape != (window, window):
        found = " x ".join(map(str, pixels.shape))
        raise NeuronIOError(f"{path} has {found} pixels, but wanted are {window} x {window}")
    return pixels
