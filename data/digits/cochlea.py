"""The whole way from a sound to the spikes of the auditory pathway."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neuronio.data.digits.hair_cell import (
    BUSHY_CELL,
    HAIR_CELLS,
    BushyCell,
    bushy_spikes,
    fibre_spikes,
    release_probability,
)
from neuronio.data.digits.membrane import OUTPUT_HZ, SOUND_HZ, Membrane
from neuronio.errors import NeuronIOError

CHANNELS = 700
LONGEST_S = 1.2
# 28,800 frequencies: a number of small factors.
SOUND_SAMPLES = round(LONGEST_S * SOUND_HZ) - 2


@dataclass(frozen=True)
class Spikes:
    """Spikes of one recording, in order of time.

    Attributes:
        time_s: (n,) float64.
        unit: (n,) int64, 0 at the base of the cochlea, where high tones are.
    """

    time_s: np.ndarray
    unit: np.ndarray


@dataclass(frozen=True)
class Cochlea:
    """Membrane, hair cells and bushy cells for sounds up to `LONGEST_S`.

    Attributes:
        hair_cell: name of the constants, of `HAIR_CELLS`.
        channels: places on the membrane.
        samples: at 48 kHz; a sound is filled up with silence to it.
        single: whether the membrane is computed in single precision.
        cell: the bushy cells.
    """

    hair_cell: str = "lauscher"
    channels: int = CHANNELS
    samples: int = SOUND_SAMPLES
    single: bool = True
    cell: BushyCell = BUSHY_CELL

    def __post_init__(self) -> None:
        if self.hair_cell not in HAIR_CELLS:
            names = ", ".join(HAIR_CELLS)
            raise NeuronIOError(f"no hair cell is called '{self.hair_cell}', only {names}")

    @cached_property
    def membrane(self) -> Membrane:
        """The basilar membrane."""
        return Membrane(self.samples, self.channels, self.single)

    def spikes(self, sound: np.ndarray, rng: np.random.Generator) -> Spikes:
        """Spikes of the bushy cells while a sound lasts.

        Args:
            sound: (n,) at 48 kHz, as of `sound.prepared`; what is longer than the membrane's
                sounds is cut off.
        """
        sound = sound[: self.samples]
        lasts = len(sound) // 2
        seeds = rng.integers(2**64, size=self.channels, dtype=np.uint64)
        unit, sample = [], []
        for first, velocity in self.membrane.velocity(
            np.pad(sound, (0, self.samples - len(sound)))
        ):
            of_block = seeds[first : first + len(velocity)]
            found = np.flatnonzero(self._fired(velocity[:, :lasts], of_block))
            unit.append(first + found // lasts)
            sample.append(found % lasts)
        units, samples = np.concatenate(unit), np.concatenate(sample)
        order = np.argsort(samples, kind="stable")
        return Spikes(samples[order] / OUTPUT_HZ, units[order])

    def _fired(self, velocity: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        probability = release_probability(velocity, OUTPUT_HZ, HAIR_CELLS[self.hair_cell])
        return bushy_spikes(
            fibre_spikes(probability, OUTPUT_HZ, seeds, self.cell), OUTPUT_HZ, self.cell
        )
