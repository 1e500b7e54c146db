"""What is wrong with a sequence set, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

STEP_UNITS = ("token", "byte", "pixel", "bin")
DTYPES = {
    "label": ("int16",),
    "length": ("int32",),
    "start": ("int64",),
    "step": ("int32",),
    "channel": ("int16", "int32"),
    "value": ("float32", "uint8"),
    "group": ("int32",),
}
OPTIONAL = frozenset({"value", "group"})
EVENTS = frozenset({"step", "channel", "value"})


def about_fault(about: Any) -> str | None:
    """Why no set can be about this (`sequences.About`), or None."""
    if about.step_unit not in STEP_UNITS:
        return f"a step is one of {', '.join(STEP_UNITS)}, but step_unit is {about.step_unit!r}"
    if (about.step_unit == "bin") != (about.bin_ms is not None):
        return f"bin_ms is {about.bin_ms} though a step is a {about.step_unit}; bins alone have it"
    if about.bin_ms is not None and not 0 < about.bin_ms < np.inf:
        return f"bin_ms is {about.bin_ms}, but a bin has some width"
    wanted = {"channels": (1, 2**31), "classes": (1, 2**15), "rows_per_label": (1, 2)}
    for name, (least, most) in wanted.items():
        if not least <= (found := getattr(about, name)) <= most:
            return f"{name} is {found}, but wanted is a number from {least} to {most}"
    scores = about.trivial_scores.items()
    wrong = next((item for item in scores if not 0 <= item[1] <= 1), None)
    return f"the trivial score of {wrong[0]!r} is {wrong[1]}, no share" if wrong else None


def sequence_fault(found: Any) -> str | None:
    """Why the arrays of a set (`sequences.SequenceSet`) cannot be, or None."""
    # One after the other: where shapes are wrong, values cannot be looked at.
    checks = (_shapes, _offsets, _labels, _steps, _channels, _values)
    return next((fault for check in checks for fault in check(found)), None)


def _shapes(found: Any) -> Iterator[str]:
    samples, rows, events = len(found.label), len(found.length), len(found.step)
    sizes = {"label": samples, "length": rows, "group": rows, "start": rows + 1}
    for name, dtypes in DTYPES.items():
        array = getattr(found, name)
        if array is None and name in OPTIONAL:
            continue
        if str(array.dtype) not in dtypes:
            yield f"{name} is {array.dtype}, but wanted is {' or '.join(dtypes)}"
        if array.shape != (size := sizes.get(name, events),):
            yield f"{name} has the shape {array.shape}, but wanted is ({size},)"
    if rows != samples * (per := found.about.rows_per_label):
        yield f"{rows} rows with {samples} labels, but every label has {per}"


def _offsets(found: Any) -> Iterator[str]:
    start, events = found.start, len(found.step)
    if start[0] or start[-1] != events or (start[1:] < start[:-1]).any():
        yield f"start must rise from 0 to {events}, the number of events"


def _labels(found: Any) -> Iterator[str]:
    classes = found.about.classes
    if (bad := np.flatnonzero((found.label < 0) | (found.label >= classes))).size:
        yield f"sample {bad[0]} has the label {found.label[bad[0]]}, but there are {classes}"
    if (bad := np.flatnonzero(found.length < 1)).size:
        yield f"row {bad[0]} has {found.length[bad[0]]} steps, but a row has at least one"


def _steps(found: Any) -> Iterator[str]:
    start, step = found.start, found.step
    falls = np.flatnonzero(step[1:] < step[:-1]) + 1
    if (bad := falls[~np.isin(falls, start)]).size:
        row = np.searchsorted(start, bad[0], side="right") - 1
        yield f"row {row} has an event at step {step[bad[0]]} after one at {step[bad[0] - 1]}"
        return
    # Steps do not fall, so a row's first and last event tell.
    full = np.flatnonzero(np.diff(start))
    first, last = step[start[full]], step[start[full + 1] - 1]
    if (bad := np.flatnonzero((first < 0) | (last >= found.length[full]))).size:
        row, i = full[bad[0]], bad[0]
        wrong = first[i] if first[i] < 0 else last[i]
        yield f"row {row} has an event at step {wrong} of {found.length[row]}"


def _channels(found: Any) -> Iterator[str]:
    channel, channels = found.channel, found.about.channels
    if len(channel) and (channel.min() < 0 or channel.max() >= channels):
        at = np.flatnonzero((channel < 0) | (channel >= channels))[0]
        row = np.searchsorted(found.start, at, side="right") - 1
        yield f"row {row} has an event on channel {channel[at]}, but there are {channels}"


def _values(found: Any) -> Iterator[str]:
    if found.value is None or found.value.dtype == np.uint8:
        return
    if (bad := np.flatnonzero(~np.isfinite(found.value))).size:
        row = np.searchsorted(found.start, bad[0], side="right") - 1
        yield f"row {row} has an event of value {found.value[bad[0]]}, but a value is finite"
