"""Recordings of digits as sequence sets: spikes counted in bins of the first second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.data.digits.making import digits_path
from neuronio.data.digits.shd import CHANNELS, KEYS, Recordings, read_shd
from neuronio.data.sequences import SPLITS, About, SequenceSet
from neuronio.errors import NeuronIOError
from neuronio.recipe import file_sha256

BINS_MS = (1, 2, 5, 10, 20)
LASTS_MS = 1000
VALID_SHARE = 0.2
PUBLISHED = "shd"
"""Task of files that do not say how they were made."""


def binned(
    recordings: Recordings,
    bin_ms: int,
    *,
    split: str,
    task: str,
    binary: bool = False,
    made_from: dict[str, Any] | None = None,
) -> SequenceSet:
    """Recordings in bins over [0, 1 s); later spikes are dropped, silence fills up.

    Args:
        bin_ms: of `BINS_MS`.
        binary: whether several spikes of a channel in a bin count as one.
        task: its name, such as "shd".

    Returns:
        A set of 1000 / bin_ms steps a row, with the speaker as group.

    Raises:
        NeuronIOError: there is no such bin width.
    """
    _check_bin(bin_ms)
    about = About(
        task, split, CHANNELS, len(KEYS), "bin", bin_ms=float(bin_ms), made_from=made_from or {}
    )
    rows = [_row(*recordings.row(r), bin_ms, binary) for r in range(len(recordings))]
    steps = np.full(len(rows), LASTS_MS // bin_ms)
    return SequenceSet.from_rows(about, recordings.label, rows, steps, recordings.speaker)


def _row(
    time_s: np.ndarray, unit: np.ndarray, bin_ms: int, binary: bool
) -> tuple[np.ndarray, np.ndarray]:
    # Half precision holds no thousandth exactly: the bin is that of the time as a double.
    step = np.floor(time_s.astype(np.float64) * 1000 / bin_ms).astype(np.int64)
    kept = step < LASTS_MS // bin_ms
    key = np.sort(step[kept] * CHANNELS + unit[kept], kind="stable")
    return np.divmod(np.unique(key) if binary else key, CHANNELS)


def held_out_speakers(
    speaker: np.ndarray, rng: np.random.Generator, share: float = VALID_SHARE
) -> np.ndarray:
    """Speakers to validate with: that share of them, at least one and not all.

    Raises:
        NeuronIOError: there is one speaker only.
    """
    known = np.unique(speaker)
    if len(known) < 2:
        raise NeuronIOError(
            f"{len(known)} speaker in training; two are wanted, to validate with one"
        )
    count = min(max(1, round(share * len(known))), len(known) - 1)
    return np.sort(rng.choice(known, count, replace=False))


def read_splits(
    folder: str | Path,
    bin_ms: int,
    *,
    seed: int = 0,
    valid_speakers: Sequence[int] | None = None,
    binary: bool = False,
) -> dict[str, SequenceSet]:
    """Train, valid and test of SHD's files or of a set made here.

    No speaker of the validation set is in training. SHD's own test set has 429 recordings by
    speakers of its training set: they are in there as published.

    Args:
        folder: has digits_train.h5 and digits_test.h5, or shd_train.h5 and shd_test.h5.
        seed: of the drawing of speakers to validate with.
        valid_speakers: these instead.
        bin_ms, binary: as of `binned`.

    Raises:
        NeuronIOError: a file is missing or damaged, or no speaker is left for a split.
    """
    _check_bin(bin_ms)
    train, test = _files(folder)
    return {
        split: binned_split(
            test if split == "test" else train,
            split,
            bin_ms,
            seed=seed,
            valid_speakers=valid_speakers,
            binary=binary,
        )
        for split in SPLITS
    }


def binned_split(
    path: Path,
    split: str,
    bin_ms: int,
    *,
    seed: int = 0,
    valid_speakers: Sequence[int] | None = None,
    binary: bool = False,
) -> SequenceSet:
    """One split of SHD's files or of a set made here.

    Args:
        path: of the test file for test, else of the train file.
        seed, valid_speakers, bin_ms, binary: as of `read_splits`.

    Raises:
        NeuronIOError: the file is missing or damaged, or no speaker is left for the split.
    """
    _check_bin(bin_ms)
    recordings, valid = read_shd(path), {}
    if split != "test":
        if valid_speakers is None:
            drawn = held_out_speakers(recordings.speaker, np.random.default_rng(seed))
            valid_speakers = drawn.tolist()
        known = np.unique(recordings.speaker).tolist()
        if strange := sorted(set(valid_speakers) - set(known)):
            raise NeuronIOError(f"{path} has no speaker {strange[0]} to validate with, but {known}")
        is_valid = np.isin(recordings.speaker, valid_speakers)
        if is_valid.all() or not is_valid.any():
            raise NeuronIOError(
                f"validation by speakers {list(valid_speakers)} leaves nothing for a split: those "
                f"of {path} are {known}"
            )
        valid = {"valid_speakers": [int(s) for s in valid_speakers]}
        recordings = recordings.select(is_valid if split == "valid" else ~is_valid)
    made_from = {"file": path.name, "sha256": file_sha256(path), **recordings.made_from, **valid}
    return binned(
        recordings,
        bin_ms,
        split=split,
        task=str(recordings.made_from.get("task", PUBLISHED)),
        binary=binary,
        made_from={**made_from, "binary": binary},
    )


def _check_bin(bin_ms: int) -> None:
    if bin_ms not in BINS_MS:
        wanted = ", ".join(map(str, BINS_MS))
        raise NeuronIOError(f"bins of {bin_ms} ms cannot be made; take one of {wanted} ms")


def _files(folder: str | Path) -> list[Path]:
    made = [digits_path(folder, split) for split in ("train", "test")]
    published = [Path(folder) / f"shd_{split}.h5" for split in ("train", "test")]
    for paths in (published, made):
        if all(path.is_file() for path in paths):
            return paths
    raise NeuronIOError(
        f"{folder} has neither shd_train.h5 and shd_test.h5 (neuronio fetch shd) nor "
        "digits_train.h5 and digits_test.h5 (neuronio digits)"
    )
