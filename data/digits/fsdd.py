"""Recordings of the Free Spoken Digit Dataset: English digits by six men, 8 kHz, CC BY-SA 4.0.

A folder or a tar of files {digit}_{speaker}_{index}.wav.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from neuronio.data.digits.sound import prepared, read_wav
from neuronio.errors import NeuronIOError

NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_]+)_(?P<index>\d+)\.wav")
HELD_OUT = ("theo", "yweweler")
"""Speakers of the test set, of whom nothing is in training."""


@dataclass(frozen=True)
class RealDigits:
    """The recordings as two splits: those of `HELD_OUT`, and the others.

    Attributes:
        path: folder or tar of the recordings.

    Raises:
        NeuronIOError: it cannot be read, or lacks a split.
    """

    path: Path
    name = "recorded digits through our cochlea"
    task = "recorded-digits"

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            if not self.takes(split):
                raise NeuronIOError(
                    f"{self.path} has no recordings for {split}, which are named "
                    "{digit}_{speaker}_{index}.wav; the test set is of " + " and ".join(HELD_OUT)
                )

    def facts(self) -> dict[str, object]:
        """What decides the sounds, as JSON."""
        return {"held_out": list(HELD_OUT), "content": content_digest(self.path)}

    def packages(self) -> tuple[str, ...]:
        """Whose versions decide the sounds."""
        return ()

    def rows(self, split: str) -> int:
        """How many recordings there are."""
        return len(self.takes(split))

    def takes(self, split: str) -> list[str]:
        """Names of a split's files, in the order of digit, speaker and index."""
        found = [(NAME.fullmatch(name), name) for name in contents(self.path)]
        kept = [
            (match["digit"], match["speaker"], int(match["index"]), name)
            for match, name in found
            if match and (match["speaker"] in HELD_OUT) == (split == "test")
        ]
        return [name for *_, name in sorted(kept)]

    def speakers(self) -> list[str]:
        """Names of the speakers; a number of a speaker is the place here."""
        matches = map(NAME.fullmatch, contents(self.path))
        return sorted({match["speaker"] for match in matches if match})

    def genders(self) -> list[str]:
        """Gender of each speaker."""
        return ["m"] * len(self.speakers())

    def sound(
        self, split: str, index: int, rng: np.random.Generator
    ) -> tuple[int, int, np.ndarray]:
        """Label, speaker and sound, ready for the cochlea, of a recording."""
        name = self.takes(split)[index]
        digit, speaker, _ = name.split("_")
        samples, rate_hz = read_wav(contents(self.path)[name], f"{name} of {self.path}")
        return int(digit), self.speakers().index(speaker), prepared(samples, rate_hz)


@cache
def contents(path: Path) -> dict[str, bytes]:
    """The wav files of a folder or tar, by name without folder.

    Raises:
        NeuronIOError: it is missing or damaged, or a wav file has another name than `NAME` or that
            of one before.
    """
    found: dict[str, bytes] = {}
    try:
        for name, content in _wav_files(path):
            if not NAME.fullmatch(name):
                raise NeuronIOError(
                    f"{path} has the file {name}, which is not named "
                    "{digit}_{speaker}_{index}.wav; rename it or take it out"
                )
            if name in found:
                raise NeuronIOError(f"{path} has {name} more than once; rename one of them")
            found[name] = content
    except (OSError, tarfile.TarError, EOFError) as error:
        raise NeuronIOError(f"cannot read the recordings of {path}: {error}") from error
    return found


def _wav_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name without folder and content of every wav file."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() == ".wav" and file.is_file():
                yield file.name, file.read_bytes()
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile() and Path(member.name).suffix.lower() == ".wav":
                yield Path(member.name).name, tar.extractfile(member).read()  # type: ignore[union-attr]


@cache
def content_digest(path: Path) -> str:
    """A digest of all recordings, the same for a folder and a tar of it."""
    import hashlib

    digest = hashlib.sha256()
    for name, content in sorted(contents(path).items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]
