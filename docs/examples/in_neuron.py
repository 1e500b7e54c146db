"""Fitted neurons among NEURON's own cells: spikes go both ways, by NetCon.

    python docs/examples/in_neuron.py FIT

runs one fitted neuron that is driven by a NetStim and drives a passive NEURON cell.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

import neuronio
from neuronio.errors import NeuronIOError
from neuronio.surrogate.compiled_step import fast_stepper
from neuronio.surrogate.network import Connections, Firing, Network

from neuron import h  # isort: skip


# NEURON's t is a sum of steps, and may fall short of a whole ms by rounding.
ROUNDING_MS = 1e-6


class FittedCells:
    """Neurons of one fitted model that step every ms of a NEURON simulation.

    A spike that reaches a fitted neuron within ms t counts in its ms t, as in training; its own
    spike of ms t leaves it at t + 1 ms, when that ms is over. Delays towards other fitted neurons
    need not be here: give those as `connections`.

    Args:
        network: the neurons, and the connections between them.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.spike_ms: list[tuple[int, int]] = []
        self._sources: dict[str, Any] = {}
        self._outgoing: dict[int, list[Any]] = defaultdict(list)
        self._waiting: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._handler = h.FInitializeHandler(self._begin)

    def listen(self, netcon: Any, targets: Sequence[tuple[int, int, float]]) -> None:
        """Let the spikes of a NetCon without a target reach neurons.

        Args:
            netcon: NEURON keeps one callback for each source, so give every source once.
            targets: neuron, synapse and delay (ms) of each connection.

        Raises:
            NeuronIOError: the NetCon has a target, or its source was given before.
        """
        if netcon.syn() is not None:
            raise NeuronIOError("the NetCon has a target; make it with None in place of one")
        name = str(netcon.preseg() or netcon.pre())
        if name in self._sources:
            raise NeuronIOError(f"{name} was given before; name all its targets in one call")

        def arrive() -> None:
            for neuron, synapse, delay_ms in targets:
                self._waiting[int(h.t + delay_ms + ROUNDING_MS)].append((neuron, synapse))

        netcon.record(arrive)
        self._sources[name] = netcon

    def connect(self, neuron: int, target: Any, weight: float, delay_ms: float = 0.0) -> Any:
        """A NetCon from a neuron to a point process; NEURON's units."""
        netcon = h.NetCon(None, target)
        netcon.weight[0] = weight
        netcon.delay = delay_ms
        self._outgoing[neuron].append(netcon)
        return netcon

    def _begin(self) -> None:
        self.network.reset()
        self._waiting.clear()
        self.spike_ms.clear()
        h.CVode().event(1.0, self._step)

    def _step(self) -> None:
        """The ms that has just passed."""
        ms = round(h.t) - 1
        events = self._waiting.pop(ms, [])
        row, synapse = np.array(events, dtype=np.int64).reshape(-1, 2).T
        for neuron in self.network.step(row, synapse).tolist():
            self.spike_ms.append((ms, neuron))
            for netcon in self._outgoing[neuron]:
                netcon.event(h.t + netcon.delay)
        h.CVode().event(ms + 2.0, self._step)


def main(folder: str) -> None:
    """One fitted neuron between a NetStim and a passive cell."""
    model = neuronio.load_model(folder)
    alone = Connections.of(1, *(np.empty(0, dtype=np.int64),) * 4)
    cells = FittedCells(Network(fast_stepper(model.module, 1), alone, Firing(model.threshold)))
    stimulus = h.NetStim()
    stimulus.start, stimulus.interval, stimulus.number, stimulus.noise = 5, 1, 1000, 0
    excitatory = range(0, model.module.options.inputs // 2, 8)
    cells.listen(h.NetCon(stimulus, None), [(0, synapse, 0.5) for synapse in excitatory])
    soma = h.Section(name="soma")
    soma.insert("pas")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2.0
    cells.connect(0, synapse, weight=0.05, delay_ms=1.0)
    voltage = h.Vector().record(soma(0.5)._ref_v)
    h.dt = 0.025
    h.finitialize(-70)
    while h.t < 200:
        h.fadvance()
    print(f"{len(cells.spike_ms)} spikes; the passive cell reached {voltage.max():.1f} mV")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("fit", help="the folder of a fit")
    try:
        main(parser.parse_args().fit)
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
