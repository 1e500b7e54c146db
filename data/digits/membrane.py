"""The basilar membrane: how fast it moves at each of its places under a sound.

A shallow-water model of the cochlea in closed form (Sieroka, Dosch, Rupp 2006), as Cramer et al.
(2020) use it; lengths in cm, masses in g. In the frequency domain it is one factor for each
frequency and place, which is computed once for a length of sound and kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from neuronio.errors import NeuronIOError
from neuronio.native import building, cache_dir

SOUND_HZ = 48_000
"""Sampling rate that the membrane takes."""
OUTPUT_HZ = SOUND_HZ // 2
"""Sampling rate of what it gives."""
LOWEST_HZ = 1.0
BLOCK = 50
TABLE_VERSION = 1


@dataclass(frozen=True)
class MembraneConstants:
    """Constants of the membrane, cgs.

    Attributes:
        alpha: how fast the stiffness falls, per cm.
        rho: density of the fluid.
        h: height of the channel of fluid.
        m: mass of the membrane for an area.
        C0, a: stiffness at the base, and what is taken off everywhere.
        delta: damping.
        length: of the membrane, cm.
    """

    alpha: float = 3.0
    rho: float = 1.0
    h: float = 0.1
    m: float = 0.05
    C0: float = 1e9
    a: float = 3500.0
    delta: float = 0.15
    length: float = 3.5


CONSTANTS = MembraneConstants()


def places(channels: int, constants: MembraneConstants = CONSTANTS) -> np.ndarray:
    """Positions of the channels from base to apex, (channels,) cm."""
    return np.linspace(0, constants.length, channels)


def frequencies(samples: int) -> np.ndarray:
    """Frequencies that a sound of that many samples has factors for, (samples // 2 + 1,) Hz."""
    return np.linspace(LOWEST_HZ, SOUND_HZ / 2, samples // 2 + 1)


def transfer(
    frequency_hz: np.ndarray, place_cm: np.ndarray, constants: MembraneConstants = CONSTANTS
) -> np.ndarray:
    """Velocity of the membrane for a sound of amplitude 1 at the ear.

    Args:
        frequency_hz: (f,).
        place_cm: (c,).

    Returns:
        (c, f) complex128.
    """
    from scipy.special import hankel1e

    w, c = 2 * np.pi * frequency_hz[None, :], place_cm[:, None]
    base = np.zeros((1, 1))
    G, G0 = (_wave_phase(w, at, constants) for at in (c, base))
    # Scaled Hankel functions, whose ratio stays finite where each would underflow.
    pressure = np.sqrt(G / _wave_number(w, c, constants)) * hankel1e(0, G)
    at_base = np.sqrt(G0 / _wave_number(w, base, constants)) * hankel1e(0, G0)
    ratio = pressure / at_base * np.exp(1j * (G - G0))
    return 2 * w / _impedance(w, c, constants) * ratio * _input_impedance(w, constants)


def _impedance(w: np.ndarray, c: np.ndarray, k: MembraneConstants) -> np.ndarray:
    stiffness = k.C0 * np.exp(-k.alpha * c) - k.a
    resistance = k.delta * np.sqrt(k.C0 * k.m) * np.exp(-k.alpha * c / 2)
    return stiffness - k.m * w**2 - 1j * w * resistance


def _wave_number(w: np.ndarray, c: np.ndarray, k: MembraneConstants) -> np.ndarray:
    return w * np.sqrt(k.rho / (k.h * _impedance(w, c, k)))


def _wave_phase(w: np.ndarray, c: np.ndarray, k: MembraneConstants) -> np.ndarray:
    """The integral of the wave number from the base, in closed form."""
    stiff = np.sqrt(k.m * w**2 + k.a)
    logarithm = np.log(_in_logarithm(w, np.zeros((1, 1)), k) / _in_logarithm(w, c, k))
    travelled = 2 * np.sqrt(2) * 1j * w * logarithm / (k.alpha * np.sqrt(2 * k.h) * stiff)
    return 2 * _wave_number(w, np.zeros((1, 1)), k) / k.alpha - travelled


def _in_logarithm(w: np.ndarray, c: np.ndarray, k: MembraneConstants) -> np.ndarray:
    """What the logarithm of the phase is of: at the base its numerator, at c its denominator."""
    R0 = k.delta * np.sqrt(k.C0 * k.m)
    damping = 1j * np.exp(-k.alpha * c / 2) * R0
    root = np.sqrt(k.C0 * np.exp(-k.alpha * c) - k.a - k.m * w**2 - damping * w)
    other = 1j * (2 * k.a + w * (2 * k.m * w + damping)) / np.sqrt(k.a + k.m * w**2)
    return k.alpha / 2 * np.exp(k.alpha * c / 2) * (-2 * root + other)


def _input_impedance(w: np.ndarray, k: MembraneConstants) -> np.ndarray:
    from scipy.special import jv, yv

    z = 2 * w / k.alpha * np.sqrt(2 / (k.h * k.C0))
    return np.sqrt(2 * k.C0 / k.h) * (1j * jv(0, z) + yv(0, z)) / (jv(1, z) - 1j * yv(1, z))


@dataclass(frozen=True)
class Membrane:
    """The membrane for sounds of one length.

    Attributes:
        samples: of a sound at `SOUND_HZ`; even. Transforms are fast where samples / 2 + 1 has
            small factors.
        channels: places on the membrane, base first.
        single: whether to compute in single precision, as a set is made.
    """

    samples: int
    channels: int = 700
    single: bool = True

    def __post_init__(self) -> None:
        if self.samples < 2 or self.samples % 2:
            raise NeuronIOError(f"a sound has an even number of samples, not {self.samples}")

    @property
    def output_samples(self) -> int:
        """Samples of the velocity, at `OUTPUT_HZ`."""
        return self.samples // 2 + 1

    @cached_property
    def table(self) -> np.ndarray:
        """Factors, (channels, output_samples) complex64 or complex128, mapped from the cache."""
        return np.load(self.prepare(), mmap_mode="r")

    def prepare(self) -> Path:
        """Make the factors unless they are in the cache, where they stay; their file.

        Raises:
            NeuronIOError: the cache cannot be written to.
        """
        path = self._path()
        if not path.exists():
            with building(path) as folder:
                if not path.exists():  # made by another process, while this one waited
                    self._write(folder / path.name).replace(path)
        return path

    def velocity(self, sound: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """How fast the membrane moves, some channels at a time.

        The transform back takes the frequencies that are not negative as if they were all there
        are: it gives half the samples, and the amplitude that the hair cells are tuned to.

        Args:
            sound: (samples,) at `SOUND_HZ`.

        Yields:
            The first channel, and (up to BLOCK, output_samples) float32 or float64.
        """
        from scipy.fft import irfft, rfft

        if sound.shape != (self.samples,):
            raise NeuronIOError(f"the sound has shape {sound.shape}, not ({self.samples},)")
        n = self.output_samples
        spectrum = rfft(sound.astype(np.float64)).astype(self.table.dtype)
        # The real part of a transform is that of the spectrum's part with the real signal's
        # symmetry: one between real numbers will do.
        mirrored = -np.arange(n // 2 + 1) % n
        for first in range(0, self.channels, BLOCK):
            both = spectrum * self.table[first : first + BLOCK]
            half = both[:, : n // 2 + 1] + both[:, mirrored].conj()
            yield first, irfft(half / 2, n=n, axis=1)

    def _path(self) -> Path:
        key = repr((TABLE_VERSION, self.samples, self.channels, self.single, astuple(CONSTANTS)))
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        return cache_dir() / "cochlea" / f"membrane-{name}.npy"

    def _write(self, path: Path) -> Path:
        shape = self.channels, self.output_samples
        dtype = np.complex64 if self.single else np.complex128
        table = np.lib.format.open_memmap(path, "w+", dtype, shape)
        at, frequency_hz = places(self.channels), frequencies(self.samples)
        for first in range(0, self.channels, BLOCK):
            table[first : first + BLOCK] = transfer(frequency_hz, at[first : first + BLOCK])
        table.flush()
        return path
