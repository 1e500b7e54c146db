"""Files that are whole or not there: written under a temporary name, flushed, then renamed."""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from neuronio.errors import NeuronIOError, reason


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    The file is on the disk before it gets its name, and the name before this returns: what a power
    cut leaves is the old file or the whole new one.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        # Not every platform opens folders, nor every file system flushes them: the file is there.
        with suppress(OSError):
            _flush(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NeuronIOError(
                f"no space left for {path}; free some and run again: what is finished is kept"
            ) from error
        raise NeuronIOError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        # Where the folder itself is gone or is a file, there is nothing to remove.
        if temporary.exists():
            temporary.unlink()


def lock_file(file: IO[Any], *, wait: bool = False) -> bool:
    """Lock an open file until it is closed; False where another process has it, unless we wait.

    Some file systems of clusters (Lustre, NFS) refuse locks: then True, as if nobody else were at
    work.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_file(path: Path) -> bool:
    """Whether there is a file; also of what can be no path, such as a name of 5,000 letters."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def looks(path: Path) -> list[int]:
    """What tells whether a file was written to: size, times, inode.

    Any write changes the time of the last change, which no program can set back.
    """
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def write_atomic(path: str | Path, content: bytes) -> None:
    """Write a file whole, flushed to the disk.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: str | Path, document: Any) -> None:
    """Write a JSON document; NaN and infinity are not JSON and are refused."""
    write_atomic(path, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: str | Path) -> Any:
    """Read a JSON document.

    Raises:
        NeuronIOError: the file is missing or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    # ValueError: no JSON, not UTF-8, a number of thousands of digits.
    except (OSError, ValueError, RecursionError) as error:
        raise NeuronIOError(f"cannot read {path}: {reason(error)}") from error


# TypeError: a .npy file, which is one array.
NOT_NPZ = (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


def read_npz(path: str | Path, keys: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Arrays of an npz file by name; objects, which could be code, are refused.

    Args:
        keys: those that are needed; all there are when left out.

    Raises:
        NeuronIOError: the file is missing, damaged or no npz, or lacks a key.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if missing := sorted(set(keys or ()) - set(file)):
                raise NeuronIOError(f"{path} has no {missing[0]}")
            return {key: file[key] for key in (file if keys is None else keys)}
    except NOT_NPZ as error:
        why = reason(error)
        if Path(path).is_file() and not zipfile.is_zipfile(path):
            why = "it is no such file, or cut off"
        elif "allow_pickle" in why:
            why = "it holds Python objects, which could be code"
        raise NeuronIOError(f"cannot read {path} as npz: {why}") from error


def write_csv(
    path: str | Path, rows: Iterable[Mapping[str, Any]], fields: Sequence[str] | None = None
) -> None:
    """Write rows as CSV with a header; None, and a key that a row lacks, is an empty cell.

    Args:
        fields: the columns; those of the first row when left out.
    """
    rows = list(rows)
    text = io.StringIO()
    if fields or rows:
        writer = csv.DictWriter(text, fields or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())


def read_csv(path: str | Path, text: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Rows of a CSV file: numbers as float, empty cells as None.

    Args:
        text: columns that are text.

    Raises:
        NeuronIOError: the file is missing, or a cell of another column is no number.
    """
    try:
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        return [
            {k: v if k in text else float(v) if v else None for k, v in row.items()} for row in rows
        ]
    except (OSError, ValueError, TypeError) as error:
        raise NeuronIOError(f"cannot read the table {path}: {reason(error)}") from error


def write_npz(path: str | Path, arrays: Mapping[str, Any], *, compressed: bool = True) -> None:
    """Write arrays to an npz file, whole or not at all."""
    save = np.savez_compressed if compressed else np.savez
    with replacing(path) as temporary, temporary.open("wb") as file:
        save(file, **arrays)
