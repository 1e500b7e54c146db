"""Rotations, membranes, units that spike: compiled against plain, in value and every gradient."""

import math

import pytest
import torch

from neuronio.surrogate.recurrence import compiled, reference

SLOPE = 5.0


def normal(*shape, dtype=torch.float64, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*shape, dtype=torch.float64, generator=generator) * scale).to(dtype)


def rotation_arguments(rows, duration, states, dtype):
    size, phase = torch.linspace(0.3, 0.99, states), torch.linspace(0.0, 2.0, states)
    turn = torch.cat([size * phase.cos(), size * phase.sin()]).to(dtype)
    drive = normal(rows, duration, 2 * states, dtype=dtype)
    return drive.requires_grad_(), turn.requires_grad_()


def membrane_arguments(rows, duration, compartments, dtype):
    """Currents that make it spike in about a third of all ms."""
    transition = 0.6 * torch.eye(compartments) + 0.1
    reset = torch.linspace(1.2, 0.3, compartments)
    current = normal(rows, duration, compartments, dtype=dtype, scale=0.8) + 0.3
    tensors = current, transition.to(dtype), reset.to(dtype)
    return tuple(x.requires_grad_() for x in tensors)


def values_and_gradients(function, arguments):
    value = function(*arguments)
    weights = normal(*value.shape, dtype=value.dtype, seed=1)
    loss = (value * weights).sum()  # which nothing but the input enters in the first ms
    gradients = torch.autograd.grad(loss, arguments, allow_unused=True, materialize_grads=True)
    return value, *gradients


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize(("rows", "duration", "states"), [(1, 1, 1), (3, 700, 5), (2, 64, 33)])
def test_rotation_equals_reference(rows, duration, states, dtype, tolerance):
    arguments = rotation_arguments(rows, duration, states, dtype)
    found = values_and_gradients(compiled.rotation, arguments)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    wanted = values_and_gradients(reference.rotation, exact)
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours - theirs).norm() <= tolerance * theirs.norm()


def test_rotation_is_a_complex_power():
    """One input of 1 rings as z^t."""
    drive = torch.zeros(1, 40, 2)
    drive[0, 3, 0] = 1.0
    turn = 0.9 * torch.tensor([math.cos(0.4), math.sin(0.4)])
    state_t2 = compiled.rotation(drive, turn)[0]
    z = torch.polar(torch.tensor(0.9), torch.tensor(0.4))
    wanted = torch.cat([torch.zeros(3), z ** torch.arange(37)])
    torch.testing.assert_close(torch.view_as_complex(state_t2), wanted)


def test_rotation_gradients_equal_finite_differences():
    assert torch.autograd.gradcheck(compiled.rotation, rotation_arguments(2, 7, 3, torch.float64))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize(("rows", "duration", "compartments"), [(1, 1, 1), (3, 90, 1), (4, 60, 2)])
def test_membrane_equals_reference(rows, duration, compartments, dtype, tolerance):
    arguments = membrane_arguments(rows, duration, compartments, dtype)
    found = values_and_gradients(lambda *x: compiled.membrane(*x, SLOPE), arguments)
    wanted = values_and_gradients(lambda *x: reference.membrane(*x, SLOPE), arguments)
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours - theirs).norm() <= tolerance * theirs.norm()
    if duration > 1:
        assert 0.1 < (found[0][..., 0] > 1.0).double().mean() < 0.9


def test_a_membrane_that_is_driven_by_a_constant_spikes_as_computed_by_hand():
    """0.5 a ms without leak, reset by 1: above 1 first in the third ms, then in every second."""
    current, one = torch.full((1, 9, 1), 0.5), torch.ones(1)
    before_t = compiled.membrane(current, one[:, None], one, SLOPE)[0, :, 0]
    assert before_t.tolist() == [0.5, 1.0, 1.5, 1.0, 1.5, 1.0, 1.5, 1.0, 1.5]


@pytest.mark.parametrize("module", [compiled, reference])
def test_the_derivative_of_a_spike_is_as_stated(module):
    """1 / (1 + slope |v - 1|)^2, through the reset into the next ms."""
    current = torch.tensor([0.7, 0.0]).view(1, 2, 1).requires_grad_()
    one = torch.ones(1)
    second = module.membrane(current, 0.5 * one[:, None], 0.8 * one, SLOPE)[0, 1, 0]
    (grad,) = torch.autograd.grad(second, current)
    wanted = 0.5 * (1.0 - 0.8 / (1.0 + SLOPE * 0.3) ** 2)
    torch.testing.assert_close(grad.flatten(), torch.tensor([wanted, 1.0]))


def spiking_arguments(rows, duration, units, dtype):
    """Units that spike in about a quarter of all steps, and drive and reset one another."""
    decay = torch.linspace(0.2, 0.98, units).to(dtype)
    weight = normal(units, units, dtype=dtype, scale=0.5 / units**0.5, seed=2) - torch.diag(decay)
    drive = normal(rows, duration, units, dtype=dtype, scale=0.7) + 0.3
    return tuple(x.detach().requires_grad_() for x in (drive, decay, weight))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize(("rows", "duration", "units"), [(1, 1, 1), (3, 60, 17), (7, 40, 33)])
def test_spiking_units_equal_reference(rows, duration, units, dtype, tolerance):
    arguments = spiking_arguments(rows, duration, units, dtype)
    found = values_and_gradients(lambda *x: compiled.spiking(*x, SLOPE), arguments)
    wanted = values_and_gradients(lambda *x: reference.spiking(*x, SLOPE), arguments)
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours - theirs).norm() <= tolerance * theirs.norm()
    if duration > 1:
        assert 0.1 < (found[0] > 1.0).double().mean() < 0.9


def test_a_spike_reaches_the_others_and_itself_a_step_later():
    drive = torch.zeros(1, 4, 2)
    drive[0, 0, 0] = 1.5
    weight = torch.tensor([[-0.5, 0.0], [0.25, 0.0]])  # resets unit 0 by a half, drives unit 1
    v_tu = compiled.spiking(drive, torch.full((2,), 0.5), weight, SLOPE)[0]
    wanted = torch.tensor([[1.5, 0.0], [0.25, 0.25], [0.125, 0.125], [0.0625, 0.0625]])
    torch.testing.assert_close(v_tu, wanted)
