"""The compiled kernels against the plain reference, in value and in every gradient."""

import threading

import numpy as np
import pytest
import torch

from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.surrogate import recurrence
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.recurrence import compiled, reference

ACTIVATIONS = ("relu", "silu")


def recursion_arguments(rows, duration, units, hidden, dtype, inputs=0, seed=0):
    """With `inputs` the input has a weight, without it is added as it is."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape, scale=1.0):
        return torch.randn(*shape, dtype=dtype, generator=generator) * scale

    tensors = [
        normal(rows, duration, inputs or hidden),
        normal(hidden, units, scale=0.5 * units**-0.5),
        normal(hidden, inputs, scale=inputs**-0.5) if inputs else None,
        normal(hidden),
        normal(units, hidden, scale=0.5 * hidden**-0.5),
        normal(units),
        torch.rand(units, dtype=dtype, generator=generator),
        torch.rand(units, dtype=dtype, generator=generator),
    ]
    return [None if tensor is None else tensor.requires_grad_() for tensor in tensors]


def plain(inputs, *weights_and_activation):
    *first, weight, bias, decay, gain, activation = weights_and_activation
    layers = [(weight, bias)]
    return reference.memory_recursion(inputs, *first, layers, decay, gain, activation)


def value_and_gradients(function, arguments):
    value = function(*arguments)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(value.shape, generator=generator).to(value.dtype)
    learned = [x for x in arguments if x is not None]
    return value.detach(), torch.autograd.grad((value * weights).sum(), learned)


FORMS = {
    "compiled": lambda *x: compiled.memory_recursion(*x, False),
    "recomputed": lambda *x: compiled.memory_recursion(*x, True),
    "plain": plain,
}


def as_double(arguments):
    return [None if x is None else x.detach().double().requires_grad_() for x in arguments]


def truth(arguments, activation):
    """Value and gradients of the plain reference in float64, of the very same numbers."""
    exact = as_double(arguments)
    return value_and_gradients(lambda *x: plain(*x, activation), exact)


def random_events(rows, duration_ms, n_segments, rate=0.05, seed=0):
    rng = np.random.default_rng(seed)
    inputs = [
        InputEvents.from_dense(*(rng.random((2, n_segments, duration_ms)) < rate))
        for _ in range(rows)
    ]
    return EventBatch.from_inputs(inputs)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("inputs", [0, 4])
def test_memory_gradients_equal_finite_differences(activation, recompute, inputs):
    arguments = recursion_arguments(3, 6, 5, 7, torch.float64, inputs)
    assert torch.autograd.gradcheck(
        lambda *x: compiled.memory_recursion(*x, activation, recompute), arguments
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("rows", "duration", "units", "hidden", "inputs"),
    [
        (1, 1, 1, 1, 0),
        (1, 40, 1, 2, 1),
        (8, 120, 20, 40, 45),
        (13, 60, 33, 66, 0),
        (70, 5, 7, 14, 9),
        (2, 30, 100, 200, 45),
    ],
)
@pytest.mark.parametrize(
    ("form", "dtype", "tolerance"),
    [
        ("compiled", torch.float64, 1e-12),
        ("recomputed", torch.float64, 1e-12),
        ("compiled", torch.float32, 1e-5),
        ("recomputed", torch.float32, 1e-5),
        ("plain", torch.float32, 1e-5),
    ],
)
def test_every_form_equals_the_float64_reference(
    activation, rows, duration, units, hidden, inputs, form, dtype, tolerance
):
    """In float32 no form is the truth of another: each is held against float64 alone."""
    arguments = recursion_arguments(rows, duration, units, hidden, dtype, inputs)
    value, gradients = value_and_gradients(lambda *x: FORMS[form](*x, activation), arguments)
    wanted, wanted_gradients = truth(arguments, activation)
    torch.testing.assert_close(value.double(), wanted, atol=tolerance, rtol=tolerance)
    for gradient, other in zip(gradients, wanted_gradients, strict=True):
        assert (gradient - other).norm() <= tolerance * other.norm()


def test_long_sums_in_float32_are_harmless():
    """A 6 s trial: float32 gradients stay within 1e-5 of the same sums in float64."""
    single = recursion_arguments(2, 6000, 4, 8, torch.float32, inputs=6)
    double = as_double(single)

    def run(*x):
        return compiled.memory_recursion(*x, "silu", False)

    value, gradients = value_and_gradients(run, single)
    wanted, wanted_gradients = value_and_gradients(run, double)
    assert (value - wanted).abs().max() < 1e-5
    for gradient, other in zip(gradients, wanted_gradients, strict=True):
        assert (gradient - other).norm() < 1e-5 * other.norm()


def test_only_the_requested_gradients_and_no_grad():
    arguments = recursion_arguments(2, 20, 3, 6, torch.float64, inputs=4)
    with torch.no_grad():
        quiet = compiled.memory_recursion(*arguments, "relu", False)
    assert not quiet.requires_grad
    constant = [x.detach() for x in arguments]
    constant[1].requires_grad_()
    value = compiled.memory_recursion(*constant, "relu", False)
    assert torch.equal(value, quiet)
    value.sum().backward()
    assert constant[1].grad.abs().sum() > 0


def test_arguments_need_not_be_contiguous():
    drive, *rest = recursion_arguments(4, 10, 3, 6, torch.float64, inputs=4)
    strided = drive.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    wide = torch.cat([torch.ones_like(rest[0]), rest[0]], dim=1).detach()
    value = compiled.memory_recursion(strided, wide[:, 3:], *rest[1:], "relu", False)
    assert torch.equal(value, compiled.memory_recursion(drive, *rest, "relu", False))


def test_several_threads_at_once():
    arguments = [x.detach() for x in recursion_arguments(4, 200, 10, 20, torch.float32, inputs=6)]
    alone = compiled.memory_recursion(*arguments, "silu", False)
    results = [None] * 6

    def work(i):
        results[i] = compiled.memory_recursion(*arguments, "silu", False)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(result, alone) for result in results)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("inputs", [0, 6])
def test_same_bits_for_any_number_of_threads(activation, dtype, inputs):
    """What there is for each row; weight gradients are summed over the rows of a thread first."""
    arguments = recursion_arguments(7, 50, 10, 20, dtype, inputs)
    events = random_events(7, 60, 20)
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(40, 3, 4, dtype=dtype, generator=generator).requires_grad_()
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 7, 2):
            torch.set_num_threads(threads)
            memory = compiled.memory_recursion(*arguments, activation, False)
            (drive_grad,) = torch.autograd.grad(memory.sum(), arguments[:1])
            out = compiled.event_convolution(events, kernel)
            (kernel_grad,) = torch.autograd.grad(out.square().sum(), kernel)
            results.append((memory.detach(), drive_grad, out.detach(), kernel_grad))
    finally:
        torch.set_num_threads(before)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_extreme_drive_stays_finite_and_equals_the_float64_reference(dtype, activation):
    drive, *rest = recursion_arguments(2, 12, 4, 8, dtype)
    drive = torch.zeros_like(drive.detach())
    drive[0, ::3], drive[1, ::3] = 1e30, -1e30
    drive[0, 1::3], drive[1, 1::3] = 90.0, -90.0
    drive[0, 2::3], drive[1, 2::3] = 1e-42, -750.0
    arguments = [drive.requires_grad_(), *rest]
    value, gradients = value_and_gradients(lambda *x: FORMS["compiled"](*x, activation), arguments)
    wanted, _ = truth(arguments, activation)
    assert all(torch.isfinite(x).all() for x in (value, *gradients))
    torch.testing.assert_close(value.double(), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_spreads_forward_in_its_row_only(activation):
    drive, *rest = recursion_arguments(3, 10, 4, 8, torch.float32, inputs=5)
    drive = drive.detach()
    drive[1, 5] = float("nan")
    value = compiled.memory_recursion(drive, *rest, activation, False).detach()
    assert torch.isnan(value[1, 5:]).all()
    assert torch.isfinite(value[1, :5]).all()
    assert torch.isfinite(value[[0, 2]]).all()


@pytest.mark.parametrize("implementation", [compiled, reference])
@pytest.mark.parametrize("taps", [1, 4, 70])
def test_event_convolution_is_the_defining_sum(implementation, taps):
    events = random_events(3, 50, 6)
    generator = torch.Generator().manual_seed(1)
    kernel = torch.randn(12, taps, 5, dtype=torch.float64, generator=generator)
    dense, out = events.dense().double(), torch.zeros(3, 50, 5, dtype=torch.float64)
    for tap in range(min(taps, 50)):
        shifted = dense[:, :, : 50 - tap]
        out[:, tap:] += torch.einsum("bnt,nc->btc", shifted, kernel[:, tap])
    torch.testing.assert_close(implementation.event_convolution(events, kernel), out)


@pytest.mark.parametrize("taps", [1, 4])
def test_event_convolution_gradients(taps):
    events = random_events(2, 20, 4)
    kernel = torch.randn(8, taps, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda k: compiled.event_convolution(events, k), kernel)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [recurrence.BAND, 11])
def test_a_band_changes_nothing_but_speed(dtype, channels):
    events = random_events(5, 30, 9, rate=0.3)
    generator = torch.Generator().manual_seed(1)
    band = torch.randint(channels - recurrence.BAND + 1, (18,), generator=generator).int()
    channel = torch.arange(channels)
    inside = (channel >= band[:, None]) & (channel < band[:, None] + recurrence.BAND)
    kernel = torch.randn(18, 1, channels, dtype=dtype, generator=generator)
    kernel = (kernel * inside[:, None]).requires_grad_()
    weights = torch.randn(5, 30, channels, dtype=dtype, generator=generator)
    before, results = torch.get_num_threads(), []
    try:
        for threads, given in ((1, None), (1, band), (3, band)):
            torch.set_num_threads(threads)
            out = compiled.event_convolution(events, kernel, given)
            (grad,) = torch.autograd.grad((out * weights).sum(), kernel)
            results.append((out.detach(), grad.squeeze(1)[inside]))
    finally:
        torch.set_num_threads(before)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_events_of_another_cell_are_refused_before_anything_is_read():
    kernel = torch.zeros(12, 1, 4)
    with pytest.raises(NeuronIOError, match="come from 40 synapses, but the model takes 12"):
        recurrence.event_convolution(random_events(2, 5, 20), kernel)


def test_windows_without_events():
    events = random_events(2, 20, 4, rate=0.0)
    kernel = torch.randn(8, 2, 3).requires_grad_()
    out = compiled.event_convolution(events, kernel)
    out.sum().backward()
    assert not out.any()
    assert not kernel.grad.any()


@pytest.mark.parametrize("duration", [1, 2, 7, 300])
@pytest.mark.parametrize("decay", [0.0, 0.8, 1.0])
def test_exponential_filter_is_its_recursion(duration, decay):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, duration, 3, dtype=torch.float64, generator=generator)
    state, out = torch.zeros(2, 3, dtype=torch.float64), []
    for now in x.unbind(1):
        state = decay * state + now
        out.append(state)
    for implementation in (compiled, reference):
        torch.testing.assert_close(
            implementation.exponential_filter(x, decay), torch.stack(out, dim=1)
        )


def test_exponential_filter_gradients():
    x = torch.randn(2, 9, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: compiled.exponential_filter(y, 0.7), x)


def test_more_layers_run_in_the_reference_with_a_notice():
    arguments = recursion_arguments(2, 5, 3, 6, torch.float64)
    *first, weight, bias, decay, gain = arguments
    middle = torch.eye(6, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    layers = [middle, (weight, bias)]
    recurrence._notice.cache_clear()
    with pytest.warns(UserWarning, match="only one hidden layer is compiled"):
        deep = recurrence.memory_recursion(*first, layers, decay, gain, "relu")
    shallow = recurrence.memory_recursion(*first, layers[1:], decay, gain, "relu")
    torch.testing.assert_close(deep, shallow)  # a ReLU on a ReLU changes nothing


def test_without_a_compiler_the_reference_answers_with_a_notice(monkeypatch, tmp_path):
    arguments = recursion_arguments(2, 5, 3, 6, torch.float64)
    *first, weight, bias, decay, gain = arguments
    wanted = compiled.memory_recursion(*arguments, "relu", False)
    monkeypatch.setattr("neuronio.native.compiler", lambda: "/bin/false")
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path))
    for cached in (compiled.library, recurrence._compiles, recurrence._notice):
        cached.cache_clear()
    try:
        with pytest.warns(UserWarning, match="plain PyTorch"):
            value = recurrence.memory_recursion(*first, [(weight, bias)], decay, gain, "relu")
    finally:
        for cached in (compiled.library, recurrence._compiles, recurrence._notice):
            cached.cache_clear()
    torch.testing.assert_close(value, wanted)


@pytest.mark.slow
def test_a_compiler_without_openmp_gives_the_same_values_in_one_thread(monkeypatch):
    """As Apple's, which does not know the flag: the pragmas are all that threads hang on."""
    arguments = recursion_arguments(7, 50, 10, 20, torch.float64, 6)

    def run(*x):
        return compiled.memory_recursion(*x, "silu", False)

    wanted = value_and_gradients(run, arguments)
    monkeypatch.setattr(compiled, "FLAGS", tuple(f for f in compiled.FLAGS if f != "-fopenmp"))
    compiled.library.cache_clear()
    try:
        found = value_and_gradients(run, arguments)
    finally:
        compiled.library.cache_clear()
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
