"""Who speaks the synthetic digits, and how each recording is spoken.

Recording i of a split follows from (seed, split, i) alone. A speaker is a variant of espeak-ng's
voices with an accent of English and with German; those of the test set are never heard in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuronio.data.digits.shd import DIGITS, KEYS
from neuronio.data.digits.sound import RMS, prepared
from neuronio.data.digits.speak import SAMPLE_HZ, Utterance, speak

SPLITS = ("train", "test")
RATES, PITCH_SHIFT, PITCH_RANGES = (100, 190), 12, (30, 70)
EDGE_MS = (10.0, 60.0)
LEVEL_DB, NOISE_DB = (-3.0, 3.0), (-45.0, -25.0)
QUIET = 0.01
NOISE_HZ = 1000.0


@dataclass(frozen=True)
class Speaker:
    """A voice of espeak-ng.

    Attributes:
        variant: of espeak-ng.
        gender: "m" or "f".
        english: its accent of English.
        pitch: the middle of its pitch, 0 to 100.
        split: "train" or "test".
    """

    variant: str
    gender: str
    english: str
    pitch: int
    split: str = "train"


SPEAKERS = (
    Speaker("m1", "m", "en-US", 50),
    Speaker("f1", "f", "en", 50),
    Speaker("m2", "m", "en-GB-scotland", 45),
    Speaker("f2", "f", "en-US", 45),
    Speaker("m3", "m", "en-GB-x-rp", 55),
    Speaker("f3", "f", "en-GB-x-rp", 55),
    Speaker("m4", "m", "en-029", 50, "test"),
    Speaker("f4", "f", "en-GB-scotland", 50, "test"),
    Speaker("m5", "m", "en-GB-x-gbclan", 50),
    Speaker("belinda", "f", "en-US-nyc", 45),
    Speaker("m6", "m", "en-GB-x-gbcwmd", 45),
    Speaker("linda", "f", "en-GB-x-gbclan", 50),
    Speaker("m7", "m", "en-US", 60),
    Speaker("steph", "f", "en-029", 50),
    Speaker("m8", "m", "en", 40),
    Speaker("Alicia", "f", "en-GB-x-gbcwmd", 40),
    Speaker("Alex", "m", "en-US", 50),
    Speaker("Annie", "f", "en-US", 50, "test"),
    Speaker("david", "m", "en", 50),
    Speaker("anika", "f", "en", 40),
    Speaker("Gene", "m", "en-US-nyc", 50, "test"),
    Speaker("Michael", "m", "en-GB-scotland", 55),
    Speaker("zac", "m", "en-029", 50),
    Speaker("quincy", "m", "en-GB-x-rp", 50),
)
"""Everybody; a speaker's number in a set is the place here."""


@dataclass(frozen=True)
class Take:
    """One recording before it is made.

    Attributes:
        label: 0 to 9 in English, 10 to 19 in German.
        speaker: number in `SPEAKERS`.
        utterance: what espeak-ng is told.
        rms: to scale the sound to.
        noise: rms of the background, of the word's.
        before_ms, after_ms: background alone.
    """

    label: int
    speaker: int
    utterance: Utterance
    rms: float
    noise: float
    before_ms: float
    after_ms: float


def generator(seed: int, split: str, index: int) -> np.random.Generator:
    """The random numbers of one recording."""
    key = (SPLITS.index(split), index)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def draw_take(split: str, index: int, rng: np.random.Generator) -> Take:
    """How a recording is spoken: digits, then speakers, take turns; the rest is drawn."""
    heard = [i for i, speaker in enumerate(SPEAKERS) if speaker.split == split]
    label = index % len(KEYS)
    number = heard[index // len(KEYS) % len(heard)]
    speaker = SPEAKERS[number]
    language = speaker.english if label < DIGITS else "de"
    utterance = Utterance(
        KEYS[label],
        f"{language}+{speaker.variant}",
        rate=int(rng.integers(*RATES, endpoint=True)),
        pitch=int(speaker.pitch + rng.integers(-PITCH_SHIFT, PITCH_SHIFT, endpoint=True)),
        pitch_range=int(rng.integers(*PITCH_RANGES, endpoint=True)),
        noise_seed=int(rng.integers(1, 2**31)),
    )
    level, noise = (float(10 ** (rng.uniform(*db) / 20)) for db in (LEVEL_DB, NOISE_DB))
    before, after = rng.uniform(*EDGE_MS, size=2)
    return Take(label, number, utterance, RMS * level, noise, float(before), float(after))


def record(take: Take, rng: np.random.Generator) -> np.ndarray:
    """The sound of a recording, ready for the cochlea."""
    word = trimmed(speak(take.utterance).astype(np.float64))
    edges = [round(ms * SAMPLE_HZ / 1000) for ms in (take.before_ms, take.after_ms)]
    noise = background(len(word) + sum(edges), rng)
    loudness = np.sqrt(np.mean(word**2))
    return prepared(np.pad(word, edges) + take.noise * loudness * noise, SAMPLE_HZ, rms=take.rms)


def trimmed(sound: np.ndarray) -> np.ndarray:
    """A word without what is as good as silent before and after it."""
    heard = np.flatnonzero(np.abs(sound) > QUIET * np.abs(sound).max(initial=0))
    return sound[heard[0] : heard[-1] + 1] if len(heard) else sound


def background(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of rms 1 whose power falls above `NOISE_HZ`, as that of a quiet room: (samples,)."""
    from scipy.signal import lfilter

    decay = np.exp(-2 * np.pi * NOISE_HZ / SAMPLE_HZ)
    noise = lfilter([1 - decay], [1, -decay], rng.standard_normal(samples))
    return noise / np.sqrt(np.mean(noise**2))


@dataclass(frozen=True)
class SyntheticDigits:
    """The synthetic spoken digits as two splits.

    Attributes:
        train, test: how many recordings; 20 classes take turns, so their numbers are as good as
            equal.
    """

    train: int = 8000
    test: int = 2000
    name = "synthetic spoken digits"
    task = "synthetic-digits"

    def facts(self) -> dict[str, object]:
        """What decides the sounds beside the code, as JSON."""
        return {}

    def packages(self) -> tuple[str, ...]:
        """Whose versions decide the sounds."""
        return ("espeakng-loader",)

    def rows(self, split: str) -> int:
        """How many recordings there are."""
        return self.train if split == "train" else self.test

    def genders(self) -> list[str]:
        """Gender of each speaker."""
        return [speaker.gender for speaker in SPEAKERS]

    def sound(
        self, split: str, index: int, rng: np.random.Generator
    ) -> tuple[int, int, np.ndarray]:
        """Label, speaker and sound, ready for the cochlea, of a recording."""
        take = draw_take(split, index, rng)
        return take.label, take.speaker, record(take, rng)
