"""What sequences of any kind ask of the models: step width, values, lengths, the last step."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from small_classifiers import CHANNELS, CLASSES, MODELS, batch_of, classifier

from neuronio.errors import NeuronIOError
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import FAMILIES, parse_options
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.recurrence import compiled, reference

TIMED = ["elm", "branch_elm_v2", "elm_embedded", "linear", "lif", "lif2", "lif_network", "ssm"]


@pytest.mark.parametrize("implementation", [compiled, reference])
@pytest.mark.parametrize("valued", [True, False])
@pytest.mark.parametrize("taps", [1, 4, 70])
def test_events_of_some_value_add_so_much_of_the_kernel(implementation, valued, taps):
    events = batch_of(30, 50, 1, valued=valued)
    assert (events.value is not None) == valued
    kernel = torch.randn(CHANNELS, taps, 5, dtype=torch.float64).requires_grad_()
    dense, wanted = events.dense().double(), torch.zeros(3, 50, 5, dtype=torch.float64)
    for tap in range(min(taps, 50)):
        shifted = dense[:, :, : 50 - tap]
        wanted = wanted + torch.nn.functional.pad(
            torch.einsum("bnt,nc->btc", shifted, kernel[:, tap]), (0, 0, tap, 0)
        )
    found = implementation.event_convolution(events, kernel)
    tolerance = {"rtol": 1e-6, "atol": 1e-6}  # dense() is of float32
    torch.testing.assert_close(found, wanted, **tolerance)
    weights = torch.randn_like(found)
    gradients = [torch.autograd.grad((out * weights).sum(), kernel)[0] for out in (found, wanted)]
    torch.testing.assert_close(*gradients, **tolerance)


def test_events_of_value_one_need_no_values_and_a_band_takes_values():
    events, band = batch_of(20, 30), torch.zeros(CHANNELS, dtype=torch.int32)
    kernel = torch.randn(CHANNELS, 1, 6, dtype=torch.float64)
    kernel[:, :, 4:] = 0.0
    kernel.requires_grad_()
    outs = [compiled.event_convolution(events, kernel, given) for given in (None, band)]
    torch.testing.assert_close(*outs)
    weights = torch.randn_like(outs[0])
    first, second = (torch.autograd.grad((out * weights).sum(), kernel)[0] for out in outs)
    torch.testing.assert_close(first[:, :, :4], second[:, :, :4])


@pytest.mark.parametrize("name", MODELS)
def test_the_last_step_of_each_row_is_its_own(name):
    """Rows of unequal length give at their end what each gives alone."""
    model, lengths = classifier(name).eval(), (40, 17, 1, 33)
    together = batch_of(*lengths)
    with torch.no_grad():
        found = model.at_last(together)
        over_time = model(together)
    assert found.shape == (4, CLASSES)
    wanted = torch.stack([over_time[i, n - 1] for i, n in enumerate(lengths)])
    torch.testing.assert_close(found, wanted)
    edges = together.offset[:: together.steps].tolist()
    for i, (n, first, last) in enumerate(zip(lengths, edges, edges[1:], strict=False)):
        value = together.value[first:last].numpy()
        step = np.repeat(np.arange(n), 2)
        alone = EventBatch.from_rows(
            CHANNELS,
            np.array([n]),
            np.zeros(2 * n, int),
            step,
            together.synapse[first:last].numpy(),
            value,
        )
        with torch.no_grad():
            torch.testing.assert_close(model.at_last(alone)[0], found[i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_of_the_last_step_equals_that_through_all_steps(name):
    model, batch = classifier(name).double(), batch_of(25, 40)
    if hasattr(model, "current_bias"):
        model.current_bias.data.fill_(0.6)
    losses = model.at_last(batch), batch.last(model(batch))
    model.eval()
    parameters = list(model.parameters())
    missing = {"materialize_grads": True, "allow_unused": True}
    ours, theirs = (
        torch.autograd.grad(out.square().sum(), parameters, **missing) for out in losses
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", TIMED)
def test_wider_steps_and_longer_time_constants_are_the_same_model(name):
    """Only the ratio of step and time constants counts."""
    fields = [f for f in FAMILIES[name].options.model_fields if f.startswith("tau_")]
    plain = classifier(name)
    scaled = {field: 8.0 * getattr(plain.options, field) for field in fields}
    wide = classifier(name, step_ms=8.0, **scaled)
    same_time_constants = classifier(name, step_ms=8.0)
    logs = {"log_tau": np.log(8.0), "log_rate": -np.log(8.0)}
    for parameter, value in plain.named_parameters():
        moved = logs.get(parameter.rpartition(".")[2], 0.0)
        learned = wide.get_parameter(parameter).data
        if parameter != "tau_logit":
            learned.copy_(value.data + moved)
        same_time_constants.get_parameter(parameter).data.copy_(value.data)
    batch = batch_of(60, 30, per_step=6)
    with torch.no_grad():
        torch.testing.assert_close(wide(batch), plain(batch), rtol=1e-3, atol=1e-4)
        assert not torch.allclose(same_time_constants(batch), plain(batch), rtol=1e-2, atol=1e-3)


def test_channels_without_a_sign_excite_and_may_be_odd_in_number():
    model = classifier("elm")
    assert model.options.inputs % 2
    assert (model.strength() > 0).all()
    branched = classifier("branch_elm")
    assert (branched.input_kernel() >= 0).all()
    assert branched.synapse_source.tolist() == list(range(CHANNELS))  # in order, not interlaced
    with pytest.raises(NeuronIOError, match="inputs is 15 but must be a multiple of 2"):
        parse_options("elm", {"inputs": 15})
    with pytest.raises(NeuronIOError, match="excitation and inhibition apart"):
        parse_options("pooled_elm", {"signed": False})


def test_chrono_gates_begin_open_for_as_long_as_asked():
    options = {"inputs": CHANNELS, "signed": False, "hidden": 400}
    model, plain = (
        build_model(name, parse_options(name, options)) for name in ("chrono_lstm", "lstm")
    )
    bias = (model.layers.bias_ih_l0 + model.layers.bias_hh_l0).detach().view(4, 400)
    horizon = bias[1].exp()
    assert horizon.min() >= 1.0
    assert 900 < horizon.max() <= 999.0
    assert 400 < horizon.mean() < 600  # U(1, 999)
    torch.testing.assert_close(bias[0], -bias[1])
    assert torch.equal(model.layers.weight_hh_l0, plain.layers.weight_hh_l0)
    assert torch.equal(model.layers.bias_ih_l0[800:], plain.layers.bias_ih_l0[800:])


@pytest.mark.parametrize("name", MODELS)
def test_a_model_may_be_asked_to_reach_over_a_whole_sequence(name):
    wanted = FAMILIES[name].options.reaching(2000, 0.5)
    options = classifier(name, step_ms=0.5, **wanted).options
    assert {key: getattr(options, key) for key in wanted} == wanted
    if name.endswith(("elm", "elm_v2", "elm_embedded")):
        assert wanted == {"tau_min_ms": 0.5, "tau_max_ms": 1000.0}
        tau = classifier(name, step_ms=0.5, **wanted).tau_ms()
        torch.testing.assert_close(tau[[0, -1]], torch.tensor([0.5, 1000.0]))


LONG = """
import resource
import numpy as np, torch
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.models.building import build_model
steps, rows = 16_384, 16
options = {"inputs": 1, "outputs": 2, "signed": False, "recompute": True, "tau_max_ms": 16384.0}
model = build_model("elm", sized_options("elm", 100, options))
row, step = np.divmod(np.arange(rows * steps), steps)
value = 0.1 + 0.8 * (step % 3 > 0)
batch = EventBatch.from_rows(1, np.full(rows, steps), row, step, 0 * row, value)
model.at_last(batch).square().sum().backward()
assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.mark.slow
def test_a_training_step_over_16384_steps_fits_into_4_gib():
    run = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 4.0
