"""Hair cells, the fibres that leave them, and the bushy cells that these end on.

A hair cell moves transmitter between a pool q, the cleft c and a store w (Meddis 1986, 1990), by
explicit Euler steps of one sample. Each of its 40 fibres fires in a sample with a probability that
goes with c and is then dead for 1 ms. A bushy cell sums the fibres of its channel (Cramer et al.
2020). The compiled part is in cochlea.cpp.
"""

from __future__ import annotations

import ctypes
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from neuronio.native import load_library

# Products are not contracted to one rounding: the same seed gives the same spikes on any processor.
FLAGS = ("-ffp-contract=off", "-fno-math-errno")


@dataclass(frozen=True)
class HairCell:
    """Constants of a hair cell; rates per second.

    Attributes:
        y: replenishment of the pool.
        g: largest permeability.
        l: loss from the cleft.
        r: return from the cleft.
        X: from the store back into the pool.
        A, B: where the permeability lies along the stimulus.
        h: firing rate for a full unit in the cleft.
        M: the pool's size.
    """

    y: float
    g: float
    l: float  # noqa: E741
    r: float
    X: float
    A: float = 5.0
    B: float = 300.0
    h: float = 50_000.0
    M: float = 1.0

    def rest(self) -> tuple[float, float, float]:
        """q, c and w in silence."""
        k = self.g * self.A / (self.A + self.B)
        c = self.M * self.y * k / (self.l * k + self.y * (self.l + self.r))
        return c * (self.l + self.r) / k, c, c * self.r / self.X

    def rest_hz(self) -> float:
        """Rate in silence of a fibre without its dead time."""
        return self.h * self.rest()[1]


HAIR_CELLS = {
    "lauscher": HairCell(y=5.05, g=2000.0, l=2500.0, r=6580.0, X=66.3),
    "article": HairCell(y=11.11, g=1000.0, l=1250.0, r=16667.0, X=250.0),
}
"""The constants that the published code has, and those that the article refers to."""


@dataclass(frozen=True)
class BushyCell:
    """Fibres of a channel and the cell that they end on.

    Attributes:
        fibres: of a hair cell.
        dead_ms: of a fibre after a spike.
        synapse_ms, membrane_ms: time constants of current and potential.
        gain_hz: of the potential by the current, for all fibres.
        refractory_ms: after a spike, with the potential at 0.
    """

    fibres: int = 40
    dead_ms: float = 1.0
    synapse_ms: float = 0.5
    membrane_ms: float = 1.0
    gain_hz: float = 13_000.0
    refractory_ms: float = 1.0


BUSHY_CELL = BushyCell()


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        NeuronIOError: they do not compile.
    """
    return load_library("cochlea", [Path(__file__).with_name("cochlea.cpp")], flags=FLAGS)


def release_probability(
    velocity: np.ndarray, rate_hz: float, hair_cell: HairCell = HAIR_CELLS["lauscher"]
) -> np.ndarray:
    """Probability that a fibre fires in each sample, were it never dead; from rest.

    Args:
        velocity: (channels, samples) float32 or float64.
        rate_hz: of the samples; the steps are stable where it is above half of l + r.

    Returns:
        (channels, samples) float64, 0 to 1.
    """
    velocity = np.ascontiguousarray(velocity)
    out = np.empty(velocity.shape)
    constants = np.array([*astuple(hair_cell), *hair_cell.rest(), 1 / rate_hz])
    name = {"f": "release_f32", "d": "release_f64"}[velocity.dtype.char]
    shape = ctypes.c_int64(velocity.shape[0]), ctypes.c_int64(velocity.shape[1])
    getattr(library(), name)(*shape, *map(_address, (constants, velocity, out)))
    return out


def fibre_spikes(
    probability: np.ndarray, rate_hz: float, seeds: np.ndarray, cell: BushyCell = BUSHY_CELL
) -> np.ndarray:
    """Spikes of all fibres of each channel.

    Args:
        probability: (channels, samples) float64.
        seeds: (channels,) uint64, of the random numbers of each channel.

    Returns:
        (channels, samples) int32, how many fibres fire.
    """
    probability = np.ascontiguousarray(probability, dtype=np.float64)
    out = np.zeros(probability.shape, np.int32)
    shape = (ctypes.c_int64(n) for n in (*probability.shape, cell.fibres, _samples(cell, rate_hz)))
    seeds = np.ascontiguousarray(seeds, dtype=np.uint64)
    library().fibres(*shape, *map(_address, (probability, seeds, out)))
    return out


def bushy_spikes(fibres: np.ndarray, rate_hz: float, cell: BushyCell = BUSHY_CELL) -> np.ndarray:
    """When the bushy cells fire.

    Args:
        fibres: (channels, samples) int32, as of `fibre_spikes`.

    Returns:
        (channels, samples) bool.
    """
    fibres = np.ascontiguousarray(fibres, dtype=np.int32)
    out = np.zeros(fibres.shape, np.uint8)
    step_ms = 1000 / rate_hz
    decays = (np.exp(-step_ms / tau) for tau in (cell.synapse_ms, cell.membrane_ms))
    constants = np.array([*decays, cell.gain_hz / cell.fibres / rate_hz])
    refractory = round(cell.refractory_ms / step_ms)
    shape = (ctypes.c_int64(n) for n in (*fibres.shape, refractory))
    library().bushy(*shape, *map(_address, (constants, fibres, out)))
    return out.view(bool)


def _samples(cell: BushyCell, rate_hz: float) -> int:
    return round(cell.dead_ms * rate_hz / 1000)


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
