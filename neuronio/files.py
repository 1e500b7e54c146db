"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuronio.errors import NeuronIOError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
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


def write_atomic(path: str | Path, content: bytes) -> None:
    """Write a file whole, flushed to the disk.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
