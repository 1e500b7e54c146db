"""What is where in the HDF5 shard (the table is in shard.py), and the checksum of its content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import h5py
import numpy as np

from neuronio.conventions import SAMPLES_PER_MS

FORMAT = "neuronio-shard"
FORMAT_VERSION = 1
KNOWN_VERSIONS = frozenset({1})
SEGMENT_SCALE_MV = 0.04
EVENT_CHUNK = 1 << 16

TRACES = {"soma_mV": 1, "nexus_mV": 1, "soma_8khz_mV": SAMPLES_PER_MS}
REQUIRED = (
    "inputs/synapse",
    "inputs/events_per_ms",
    "inputs/trial_offset",
    "soma_mV",
    "nexus_mV",
    "spikes/time_ms",
    "spikes/trial_offset",
    "trial_index",
    "segments/type",
    "segments/length_um",
    "segments/distance_um",
    "segments/section",
)


@dataclass(frozen=True)
class SegmentTable:
    """The dendritic segments in input order: (S,) arrays.

    Attributes:
        type: 'basal' or 'apical'.
        length_um: length of each segment, um.
        distance_um: path distance from the soma to the segment's middle, um.
        section: index of the segment's section, counting basal then apical sections.
    """

    type: np.ndarray
    length_um: np.ndarray
    distance_um: np.ndarray
    section: np.ndarray

    def __len__(self) -> int:
        return len(self.type)


# What h5py raises, beside OSError, where a file's structure is damaged.
DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError)


def content_sha256(file: h5py.File) -> str:
    """Checksum of every dataset's name, type, shape and values, and of the file's attributes."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") else None)
    digest = hashlib.sha256()
    for name in sorted(names):
        dataset = file[name]
        digest.update(f"{name} {dataset.dtype} {dataset.shape}".encode())
        for start in range(0, len(dataset), step := dataset.chunks[0] if dataset.chunks else 1024):
            digest.update(np.ascontiguousarray(dataset[start : start + step]).tobytes())
    attributes = {k: decode(v) for k, v in file.attrs.items() if k != "content_sha256"}
    digest.update(json.dumps(attributes, sort_keys=True).encode())
    return digest.hexdigest()


def encode(value):
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)


def decode(value):
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str) and value[:1] in {"{", "[", "n"}:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
