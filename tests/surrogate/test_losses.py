import torch

from neuronio.surrogate.losses import surrogate_loss


def test_loss_is_the_mean_of_bce_and_mse_after_the_burn_in():
    logit = torch.tensor([[9.0, 0.0, 2.0]], requires_grad=True)
    soma = torch.tensor([[9.0, 1.0, -1.0]], requires_grad=True)
    spikes, target = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[0.0, 0.5, 1.0]])
    loss = surrogate_loss(torch.stack([logit, soma], 2), spikes, target.unsqueeze(2), burn_in_ms=1)
    bce = (torch.log(torch.tensor(2.0)) + torch.log1p(torch.exp(torch.tensor(-2.0)))) / 2
    torch.testing.assert_close(loss.spike, bce)
    torch.testing.assert_close(loss.soma, torch.tensor((0.25 + 4.0) / 2))
    torch.testing.assert_close(loss.total, 0.5 * loss.spike + 0.5 * loss.soma)
    loss.total.backward()
    assert logit.grad[0, 0] == 0
    assert soma.grad[0, 0] == 0
    assert logit.grad[0, 1:].abs().min() > 0


def test_spike_weight_moves_the_balance():
    out = torch.stack([torch.zeros(1, 4), torch.ones(1, 4)], 2)
    only_spikes = surrogate_loss(out, torch.zeros(1, 4), torch.zeros(1, 4, 1), spike_weight=1.0)
    torch.testing.assert_close(only_spikes.total, only_spikes.spike)
    torch.testing.assert_close(only_spikes.parts()[2], torch.tensor(1.0))


def test_further_targets_count_as_much_as_the_soma_together():
    out = torch.zeros(1, 4, 4)
    loss = surrogate_loss(out, torch.zeros(1, 4), torch.tensor([2.0, 1.0, 3.0]).expand(1, 4, 3))
    torch.testing.assert_close(loss.soma, torch.tensor(4.0))
    torch.testing.assert_close(loss.further, torch.tensor(5.0))
    torch.testing.assert_close(loss.total, 0.5 * loss.spike + 0.5 * (loss.soma + loss.further))
    # The record leaves them out, as validation does.
    torch.testing.assert_close(loss.parts()[0], 0.5 * loss.spike + 0.5 * loss.soma)
