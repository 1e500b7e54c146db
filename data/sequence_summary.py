"""What is inside a sequence set, for a reader at a terminal, and whether it is what was written."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from neuronio.data.layout import DAMAGE, content_sha256, decode
from neuronio.data.sequence_file import FORMAT
from neuronio.data.sequences import SequenceSet
from neuronio.errors import NeuronIOError

SHOWN = ("published", "seed", "settings", "recipe")


def is_sequence_set(path: str | Path) -> bool:
    """Whether a file says that it is a sequence set; False where it cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except DAMAGE:
        return False


def sequence_lines(path: str | Path) -> list[str]:
    """What the set is, its size, its labels, and the scores of rules that need no learning.

    Raises:
        NeuronIOError: the file cannot be read.
    """
    found = SequenceSet.read(path)
    about, length = found.about, found.length
    unit = f"bins of {about.bin_ms:g} ms" if about.bin_ms else f"{about.step_unit}s"
    rows = f", {found.n_rows:,} rows" if about.rows_per_label > 1 else ""
    share = np.bincount(found.label, minlength=about.classes) / max(len(found), 1)
    facts = {
        "task": f"{about.task}, {about.split}",
        "samples": f"{len(found):,}{rows} ({Path(path).stat().st_size / 1e6:.1f} MB)",
        "steps": f"{unit}, {length.min():,} to {length.max():,} a row, mean {length.mean():,.1f}, "
        f"median {np.median(length):,g}",
        "events": f"{found.n_events:,}, {found.n_events / found.n_rows:,.1f} a row, on "
        f"{about.channels} channel{'s' * (about.channels > 1)}",
        "values": _values(found),
        "labels": f"{about.classes}: {' '.join(f'{100 * s:.1f}%' for s in share)}",
    }
    if found.group is not None:
        facts["groups"] = str(len(np.unique(found.group)))
    facts |= {key: str(about.made_from[key]) for key in SHOWN if key in about.made_from}
    facts |= {f"score of {name}": f"{100 * s:.1f}%" for name, s in about.trivial_scores.items()}
    wide = max(map(len, facts)) + 2
    return [f"{key:<{wide}}{value}" for key, value in facts.items()]


def sequence_problems(path: str | Path) -> list[str]:
    """What is wrong with a file, in sentences; an empty list means that it is sound."""
    try:
        SequenceSet.read(path)
    except NeuronIOError as error:
        return [str(error)]
    try:
        with h5py.File(path, "r") as file:
            if content_sha256(file) != decode(file.attrs.get("content_sha256")):
                return [f"{path}: its content does not match its checksum"]
    except DAMAGE as error:
        return [f"{path} is damaged: {error}"]
    return []


def _values(found: SequenceSet) -> str:
    if found.value is None:
        return "every event is 1"
    largest = found.value.max(initial=0)
    return "255ths" if found.value.dtype == np.uint8 else f"up to {largest:g}"
