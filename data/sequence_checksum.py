"""What tells the content of one sequence set in memory from that of another."""

from __future__ import annotations

import hashlib

import numpy as np

from neuronio.data.sequence_checks import DTYPES
from neuronio.data.sequences import SequenceSet


def content_checksum(of: SequenceSet) -> str:
    """Checksum of a set's arrays: 16 hexadecimal digits. What it is about does not count."""
    checksum = hashlib.sha256()
    for name in DTYPES:
        if (array := getattr(of, name)) is not None:
            checksum.update(f"{name} {array.dtype} {array.shape}".encode())
            checksum.update(np.ascontiguousarray(array).data)
    return checksum.hexdigest()[:16]
