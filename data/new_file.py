"""New HDF5 files, whole or not at all, on disks that may be full."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from neuronio.files import replacing


@contextmanager
def new_file(path: str | Path, **options: Any) -> Iterator[h5py.File]:
    """An HDF5 file to write to, which takes its place at `path` when the block ends well.

    Args:
        options: of h5py.File.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    with replacing(path) as temporary, temporary.open("w+b", buffering=0) as raw:
        target = _Patient(raw.fileno())
        try:
            with h5py.File(target, "w", **options) as file:
                yield file
        except Exception:
            if target.error is not None:  # and what came of it does not matter
                raise target.error from None
            raise
        if target.error is not None:
            raise target.error


class _Patient(io.RawIOBase):
    """A file that takes every write, and remembers the first that the disk refused.

    HDF5 that cannot write out what it holds crashes when it closes its file.

    Args:
        descriptor: of a file that can be read and written.

    Attributes:
        error: what the disk refused, if anything; nothing is written from then on.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.error: OSError | None = None
        self._descriptor, self._at, self._end = descriptor, 0, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; returns it."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        return self._at

    def write(self, content: Any) -> int:
        """Write here; returns how many bytes."""
        left, at = memoryview(content).cast("B"), self._at
        size = len(left)
        self._at += size
        self._end = max(self._end, self._at)
        while len(left) and self.error is None:
            try:
                done = os.pwrite(self._descriptor, left, at)
            except OSError as error:
                self.error = error
            else:
                left, at = left[done:], at + done
        return size

    def readinto(self, buffer: Any) -> int:
        """Read from here; what was never written is zero."""
        view = memoryview(buffer).cast("B")
        found = os.pread(self._descriptor, len(view), self._at)
        view[:] = found + bytes(len(view) - len(found))
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Make the file so long."""
        self._end = self._at if size is None else size
        if self.error is None:
            try:
                os.ftruncate(self._descriptor, self._end)
            except OSError as error:
                self.error = error
        return self._end
