"""Sequence sets as HDF5 files: arrays by name, and attributes; sequences.py says what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neuronio.data.layout import DAMAGE, content_sha256, decode, encode
from neuronio.data.new_file import new_file
from neuronio.data.sequence_checks import DTYPES, EVENTS, OPTIONAL
from neuronio.errors import NeuronIOError

FORMAT = "neuronio-sequences"
FORMAT_VERSION = 1
KNOWN_VERSIONS = frozenset({1})
EVENT_CHUNK = 1 << 16
ROW_CHUNK = 1 << 12


def write_arrays(
    path: str | Path,
    parts: Iterable[Mapping[str, np.ndarray]],
    about: Callable[[], Mapping[str, Any]],
) -> Path:
    """Write the arrays of sets, one set after the other, into one file, whole or not at all.

    Args:
        parts: arrays of each set by name; may be a generator, of which one is held at a time.
        about: asked for the attributes after the last part; those that are None are left out.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    path = Path(path)
    with new_file(path, libver=("v110", "v110")) as file:
        for part in parts:
            for name in DTYPES:
                if name in part:
                    _extend(file, name, part[name])
        facts = {"format": FORMAT, "format_version": FORMAT_VERSION, **about()}
        for key, value in facts.items():
            if value is not None:
                file.attrs[key] = encode(value)
        file.attrs["content_sha256"] = content_sha256(file)
    return path


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name.

    Raises:
        NeuronIOError: it is damaged.
    """
    with h5py.File(path, "r") as file:
        try:
            arrays = {name: file[name][:] for name in DTYPES if name in file and name != "channel"}
            if decode(file.attrs["channels"]) == 1 and not _any(file["channel"]):
                # A view, which takes no memory: pixels are many.
                arrays["channel"] = np.broadcast_to(np.int16(0), file["channel"].shape)
            else:
                arrays["channel"] = file["channel"][:]
        except DAMAGE as error:
            raise NeuronIOError(f"{path} is damaged: {error}") from error
    if missing := [name for name in DTYPES if name not in arrays and name not in OPTIONAL]:
        raise NeuronIOError(f"{path} is damaged: it lacks {missing[0]}")
    return arrays


def read_attributes(path: str | Path) -> dict[str, Any]:
    """The attributes of a file.

    Raises:
        NeuronIOError: it is missing, or no sequence set of a known version.
    """
    path = Path(path)
    if not path.is_file():
        raise NeuronIOError(f"{path} does not exist; give the path of a sequence set (.h5)")
    try:
        with h5py.File(path, "r") as file:
            facts = {key: decode(value) for key, value in file.attrs.items()}
    except DAMAGE as error:
        raise NeuronIOError(f"{path} is not a readable HDF5 file: {error}") from error
    if facts.get("format") != FORMAT:
        raise NeuronIOError(f"{path} is HDF5 but not a sequence set")
    if (version := facts.get("format_version")) not in KNOWN_VERSIONS:
        known = ", ".join(map(str, sorted(KNOWN_VERSIONS)))
        raise NeuronIOError(
            f"{path} is a sequence set of format version {version}, but this program reads "
            f"{known}; read it with the program that wrote it, or install a newer one"
        )
    return facts


def _extend(file: h5py.File, name: str, array: np.ndarray) -> None:
    """Append to a dataset, which is made with the first part. Offsets go on from the last."""
    if name not in file:
        file.create_dataset(
            name,
            shape=(0,),
            maxshape=(None,),
            dtype=array.dtype,
            chunks=(EVENT_CHUNK if name in EVENTS else ROW_CHUNK,),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
            fletcher32=True,
            track_times=False,
        )
    dataset = file[name]
    size = dataset.shape[0]
    if name == "start" and size:
        array = array[1:] + dataset[size - 1]
    dataset.resize(size + len(array), axis=0)
    dataset[size:] = array


def _any(dataset: h5py.Dataset) -> bool:
    """Whether any entry is not 0, a part at a time."""
    step = 64 * EVENT_CHUNK
    return any(dataset[first : first + step].any() for first in range(0, len(dataset), step))
