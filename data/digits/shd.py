"""The form of the Spiking Heidelberg Digits: one HDF5 file a split, one row a recording.

    spikes/times            (R,) of (n,) float16, s
    spikes/units            (R,) of (n,) uint16, 0 (high tones) to 699
    labels                  (R,) uint16, 0 to 9 in English, 10 to 19 in German
    extra/speaker           (R,) uint16
    extra/keys              (20,) names of the labels
    extra/meta_info/gender, age, body_height    of each speaker; 0 where it is not known

Published by Cramer et al. (2020) under CC BY 4.0. Half precision steps by 0.49 ms after 0.5 s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neuronio.data.new_file import new_file
from neuronio.errors import NeuronIOError

CHANNELS = 700
DIGITS = 10
ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GERMAN = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
KEYS = ENGLISH + GERMAN
LATEST_S = 10.0
MADE_FROM = "made_from"


@dataclass(frozen=True)
class Recordings:
    """Recordings of spoken digits as spikes; row r has the spikes start[r] to start[r + 1] - 1.

    Attributes:
        time_s: (E,) float32, rising within a row.
        unit: (E,) int16.
        start: (R + 1,) int64.
        label: (R,) int16.
        speaker: (R,) int32.
        made_from: how a set was made; empty for the published files.
    """

    time_s: np.ndarray
    unit: np.ndarray
    start: np.ndarray
    label: np.ndarray
    speaker: np.ndarray
    made_from: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.label)

    def select(self, kept: Any) -> Recordings:
        """Some of the recordings, by a mask, a slice or numbers."""
        rows = np.arange(len(self))[kept]
        count = np.diff(self.start)[rows]
        ends = np.cumsum(count)
        event = np.repeat(self.start[rows] - (ends - count), count) + np.arange(count.sum())
        return replace(
            self,
            time_s=self.time_s[event],
            unit=self.unit[event],
            start=np.concatenate([[0], ends]),
            label=self.label[rows],
            speaker=self.speaker[rows],
        )

    def row(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Times, s, and units of one recording."""
        part = slice(self.start[index], self.start[index + 1])
        return self.time_s[part], self.unit[part]


def read_shd(path: str | Path) -> Recordings:
    """Read a file of this form, published or made here.

    Raises:
        NeuronIOError: it is missing, damaged, or not of this form.
    """
    with _opened(path) as file:
        times, units = (list(file[f"spikes/{name}"][:]) for name in ("times", "units"))
        label, speaker = file["labels"][:], file["extra/speaker"][:]
        made_from = _as_json(file.attrs.get(MADE_FROM, "{}"), path)
    if not len(times) == len(units) == len(label) == len(speaker) > 0:
        raise NeuronIOError(
            f"{path} has {len(times)} rows of times, {len(units)} of units, {len(label)} labels "
            f"and {len(speaker)} speakers, where as many of each are wanted"
        )
    for r, (time, unit) in enumerate(zip(times, units, strict=True)):
        if fault := _row_fault(time, unit):
            raise NeuronIOError(f"{path}: recording {r} has {fault}")
    if label.min() < 0 or label.max() >= len(KEYS):
        raise NeuronIOError(f"{path} has labels to {label.max()}, where 0 to {len(KEYS) - 1} exist")
    rows = [_in_order(time, unit) for time, unit in zip(times, units, strict=True)]
    start = np.concatenate([[0], np.cumsum([len(time) for time in times])])
    return Recordings(
        np.concatenate([time for time, _ in rows]).astype(np.float32),
        np.concatenate([unit for _, unit in rows]).astype(np.int16),
        start.astype(np.int64),
        label.astype(np.int16),
        speaker.astype(np.int32),
        made_from,
    )


def write_shd(
    path: str | Path,
    rows: Iterable[tuple[np.ndarray, np.ndarray]],
    label: np.ndarray,
    speaker: np.ndarray,
    genders: Sequence[str],
    made_from: Mapping[str, Any],
) -> Path:
    """Write a file of this form, whole or not at all; the same content gives the same bytes.

    Args:
        rows: times, s, and units of each recording.
        label, speaker: (R,).
        genders: "m", "f" or "" of each speaker.
        made_from: how the set was made, as JSON.

    Raises:
        NeuronIOError: the disk is full or refuses.
    """
    with new_file(path) as file:
        file.attrs[MADE_FROM] = json.dumps(made_from, sort_keys=True)
        shape = (len(label),)
        times = file.create_dataset("spikes/times", shape, h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", shape, h5py.vlen_dtype(np.uint16))
        for r, (time, unit) in enumerate(rows):
            times[r], units[r] = time.astype(np.float16), unit.astype(np.uint16)
        file["labels"] = np.asarray(label, np.uint16)
        file["extra/speaker"] = np.asarray(speaker, np.uint16)
        file["extra/keys"] = np.array([key.encode() for key in KEYS])
        file["extra/meta_info/gender"] = np.array([gender.encode() for gender in genders], "S1")
        for unknown in ("age", "body_height"):
            file[f"extra/meta_info/{unknown}"] = np.zeros(len(genders), np.uint16)
    return Path(path)


def read_made_from(path: str | Path) -> dict[str, Any]:
    """How a set was made; empty for the published files.

    Raises:
        NeuronIOError: the file is not of this form.
    """
    with _opened(path) as file:
        return _as_json(file.attrs.get(MADE_FROM, "{}"), path)


@contextmanager
def _opened(path: str | Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path) as file:
            yield file
    except FileNotFoundError as error:
        raise NeuronIOError(f"there is no file {path}") from error
    except KeyError as error:
        raise NeuronIOError(
            f"{path} is not of the form of the Spiking Heidelberg Digits: {error.args[0]}"
        ) from error
    # A dataset that is a group, or of another kind or depth.
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise NeuronIOError(f"cannot read {path}: {error}") from error


def _as_json(text: Any, path: str | Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, TypeError) as error:
        raise NeuronIOError(f"{path} is damaged: its attribute {MADE_FROM} is no JSON") from error
    return found if isinstance(found, dict) else {}


def _row_fault(time: Any, unit: Any) -> str:
    if np.ndim(time) != 1 or np.shape(time) != np.shape(unit):
        return f"{np.size(time)} times but {np.size(unit)} units"
    if not np.isfinite(time).all() or (len(time) and not 0 <= time.min() <= time.max() < LATEST_S):
        return f"a spike that is not between 0 and {LATEST_S:g} s"
    if len(unit) and not 0 <= unit.min() <= unit.max() < CHANNELS:
        return f"unit {unit.max()}, where 0 to {CHANNELS - 1} exist"
    return ""


def _in_order(time: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(time, kind="stable")
    return time[order], unit[order]
