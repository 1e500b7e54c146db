"""A fitted neuron in a NEURON simulation (docs/examples/in_neuron.py)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scripts import load_script

from neuronio.surrogate.network import Connections, Firing, Network
from neuronio.surrogate.streaming import Moment

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "in_neuron.py"
# NetStim's spikes, and NetCon's delay.
TIMES_MS, DELAY_MS = (3.0, 4.5, 20.25, 21.0, 22.0), 1.5


@pytest.fixture(scope="module")
def example():
    return load_script(EXAMPLE)


class Counters:
    """Two neurons whose logit is how many spikes reach them in a ms."""

    rows, synapses = 2, 12

    def reset(self):
        pass

    def step(self, row, synapse):
        counts = torch.bincount(torch.as_tensor(row), minlength=2).float()
        return Moment(counts, counts, counts[:, None])


def network():
    nothing = np.empty(0, dtype=np.int64)
    alone = Connections.of(2, nothing, nothing, nothing, nothing)
    return Network(Counters(), alone, Firing(5.5, refractory_ms=0))


def test_spikes_go_into_and_out_of_a_fitted_neuron(example):
    h = example.h
    cells = example.FittedCells(network())
    stimuli = [h.NetStim() for _ in TIMES_MS]
    for stimulus, start in zip(stimuli, TIMES_MS, strict=True):
        stimulus.start, stimulus.number = start, 1
        targets = [(1, synapse, DELAY_MS) for synapse in range(6)]
        cells.listen(h.NetCon(stimulus, None), targets)
    soma = h.Section(name="soma")
    soma.insert("pas")
    target = h.ExpSyn(soma(0.5))
    cells.connect(1, target, weight=0.05, delay_ms=2.0)
    voltage, time = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(h._ref_t)
    for _ in range(2):  # a second run begins anew
        h.dt = 0.025
        h.finitialize(-70)
        while h.t < 40:
            h.fadvance()
        assert cells.spike_ms == [(int(t + DELAY_MS), 1) for t in TIMES_MS]
    moved = time.as_numpy()[np.flatnonzero(voltage.as_numpy() > -69.9)[0]]
    # The spike of ms 4 leaves when that ms is over, and takes the NetCon's delay.
    assert 0 <= moved - (4 + 1 + 2.0) < 0.2


def test_a_netcon_with_a_target_or_given_before_is_refused(example):
    h = example.h
    soma = h.Section(name="soma")
    target = h.ExpSyn(soma(0.5))
    netcon = h.NetCon(None, target)
    with pytest.raises(example.NeuronIOError, match="has a target"):
        example.FittedCells(network()).listen(netcon, [(0, 0, 1.0)])
    cells, stimulus = example.FittedCells(network()), h.NetStim()
    cells.listen(h.NetCon(stimulus, None), [(0, 0, 1.0)])
    with pytest.raises(example.NeuronIOError, match=r"NetStim\[\d+\] was given before"):
        cells.listen(h.NetCon(stimulus, None), [(0, 1, 1.0)])
