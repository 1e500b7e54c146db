"""A model ms by ms: equal to the whole trace, for every family; its state kept, copied, joined."""

import numpy as np
import pytest
import torch
from small_models import MODELS, SYNAPSES, one_thread, random_batch, small_model  # noqa: F401

from neuronio.errors import NeuronIOError
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.streaming import Stepper

DURATION_MS, ROWS = 320, 3


@pytest.fixture
def batch():
    return random_batch(ROWS, DURATION_MS)


def events_of(batch, ms):
    """Rows and synapses of the spikes of one ms, in no order."""
    row, synapse = np.nonzero(batch.dense()[:, :, ms].numpy())
    order = np.random.default_rng(ms).permutation(len(row))
    return row[order], synapse[order]


def run(stepper, batch, first, last):
    """Outputs of some ms, (B, ms, outputs)."""
    out = [stepper.step(*events_of(batch, ms)).outputs for ms in range(first, last)]
    return torch.stack(out, dim=1)


@pytest.mark.parametrize("name", MODELS)
def test_events_one_ms_at_a_time_give_the_whole_trace(name, batch):
    model = small_model(name)
    with torch.no_grad():
        whole_bto = model(batch)
    stepper = model.stream(ROWS)
    for ms in range(DURATION_MS):
        found = stepper.step(*events_of(batch, ms))
        torch.testing.assert_close(found.spike_logit, whole_bto[:, ms, 0], rtol=1e-5, atol=1e-5)
        soma_mV = SomaScale().to_mV(whole_bto[:, ms, 1])
        torch.testing.assert_close(found.soma_mV, soma_mV, rtol=1e-5, atol=1e-4)
    assert not found.outputs.requires_grad


@pytest.mark.parametrize("name", MODELS)
def test_dense_spikes_give_what_events_give(name, batch):
    model = small_model(name)
    by_events, by_spikes = model.stream(ROWS), model.stream(ROWS)
    for ms in range(40):
        wanted = by_events.step(*events_of(batch, ms)).outputs
        dense_bn = batch.dense()[:, :, ms]
        found = by_spikes.step_dense(dense_bn if ms % 2 else dense_bn.numpy() > 0).outputs
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_state_is_saved_cloned_split_and_joined(name, batch, tmp_path):
    model = small_model(name)
    stepper = model.stream(ROWS)
    run(stepper, batch, 0, 30)
    stepper.save(tmp_path / "state.pt")
    first, last = stepper.split([1, ROWS - 1])
    assert (first.rows, last.rows) == (1, ROWS - 1)
    joined = Stepper.join([first, last])
    wanted = run(stepper, batch, 30, 45)
    later = small_model(name).stream()
    later.load(tmp_path / "state.pt")
    torch.testing.assert_close(run(later, batch, 30, 45), wanted, rtol=0, atol=0)
    torch.testing.assert_close(run(joined, batch, 30, 45), wanted, rtol=0, atol=0)


def test_reset_and_clone_do_not_touch_each_other(batch):
    stepper = small_model("branch_elm").stream(ROWS)
    begin = run(stepper, batch, 0, 5)
    copy = stepper.clone()
    stepper.reset()
    torch.testing.assert_close(run(stepper, batch, 0, 5), begin, rtol=0, atol=0)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(run(copy, batch, 0, 5), begin)


def test_two_spikes_of_a_synapse_in_one_ms_count_twice():
    twice, dense = small_model("branch_elm").stream(), torch.zeros(1, SYNAPSES)
    found = twice.step([0, 0, 0], [7, 2, 7]).outputs
    dense[0, 7], dense[0, 2] = 2, 1
    wanted = small_model("branch_elm").stream().step_dense(dense).outputs
    torch.testing.assert_close(found, wanted)


def test_a_state_of_another_model_is_refused(tmp_path):
    model = small_model("branch_elm")
    model.stream().save(tmp_path / "state.pt")
    with torch.no_grad():
        model.readout.bias += 1
    with pytest.raises(NeuronIOError, match="other weights or options"):
        model.stream().load(tmp_path / "state.pt")
    torch.save({"weights": 1}, tmp_path / "other.pt")
    with pytest.raises(NeuronIOError, match="not a state that a stepper saved"):
        model.stream().load(tmp_path / "other.pt")


@pytest.mark.parametrize(
    ("row", "synapse", "said"),
    [
        ([2], [0], "names row 2"),
        ([-1], [0], "names row -1"),
        ([0], [SYNAPSES], f"synapse {SYNAPSES}"),
        ([0, 1], [0], "both must be"),
        ([0], [1.5], "synapse is of type float64"),
    ],
)
def test_wrong_events_are_one_sentence(row, synapse, said):
    with pytest.raises(NeuronIOError, match=said):
        small_model("linear").stream(2).step(row, synapse)


def test_wrong_use_is_one_sentence():
    model = small_model("linear")
    with pytest.raises(NeuronIOError, match=r"must be \(rows, synapses\), \(2, 60\)"):
        model.stream(2).step_dense(torch.zeros(1, SYNAPSES))
    with pytest.raises(NeuronIOError, match="one and the same model"):
        Stepper.join([model.stream(), small_model("linear").stream()])
    with pytest.raises(NeuronIOError, match="do not split 2 rows"):
        model.stream(2).split([1, 2])
    with pytest.raises(NeuronIOError, match="at least 1"):
        model.stream(0)
    with pytest.raises(NeuronIOError, match=r"model.eval\(\)"):
        model.train().stream()
