"""The training loss: spikes and soma voltage together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss


@dataclass(frozen=True)
class Loss:
    """Mean losses over the scored bins of a batch, each a scalar tensor.

    Attributes:
        spike: binary cross-entropy of the spike probability, nats per ms.
        soma: squared error of the soma voltage in target units (10 mV).
        spike_weight: weight of `spike`; `soma` gets the rest.
    """

    spike: Tensor
    soma: Tensor
    spike_weight: float = 0.5

    @property
    def total(self) -> Tensor:
        """The loss that is minimised."""
        return self.spike_weight * self.spike + (1.0 - self.spike_weight) * self.soma

    def parts(self) -> Tensor:
        """(total, spike, soma) as one (3,) tensor cut from the graph, for the record."""
        return torch.stack([self.total, self.spike, self.soma]).detach()


def surrogate_loss(
    spike_logit: Tensor,
    soma: Tensor,
    spike_target: Tensor,
    soma_target: Tensor,
    *,
    burn_in_ms: int = 0,
    spike_weight: float = 0.5,
) -> Loss:
    """Loss of a batch of windows, all tensors of shape (B, T), T in ms.

    The first `burn_in_ms` bins, in which the model's state has not yet settled, do not count.
    Source: Spieler et al., ICLR 2024 (equal weights of BCE and MSE).
    """
    scored = slice(burn_in_ms, None)
    spike = binary_cross_entropy_with_logits(spike_logit[:, scored], spike_target[:, scored])
    return Loss(spike, mse_loss(soma[:, scored], soma_target[:, scored]), spike_weight)
