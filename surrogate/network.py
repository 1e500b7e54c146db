"""Neurons of one fitted model in a network, ms by ms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.surrogate.streaming import Moment

# Of the background, how many ms are drawn at once.
CHUNK_MS = 64
Events = tuple[np.ndarray, np.ndarray]
"""Spikes that arrive in one ms: neuron and synapse of each."""


class Rows(Protocol):
    """What steps the neurons: a Stepper, or compiled.CompiledElm."""

    @property
    def rows(self) -> int:
        """Number of neurons."""

    @property
    def synapses(self) -> int:
        """Number of synapses of each."""

    def reset(self) -> None:
        """Go back to before the first ms."""

    def step(self, row: np.ndarray, synapse: np.ndarray) -> Moment:
        """One ms."""


@dataclass(frozen=True)
class Connections:
    """From each neuron to synapses of others.

    Attributes:
        first: (neurons + 1,); those of neuron i are first[i] .. first[i + 1] - 1 of the rest.
        target, synapse: (connections,), the neuron that a spike goes to, and its synapse.
        delay_ms: (connections,) whole ms from the ms of a spike to that in which it arrives.

    Raises:
        NeuronIOError: a delay is less than 1 ms or not whole, or a neuron does not exist.
    """

    first: np.ndarray
    target: np.ndarray
    synapse: np.ndarray
    delay_ms: np.ndarray

    def __post_init__(self) -> None:
        _check_alike(target=self.target, synapse=self.synapse, delay_ms=self.delay_ms)
        first = np.asarray(self.first)
        ends = len(first) and (int(first[0]), int(first[-1])) == (0, len(self.target))
        if not ends or (np.diff(first) < 0).any():
            raise NeuronIOError(
                f"'first' must rise from 0 to {len(self.target)}, the number of connections; "
                "`Connections.of` makes it"
            )
        if len(self.delay_ms) and self.delay_ms.min() < 1:
            raise NeuronIOError(
                f"a delay is {self.delay_ms.min()} ms but must be at least 1 ms, the time step"
            )
        if len(self.delay_ms) and self.delay_ms.dtype.kind not in "iu":
            raise NeuronIOError(
                f"delays are of type {self.delay_ms.dtype}; give whole ms, the time step"
            )
        _check_exist("goes to neuron", self.target, self.neurons)

    @property
    def neurons(self) -> int:
        """How many neurons they connect."""
        return len(self.first) - 1

    @classmethod
    def of(
        cls,
        neurons: int,
        source: np.ndarray,
        target: np.ndarray,
        synapse: np.ndarray,
        delay_ms: np.ndarray,
    ) -> Connections:
        """From one entry a connection, in any order.

        Raises:
            NeuronIOError: as the class, or a source does not exist.
        """
        source, target, synapse, delay_ms = map(np.asarray, (source, target, synapse, delay_ms))
        if len(source) != len(target):
            raise NeuronIOError(f"there are {len(source)} sources but {len(target)} targets")
        _check_alike(target=target, synapse=synapse, delay_ms=delay_ms)
        _check_exist("comes from neuron", source, neurons)
        order = np.argsort(source, kind="stable")
        first = np.searchsorted(source[order], np.arange(neurons + 1))
        return cls(first, target[order], synapse[order], delay_ms[order])

    @classmethod
    def random(
        cls,
        neurons: int,
        each: int,
        synapses: int,
        rng: np.random.Generator,
        *,
        inhibitory: float = 0.2,
        delay_ms: tuple[int, int] = (1, 10),
    ) -> Connections:
        """Every neuron connected to `each` synapses of others, all drawn with equal chances.

        Args:
            synapses: of each neuron; the first half is excitatory, the second inhibitory.
            inhibitory: share of the neurons, the last ones, that go to inhibitory synapses.
            delay_ms: the shortest and the longest.

        Raises:
            NeuronIOError: there is no other neuron.
        """
        if neurons < 2:
            raise NeuronIOError(
                f"a network of {neurons} has no other neuron to connect to; take at least 2"
            )
        source = np.repeat(np.arange(neurons), each)
        target = (source + rng.integers(1, neurons, len(source))) % neurons
        synapse = rng.integers(0, synapses // 2, len(source))
        synapse += np.where(source >= round((1 - inhibitory) * neurons), synapses // 2, 0)
        delay = rng.integers(delay_ms[0], delay_ms[1] + 1, len(source))
        return cls(np.arange(neurons + 1) * each, target, synapse, delay)

    def of_neurons(self, neurons: np.ndarray) -> np.ndarray:
        """Where all connections of some neurons stand."""
        begin, end = self.first[neurons], self.first[neurons + 1]
        counts = end - begin
        shift = np.repeat(begin - (np.cumsum(counts) - counts), counts)
        return shift + np.arange(len(shift))


@dataclass(frozen=True)
class PoissonBackground:
    """Independent Poisson spikes at all synapses: iterate for the events of ms after ms, for ever.

    Each iteration begins anew: `iter(...)` of it, given to run after run, goes on.

    Attributes:
        neurons, synapses: how many, and of each.
        excitatory_hz, inhibitory_hz: of one synapse, those of the first half and of the second.
        seed: the same one gives the same spikes.
    """

    neurons: int
    synapses: int
    excitatory_hz: float
    inhibitory_hz: float
    seed: int = 0

    def __iter__(self) -> Iterator[Events]:
        rng, half = np.random.default_rng(self.seed), self.synapses // 2
        rates = np.array([self.excitatory_hz, self.inhibitory_hz]) * half / 1e3
        total = rates.sum()
        while True:
            counts = rng.poisson(total, (CHUNK_MS, self.neurons))
            ends = np.cumsum(counts.sum(1))
            # Below the share of excitation an excitatory synapse, each with the same chance.
            place = rng.random(ends[-1], dtype=np.float32) * np.float32(total)
            synapse = np.where(
                place < rates[0],
                place * np.float32(half / max(rates[0], 1e-30)),
                half + (place - rates[0]) * np.float32(half / max(rates[1], 1e-30)),
            ).astype(np.int32)
            np.minimum(synapse, self.synapses - 1, out=synapse)
            for count_n, end in zip(counts, ends, strict=True):
                row = np.repeat(np.arange(self.neurons, dtype=np.int32), count_n)
                yield row, synapse[end - len(row) : end]


def trial_events(trials: Sequence[InputEvents]) -> Iterator[Events]:
    """The inputs of trials as a background, one trial a neuron: ms after ms until they end.

    Raises:
        NeuronIOError: the trials are of different lengths.
    """
    lengths = {inputs.duration_ms for inputs in trials}
    if len(lengths) != 1:
        raise NeuronIOError(
            f"the trials of a background last {sorted(lengths)} ms; give trials of one length"
        )
    for ms in range(lengths.pop()):
        synapses = [t.synapse[t.offset[ms] : t.offset[ms + 1]] for t in trials]
        row = np.repeat(np.arange(len(trials)), [len(part) for part in synapses])
        yield row, np.concatenate(synapses).astype(np.int64)


@dataclass(frozen=True)
class Firing:
    """When a neuron spikes.

    Attributes:
        threshold_logit: it does in a ms of which the logit is above; None: with the probability
            that the model predicts, which gives the rate it was fitted to. The threshold that a fit
            chose is for peaks, which no neuron can know before they are over: taken here it gives
            several times as many spikes.
        refractory_ms: after a spike, for so many ms, it does not.
    """

    threshold_logit: float | None = None
    refractory_ms: int = 2


@dataclass(frozen=True)
class Raster:
    """The spikes of a network: (spikes,) arrays, in order of time.

    Attributes:
        neurons, duration_ms: of the run.
    """

    ms: np.ndarray
    neuron: np.ndarray
    neurons: int
    duration_ms: int

    @property
    def rate_hz(self) -> float:
        """Mean rate of a neuron."""
        return 1e3 * len(self.ms) / (self.neurons * self.duration_ms)


def _check_alike(**given: np.ndarray) -> None:
    if len({len(array) for array in given.values()}) > 1:
        lengths = ", ".join(f"{len(array)} {name}" for name, array in given.items())
        raise NeuronIOError(f"each connection needs one of each, but there are {lengths}")


def _check_exist(what: str, index: np.ndarray, count: int) -> None:
    wrong = index[(index < 0) | (index >= count)]
    if len(wrong):
        raise NeuronIOError(
            f"a connection {what} {wrong[0]}, but there are {count}; count them from 0"
        )


class Network:
    """Neurons of one model that send each other spikes.

    A spike of ms t arrives at t + delay; what arrives in a ms counts in that ms, as in training.

    Args:
        neurons: what steps them, such as `model.stream(1000)` or `fast_stepper(model, 1000)`.
        connections: between them.
        firing: when a neuron spikes.
        seed: of the spikes, where they are drawn.

    Raises:
        NeuronIOError: the connections are for another number of neurons or synapses.
    """

    def __init__(
        self, neurons: Rows, connections: Connections, firing: Firing, seed: int = 0
    ) -> None:
        if connections.neurons != neurons.rows:
            raise NeuronIOError(
                f"the connections are between {connections.neurons} neurons, but there are "
                f"{neurons.rows}"
            )
        _check_exist("goes to synapse", connections.synapse, neurons.synapses)
        self.neurons, self.connections, self.firing = neurons, connections, firing
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Go back to before the first ms."""
        self.neurons.reset()
        self._rng = np.random.default_rng(self._seed)
        longest = int(self.connections.delay_ms.max(initial=1))
        self._arriving: list[list[Events]] = [[] for _ in range(longest + 1)]
        self._ready_ms = np.zeros(self.neurons.rows, dtype=np.int64)
        self.now_ms = 0

    def step(self, row: np.ndarray, synapse: np.ndarray) -> np.ndarray:
        """One ms with some spikes from elsewhere; returns the neurons that spike in it."""
        slot = self.now_ms % len(self._arriving)
        events = [(row, synapse), *self._arriving[slot]]
        self._arriving[slot] = []
        rows, synapses = (np.concatenate(part) for part in zip(*events, strict=True))
        spiking = self._spiking(self.neurons.step(rows, synapses).spike_logit.cpu().numpy())
        self._ready_ms[spiking] = self.now_ms + 1 + self.firing.refractory_ms
        self._send(spiking)
        self.now_ms += 1
        return spiking

    def run(self, background: Iterable[Events], duration_ms: int) -> Raster:
        """So many ms with the background's events.

        Raises:
            NeuronIOError: the background ends before, or there is no ms to run.
        """
        if duration_ms < 1:
            raise NeuronIOError(f"duration_ms is {duration_ms}, but must be at least 1")
        begin, found = self.now_ms, []
        for _, (row, synapse) in zip(range(duration_ms), background, strict=False):
            found.append(self.step(row, synapse))
        if len(found) < duration_ms:
            raise NeuronIOError(f"the background ends after {len(found)} of {duration_ms} ms")
        ms = np.repeat(np.arange(begin, self.now_ms), [len(spiking) for spiking in found])
        return Raster(ms, np.concatenate(found), self.neurons.rows, duration_ms)

    def _spiking(self, logit_n: np.ndarray) -> np.ndarray:
        ready_n = self._ready_ms <= self.now_ms
        if self.firing.threshold_logit is not None:
            return np.flatnonzero(ready_n & (logit_n > self.firing.threshold_logit))
        # u < 1 / (1 + exp(-logit)), without the exponential function's overflow.
        u = self._rng.random(len(logit_n))
        return np.flatnonzero(ready_n & (np.log(u) - np.log1p(-u) < logit_n))

    def _send(self, spiking: np.ndarray) -> None:
        which, c = self.connections.of_neurons(spiking), self.connections
        if not len(which):
            return
        which = which[np.argsort(c.delay_ms[which], kind="stable")]
        delay, starts = np.unique(c.delay_ms[which], return_index=True)
        for delay_ms, part in zip(delay, np.split(which, starts[1:]), strict=True):
            slot = (self.now_ms + int(delay_ms)) % len(self._arriving)
            self._arriving[slot].append((c.target[part], c.synapse[part]))
