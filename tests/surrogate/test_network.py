"""Networks of fitted neurons: what is sent arrives, on time; the compiled step is the model's."""

import itertools

import numpy as np
import pytest
import torch
from small_models import ELMS, SYNAPSES, one_thread, small_model  # noqa: F401

from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.surrogate.compiled_step import CompiledElm, fast_stepper
from neuronio.surrogate.network import (
    Connections,
    Firing,
    Network,
    PoissonBackground,
    trial_events,
)
from neuronio.surrogate.streaming import Moment, Stepper

NONE = np.zeros(0, np.int64)


class Relay:
    """Neurons that spike in the ms in which a spike arrives, and remember what arrived."""

    def __init__(self, rows, synapses=8):
        self.rows, self.synapses, self.arrived = rows, synapses, []

    def reset(self):
        self.arrived = []

    def step(self, row, synapse):
        self.arrived.append(sorted(zip(row.tolist(), synapse.tolist(), strict=True)))
        logit = torch.full((self.rows,), -9.0)
        logit[row] = 9.0
        return Moment(logit, logit, logit)


def silence():
    return itertools.repeat((NONE, NONE))


def test_spikes_arrive_after_their_delays_and_at_their_synapses():
    # 0 -> 1 after 2 ms and -> 2 after 5 ms; 1 -> 0 after 1 ms at two synapses.
    source, target = np.array([1, 0, 0, 1]), np.array([0, 2, 1, 0])
    synapse, delay_ms = np.array([3, 4, 5, 6]), np.array([1, 5, 2, 1])
    connections = Connections.of(3, source, target, synapse, delay_ms)
    neurons = Relay(3)
    network = Network(neurons, connections, Firing(0.0, refractory_ms=4))
    assert network.step(np.array([0]), np.array([7])).tolist() == [0]
    raster = network.run(silence(), 7)
    assert neurons.arrived == [[(0, 7)], [], [(1, 5)], [(0, 3), (0, 6)], [], [(2, 4)], [], []]
    # The spikes that come back at 3 ms find neuron 0 refractory.
    assert list(zip(raster.ms, raster.neuron, strict=True)) == [(2, 1), (5, 2)]
    assert raster.rate_hz == pytest.approx(2 / 3 / 7e-3)


def test_drawn_spikes_have_the_predicted_probability():
    class Constant(Relay):
        def step(self, row, synapse):
            logit = torch.full((self.rows,), -2.0)
            return Moment(logit, logit, logit)

    connections = Connections.of(400, *[NONE] * 4)

    def raster(seed):
        firing = Firing(refractory_ms=0)
        return Network(Constant(400), connections, firing, seed).run(silence(), 100)

    wanted_hz = 1e3 / (1 + np.exp(2))
    assert raster(0).rate_hz == pytest.approx(wanted_hz, rel=0.05)
    assert np.array_equal(raster(0).neuron, raster(0).neuron)
    assert not np.array_equal(raster(0).neuron, raster(1).neuron)


def test_random_connections_are_what_is_asked_for():
    found = Connections.random(
        50, 20, SYNAPSES, np.random.default_rng(0), inhibitory=0.2, delay_ms=(2, 4)
    )
    source = np.repeat(np.arange(50), np.diff(found.first))
    assert (np.bincount(source) == 20).all()
    assert (found.target != source).all()
    assert set(found.delay_ms) == {2, 3, 4}
    assert ((found.synapse < SYNAPSES // 2) == (source < 40)).all()
    assert found.synapse.max() < SYNAPSES
    assert len(set(found.target)) == 50


def test_the_background_has_its_rates():
    background = PoissonBackground(20, SYNAPSES, excitatory_hz=12.0, inhibitory_hz=30.0, seed=3)
    rows, synapses = zip(*itertools.islice(background, 2000), strict=True)
    assert all((np.diff(row) >= 0).all() for row in rows)
    rate_hz = np.bincount(np.concatenate(synapses), minlength=SYNAPSES) / (20 * 2.0)
    assert rate_hz[: SYNAPSES // 2] == pytest.approx(12.0, rel=0.2)
    assert rate_hz[SYNAPSES // 2 :] == pytest.approx(30.0, rel=0.15)
    run_after_run = iter(background)
    next(run_after_run)
    assert np.array_equal(next(run_after_run)[1], synapses[1])
    again = next(iter(background))
    assert np.array_equal(again[0], rows[0])
    assert np.array_equal(again[1], synapses[0])
    only = PoissonBackground(20, SYNAPSES, excitatory_hz=12.0, inhibitory_hz=0.0)
    assert max(s.max(initial=0) for _, s in itertools.islice(only, 100)) < SYNAPSES // 2


def test_trials_serve_as_a_background():
    synapse, time_ms = np.array([5, 0, 3]), np.array([1, 1, 3])
    one = InputEvents.from_events(4, 5, synapse, time_ms)
    other = InputEvents.from_events(4, 5, np.array([7]), np.array([1]))
    connections, neurons = Connections.of(3, *[NONE] * 4), Relay(3)
    raster = Network(neurons, connections, Firing(0.0)).run(trial_events([one, other, other]), 5)
    assert neurons.arrived == [[], [(0, 0), (0, 5), (1, 7), (2, 7)], [], [(0, 3)], []]
    assert list(zip(raster.ms, raster.neuron, strict=True)) == [(1, 0), (1, 1), (1, 2)]
    with pytest.raises(NeuronIOError, match=r"last \[3, 5\] ms"):
        next(trial_events([one, other.window(0, 3)]))


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        *((name, 6, {}) for name in ELMS),
        ("branch_elm", 9, {"activation": "silu", "outputs": 3}),
        ("branch_elm_v2", 37, {}),
    ],
)
def test_the_compiled_step_is_that_of_the_model(name, size, options):
    model, rows, rng = small_model(name, size, **options), 70, np.random.default_rng(0)
    plain, fast = model.stream(rows), fast_stepper(model, rows)
    assert isinstance(fast, CompiledElm)
    for ms in range(300):
        torch.set_num_threads(3 if ms < 10 else 1)
        events = rng.integers(0, rows, 300), rng.integers(0, SYNAPSES, 300)
        wanted, found = plain.step(*events), fast.step(*events)
        torch.testing.assert_close(found.outputs, wanted.outputs, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found.soma_mV, wanted.soma_mV, rtol=1e-5, atol=1e-4)
    fast.reset()
    plain.reset()
    torch.testing.assert_close(fast.step(*events)[2], plain.step(*events)[2], rtol=0, atol=1e-5)


def test_other_models_step_in_pytorch():
    assert isinstance(fast_stepper(small_model("gru"), 2), Stepper)
    assert isinstance(fast_stepper(small_model("branch_elm", mlp_layers=2), 2), Stepper)
    with pytest.raises(NeuronIOError, match="at least 1"):
        fast_stepper(small_model("branch_elm"), 0)
    with pytest.raises(NeuronIOError, match=r"model\.eval\(\)"):
        fast_stepper(small_model("branch_elm").train(), 2)
    with pytest.raises(NeuronIOError, match="2 hidden layers"):
        CompiledElm(small_model("branch_elm", mlp_layers=2), 2)


def test_a_network_runs_alike_in_pytorch_and_compiled():
    model = small_model("branch_elm")
    with torch.no_grad():
        model.readout.bias[0] = -3.0
    connections = Connections.random(30, 10, SYNAPSES, np.random.default_rng(0))
    background = PoissonBackground(30, SYNAPSES, 40.0, 40.0)
    rasters = [
        Network(neurons, connections, Firing()).run(background, 200)
        for neurons in (model.stream(30), fast_stepper(model, 30))
    ]
    assert len(rasters[0].ms) > 100
    for name in ("ms", "neuron"):
        assert np.array_equal(*(getattr(raster, name) for raster in rasters))


def test_wrong_networks_are_one_sentence():
    one = np.zeros(1, np.int64)
    with pytest.raises(NeuronIOError, match="at least 1 ms"):
        Connections.of(2, one, one, one, one)
    with pytest.raises(NeuronIOError, match="type float64; give whole ms"):
        Connections.of(2, one, one, one, one + 1.5)
    for wrong in (2, -1):
        with pytest.raises(NeuronIOError, match=f"goes to neuron {wrong}"):
            Connections.of(2, one, one + wrong, one, one + 1)
        with pytest.raises(NeuronIOError, match=f"comes from neuron {wrong}"):
            Connections.of(2, one + wrong, one, one, one + 1)
    for wrong in (8, -1):
        with pytest.raises(NeuronIOError, match=f"goes to synapse {wrong}"):
            Network(Relay(2), Connections.of(2, one, one, one + wrong, one + 1), Firing())
    with pytest.raises(NeuronIOError, match="1 target, 0 synapse, 1 delay_ms"):
        Connections.of(2, one, one, NONE, one + 1)
    with pytest.raises(NeuronIOError, match="2 sources but 1 targets"):
        Connections.of(2, [0, 1], one, one, one + 1)
    for first in ([0, 2, 2], [1, 1, 1], [0, 2, 1]):
        with pytest.raises(NeuronIOError, match="'first' must rise from 0 to 1"):
            Connections(np.array(first), one, one, one + 1)
    with pytest.raises(NeuronIOError, match="take at least 2"):
        Connections.random(1, 1, 8, np.random.default_rng(0))
    with pytest.raises(NeuronIOError, match="between 3 neurons"):
        Network(Relay(2), Connections.of(3, *[NONE] * 4), Firing())
    with pytest.raises(NeuronIOError, match="after 2 of 3 ms"):
        Network(Relay(2), Connections.of(2, *[NONE] * 4), Firing()).run([(NONE, NONE)] * 2, 3)
    with pytest.raises(NeuronIOError, match="duration_ms is 0, but must be at least 1"):
        Network(Relay(2), Connections.of(2, *[NONE] * 4), Firing()).run([], 0)
