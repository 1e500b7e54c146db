"""SOAP: Adam where no basis turns; the same path however a weight is rotated."""

import copy

import pytest
import torch

from neuronio.surrogate.soap import Soap


def orthogonal(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]


@pytest.fixture
def problem():
    """A badly conditioned least-squares problem of a weight (4, 4): its start and its loss."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(50, 4, generator=generator, dtype=torch.float64)
    inputs = inputs * torch.tensor([1.0, 0.3, 0.1, 0.03]) @ orthogonal(4, 2)
    wanted = inputs @ torch.randn(4, 4, generator=generator, dtype=torch.float64)
    start = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    return start, lambda weight: (inputs @ weight.T - wanted).square().mean()


def descend(optimizer, weight, loss, steps):
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(weight)
        value.backward()
        optimizer.step()
        found.append(value.item())
    return found


def test_where_nothing_is_turned_it_is_adam_after_a_first_step_that_measures(problem):
    start, loss = problem
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    soap = Soap([ours], lr=0.01, betas=(0.9, 0.99), longest=1)
    found = descend(soap, ours, loss, 31)[1:]
    adam = torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99))
    assert found == pytest.approx(descend(adam, theirs, loss, 30), rel=1e-9)


@pytest.mark.parametrize("shape", [(), (5,), (1, 3), (3, 2, 4)])
def test_weights_of_any_number_of_dimensions_reach_their_goal(shape):
    weight = torch.nn.Parameter(torch.ones(shape, dtype=torch.float64))
    unused = torch.nn.Parameter(torch.ones(3))
    goal = torch.full(shape, 3.0, dtype=torch.float64)
    optimizer = Soap([weight, unused], lr=0.05)
    descend(optimizer, weight, lambda w: (w - goal).square().sum(), 300)
    torch.testing.assert_close(weight.detach(), goal, atol=0.1, rtol=0)
    assert torch.equal(unused.detach(), torch.ones(3))


def test_the_path_does_not_depend_on_the_basis_a_weight_is_written_in(problem):
    start, loss = problem
    left, right = orthogonal(4, 3), orthogonal(4, 4)
    plain = torch.nn.Parameter(start.clone())
    rotated = torch.nn.Parameter(left @ start @ right)
    options = {"lr": 0.02, "turn_every": 5}
    found = descend(Soap([plain], **options), plain, loss, 200)
    again = descend(
        Soap([rotated], **options), rotated, lambda weight: loss(left.T @ weight @ right.T), 200
    )
    assert again == pytest.approx(found, rel=1e-6)
    assert not torch.allclose(rotated, plain)


def test_it_is_sooner_there_than_adam_where_the_gradients_basis_is_not_the_weights(problem):
    start, loss = problem
    reached = []
    for kind in (Soap, torch.optim.Adam):
        weight = torch.nn.Parameter(start.clone())
        reached.append(descend(kind([weight], lr=0.02), weight, loss, 300)[-1])
    assert reached[0] < 0.1 * reached[1]


def test_it_goes_on_from_its_state_as_if_it_had_not_stopped(problem):
    start, loss = problem
    whole, first = (torch.nn.Parameter(start.clone()) for _ in range(2))
    descend(Soap([whole], lr=0.02), whole, loss, 57)
    optimizer = Soap([first], lr=0.02)
    descend(optimizer, first, loss, 23)
    second = torch.nn.Parameter(first.detach().clone())
    again = Soap([second], lr=0.5)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    descend(again, second, loss, 34)
    assert torch.equal(second, whole)
