"""One trial: the input spikes that go in and the recording that comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from neuronio.conventions import SAMPLES_PER_MS, SPIKE_THRESHOLD_MV
from neuronio.errors import NeuronIOError
from neuronio.files import read_npz

MOST_SYNAPSES = 1 << 16
MOST_EVENTS_PER_MS = (1 << 16) - 1


@dataclass(frozen=True)
class InputEvents:
    """Input spikes of one trial in bins of 1 ms, as a sorted event list.

    A spike in bin k reaches its synapse at exactly t = k ms. With S segments, synapse s < S is the
    excitatory synapse of segment s and synapse S + s the inhibitory one.

    Attributes:
        n_segments: S, the number of dendritic segments.
        duration_ms: T, the number of bins.
        synapse: (events,) uint16, sorted by (ms, synapse).
        offset: (T + 1,) int64; the events of bin t are `synapse[offset[t]:offset[t + 1]]`.

    Raises:
        NeuronIOError: a synapse does not exist, the offsets do not fit, or there are more than
            32,768 segments or 65,535 events in one ms.
    """

    n_segments: int
    duration_ms: int
    synapse: np.ndarray
    offset: np.ndarray

    def __post_init__(self) -> None:
        # Compiled code indexes by these without looking, so no wrong one may get so far.
        if self.n_synapses > MOST_SYNAPSES:
            raise NeuronIOError(
                f"a cell of {self.n_segments} segments has {self.n_synapses} synapses, but at most "
                f"{MOST_SYNAPSES} can be told apart; use longer segments or check the morphology's "
                "units (um)"
            )
        _check_synapses(self.synapse, self.n_synapses)
        offset = self.offset
        if offset.shape != (self.duration_ms + 1,) or offset[0] or offset[-1] != self.n_events:
            raise NeuronIOError(
                f"the offsets of {self.n_events} input events in {self.duration_ms} bins must be "
                f"{self.duration_ms + 1} numbers from 0 to {self.n_events}"
            )
        if (offset[1:] < offset[:-1]).any():
            raise NeuronIOError("the offsets of input events fall from one ms to the next")
        if (most := np.diff(offset).max(initial=0)) > MOST_EVENTS_PER_MS:
            raise NeuronIOError(
                f"one ms has {most} input events, but at most {MOST_EVENTS_PER_MS} can be stored"
            )

    @property
    def n_synapses(self) -> int:
        """Number of synapses, 2 S."""
        return 2 * self.n_segments

    @property
    def n_events(self) -> int:
        """Number of input spikes of the trial."""
        return len(self.synapse)

    @property
    def n_excitatory(self) -> int:
        """Number of excitatory input spikes of the trial."""
        return int(np.count_nonzero(self.synapse < self.n_segments))

    @cached_property
    def time_ms(self) -> np.ndarray:
        """Bin of each event, (events,) int32, ms."""
        return np.repeat(np.arange(self.duration_ms, dtype=np.int32), np.diff(self.offset))

    @classmethod
    def from_events(
        cls, n_segments: int, duration_ms: int, synapse: np.ndarray, time_ms: np.ndarray
    ) -> InputEvents:
        """Build from unsorted events: (events,) synapse indices and (events,) integer ms.

        Raises:
            NeuronIOError: an event lies outside the trial or names a synapse that does not exist.
        """
        synapse, time_ms = np.asarray(synapse, dtype=np.int64), np.asarray(time_ms, dtype=np.int64)
        # Before they are narrowed to 16 bits, in which they could wrap into range.
        _check_synapses(synapse, 2 * n_segments)
        if len(time_ms) and not (time_ms.min() >= 0 and time_ms.max() < duration_ms):
            raise NeuronIOError(
                f"input events lie between {time_ms.min()} and {time_ms.max()} ms, outside the "
                f"trial of {duration_ms} ms; give a longer duration"
            )
        order = np.lexsort((synapse, time_ms))
        counts = np.bincount(time_ms, minlength=duration_ms)
        return cls(n_segments, duration_ms, synapse[order].astype(np.uint16), offsets(counts))

    @classmethod
    def from_dense(cls, excitatory: np.ndarray, inhibitory: np.ndarray) -> InputEvents:
        """Build from two boolean arrays of shape (segments, ms)."""
        if excitatory.shape != inhibitory.shape or excitatory.ndim != 2:
            raise NeuronIOError(
                f"excitatory inputs have shape {excitatory.shape} and inhibitory ones "
                f"{inhibitory.shape}; both must be (segments, ms)"
            )
        both = np.concatenate([excitatory, inhibitory]).astype(bool)
        _, synapse = np.nonzero(both.T)
        return cls(
            excitatory.shape[0],
            excitatory.shape[1],
            synapse.astype(np.uint16),
            offsets(both.sum(axis=0)),
        )

    def dense(self) -> np.ndarray:
        """Boolean array (2 S, T): excitatory synapses first."""
        out = np.zeros((self.n_synapses, self.duration_ms), dtype=bool)
        out[self.synapse, self.time_ms] = True
        return out

    def window(self, start_ms: int, stop_ms: int) -> InputEvents:
        """The events of [start_ms, stop_ms), with times counted from start_ms."""
        if not 0 <= start_ms < stop_ms <= self.duration_ms:
            raise NeuronIOError(
                f"window [{start_ms}, {stop_ms}) ms does not lie within the inputs of "
                f"{self.duration_ms} ms"
            )
        offset = self.offset[start_ms : stop_ms + 1]
        synapse = self.synapse[offset[0] : offset[-1]]
        return InputEvents(self.n_segments, stop_ms - start_ms, synapse, offset - offset[0])

    def first_ms_synapses(self) -> np.ndarray:
        """Synapses with a spike in the first bin: those that the t = 0 artefact silences."""
        return self.synapse[: self.offset[1]]

    def without_synapses(self, synapses: np.ndarray) -> InputEvents:
        """The same inputs with every event of the given synapses dropped."""
        keep = ~np.isin(self.synapse, synapses)
        counts = np.bincount(self.time_ms[keep], minlength=self.duration_ms)
        return InputEvents(self.n_segments, self.duration_ms, self.synapse[keep], offsets(counts))

    def packed(self) -> dict[str, np.ndarray]:
        """The inputs as `excitatory`, `inhibitory` (numpy.packbits) and `shape` (segments, ms)."""
        dense = self.dense()
        return {
            "excitatory": np.packbits(dense[: self.n_segments]),
            "inhibitory": np.packbits(dense[self.n_segments :]),
            "shape": np.array([self.n_segments, self.duration_ms]),
        }

    @classmethod
    def from_packed(cls, arrays: dict[str, np.ndarray]) -> InputEvents:
        """The inverse of `packed`.

        Raises:
            NeuronIOError: the arrays are not what `packed` makes.
        """
        shape = np.asarray(arrays["shape"])
        if shape.shape != (2,) or shape.dtype.kind not in "iu" or (shape < 1).any():
            raise NeuronIOError(f"'shape' is {shape.tolist()} instead of (segments, ms)")
        segments, duration_ms = (int(n) for n in shape)
        bits = {}
        for key in ("excitatory", "inhibitory"):
            packed = np.asarray(arrays[key])
            if packed.dtype != np.uint8 or packed.size != -(-segments * duration_ms // 8):
                raise NeuronIOError(
                    f"'{key}' holds {packed.size} values of {packed.dtype}, but shape "
                    f"({segments}, {duration_ms}) needs {-(-segments * duration_ms // 8)} of uint8 "
                    "as made by numpy.packbits"
                )
            flat = np.unpackbits(packed, count=segments * duration_ms)
            bits[key] = flat.reshape(segments, duration_ms).astype(bool)
        return cls.from_dense(bits["excitatory"], bits["inhibitory"])

    @classmethod
    def load_npz(cls, path: str | Path) -> InputEvents:
        """Read the inputs of an npz file in the form of `packed`.

        Raises:
            NeuronIOError: the file cannot be read or lacks a key.
        """
        arrays = read_npz(path, ("excitatory", "inhibitory", "shape"))
        try:
            return cls.from_packed(arrays)
        except NeuronIOError as error:
            raise NeuronIOError(f"{path} holds no inputs: {error}") from error


@dataclass(frozen=True)
class Recording:
    """What a trial gives.

    Attributes:
        soma_mV, nexus_mV: (T,) float32, the voltage at t = 0, 1, 2, ... ms.
        spike_ms: (spikes,) float64, output spike times.
        soma_8khz_mV: (8 T,) float32, the voltage at t = 0, 0.125, ... ms, or None.
        segments_mV: (S, T) float32, every dendritic segment at 1 kHz, or None.
    """

    soma_mV: np.ndarray
    nexus_mV: np.ndarray
    spike_ms: np.ndarray
    soma_8khz_mV: np.ndarray | None = None
    segments_mV: np.ndarray | None = None


def detect_spikes(soma_8khz_mV: np.ndarray) -> np.ndarray:
    """Output spikes: times (ms, float64) of local maxima of the 8 kHz soma voltage (mV).

    A maximum counts above `SPIKE_THRESHOLD_MV`; a plateau of equal samples counts once, at its
    first sample.
    """
    v = np.asarray(soma_8khz_mV)
    change = np.flatnonzero(np.diff(v)) + 1
    starts = np.concatenate([[0], change])
    level = v[starts]
    peak = (level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])
    peak &= level[1:-1] > SPIKE_THRESHOLD_MV
    return starts[1:-1][peak] / SAMPLES_PER_MS


def _check_synapses(synapse: np.ndarray, n_synapses: int) -> None:
    if len(synapse) and not (synapse.min() >= 0 and synapse.max() < n_synapses):
        raise NeuronIOError(
            f"input events name synapses {synapse.min()} to {synapse.max()}, but there are "
            f"only {n_synapses}; use inputs made for this cell"
        )


def offsets(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where the things of each of several lie in one row of all, by how many each has: one more."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
