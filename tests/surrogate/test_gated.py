"""LSTM and GRU layers: the compiled kernels against torch's own layers."""

import pytest
import torch
from torch import nn

from neuronio.surrogate.families.recurrent import RecurrentOptions
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.recurrence import compiled, gated, reference

GATES = {"lstm": 4, "gru": 3}
each_kind = pytest.mark.parametrize("kind", GATES)


def layer(kind, rows, duration, units, dtype=torch.float64, seed=0):
    """Drive, weights and biases of a layer, to be learned."""
    generator, gates = torch.Generator().manual_seed(seed), GATES[kind] * units
    shapes = (rows, duration, gates), (gates, units), (gates,), (gates,)
    scales = 1.0, units**-0.5, 1.0, 1.0
    drawn = [torch.randn(shape, dtype=dtype, generator=generator) for shape in shapes]
    return [(scale * x).requires_grad_() for scale, x in zip(scales, drawn, strict=True)]


def value_and_gradients(implementation, kind, arguments):
    value = implementation.gated(kind, *arguments)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(value.shape, dtype=torch.float64, generator=generator).to(value.dtype)
    return value.detach(), torch.autograd.grad((value * weights).sum(), arguments)


@each_kind
def test_gradients_equal_finite_differences(kind):
    arguments = layer(kind, 3, 5, 4)
    assert torch.autograd.gradcheck(lambda *x: compiled.gated(kind, *x), arguments)


@each_kind
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 1), (8, 120, 20), (13, 60, 33), (70, 5, 7)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_value_and_gradients_are_those_of_torch_in_float64(kind, shape, dtype, tolerance):
    arguments = layer(kind, *shape, dtype)
    value, gradients = value_and_gradients(compiled, kind, arguments)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    wanted, wanted_gradients = value_and_gradients(reference, kind, exact)
    torch.testing.assert_close(value.double(), wanted, atol=tolerance, rtol=tolerance)
    for gradient, other in zip(gradients, wanted_gradients, strict=True):
        assert (gradient - other).norm() <= tolerance * other.norm()


@each_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_bits_for_any_number_of_threads(kind, dtype):
    arguments = layer(kind, 7, 50, 10, dtype)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 7, 2):
            torch.set_num_threads(threads)
            value, gradients = value_and_gradients(compiled, kind, arguments)
            results.append((value, gradients[0]))
    finally:
        torch.set_num_threads(before)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


@each_kind
def test_only_the_requested_gradients_and_no_grad(kind):
    constant = [x.detach() for x in layer(kind, 2, 20, 3)]
    quiet = compiled.gated(kind, *constant)
    assert not quiet.requires_grad
    constant[1].requires_grad_()
    value = compiled.gated(kind, *constant)
    assert torch.equal(value, quiet)
    value.sum().backward()
    assert constant[1].grad.any()
    assert constant[0].grad is None


@each_kind
def test_arguments_need_not_be_contiguous(kind):
    drive, weight, *biases = (x.detach() for x in layer(kind, 4, 10, 3))
    strided = drive.transpose(0, 1).contiguous().transpose(0, 1)
    columns = weight.T.contiguous().T
    twice = [torch.stack([bias, bias], 1)[:, 1] for bias in biases]
    wanted = compiled.gated(kind, drive, weight, *biases)
    assert torch.equal(compiled.gated(kind, strided, columns, *twice), wanted)


@each_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_drive_stays_finite(kind, dtype):
    drive, *rest = (x.detach() for x in layer(kind, 2, 12, 4, dtype))
    drive[0, ::3], drive[1, ::3], drive[0, 1::3], drive[1, 1::3] = 1e30, -1e30, 90.0, -750.0
    arguments = [x.requires_grad_() for x in (drive, *rest)]
    value, gradients = value_and_gradients(compiled, kind, arguments)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    wanted, _ = value_and_gradients(reference, kind, exact)
    assert all(torch.isfinite(x).all() for x in (value, *gradients))
    torch.testing.assert_close(value.double(), wanted, atol=1e-5, rtol=1e-5)


@each_kind
def test_nan_spreads_forward_in_its_row_only(kind):
    drive, *rest = (x.detach() for x in layer(kind, 3, 10, 8, torch.float32))
    drive[1, 5] = float("nan")
    value = compiled.gated(kind, drive, *rest)
    assert torch.isnan(value[1, 5:]).all()
    assert torch.isfinite(value[1, :5]).all()
    assert torch.isfinite(value[[0, 2]]).all()


@each_kind
def test_two_layers_are_those_of_torch(kind):
    torch.manual_seed(0)
    options = RecurrentOptions(inputs=6, hidden=5, layers=2)
    model = build_model(kind, options).double()
    x = torch.randn(2, 30, 6, dtype=torch.float64)
    wanted = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](6, 5, 2, batch_first=True).double()
    wanted.load_state_dict(model.layers.state_dict())
    drive = x @ model.layers.weight_ih_l0.T
    for at in range(2):
        below, *weights = model._weights(at)
        drive = gated(kind, drive if at == 0 else drive @ below.T, *weights)
    torch.testing.assert_close(drive, wanted(x)[0])
