"""The training loss: spikes and voltages together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


@dataclass(frozen=True)
class Loss:
    """Mean losses over the scored bins of a batch, each a scalar tensor.

    Attributes:
        spike: binary cross-entropy of the spike probability, nats per ms.
        soma: squared error of the soma voltage in target units (10 mV).
        further: mean squared error of the further targets in their units; 0 without them.
        spike_weight: weight of `spike`; the voltages get the rest.
    """

    spike: Tensor
    soma: Tensor
    further: Tensor
    spike_weight: float = 0.5

    @property
    def total(self) -> Tensor:
        """The loss that is minimised."""
        voltages = self.soma + self.further
        return self.spike_weight * self.spike + (1.0 - self.spike_weight) * voltages

    def parts(self) -> Tensor:
        """(loss, spike, soma) as one (3,) tensor cut from the graph, for the record.

        The loss is of spikes and soma alone, as validation has it.
        """
        loss = self.spike_weight * self.spike + (1.0 - self.spike_weight) * self.soma
        return torch.stack([loss, self.spike, self.soma]).detach()


def surrogate_loss(
    out_bto: Tensor,
    spikes_bt: Tensor,
    voltages_btv: Tensor,
    *,
    burn_in_ms: int = 0,
    spike_weight: float = 0.5,
) -> Loss:
    """Loss of a batch of B windows of T ms.

    The first `burn_in_ms` bins, in which the model's state has not yet settled, do not count.
    Source: Spieler et al., ICLR 2024 (equal weights of BCE and MSE).

    Args:
        out_bto: a model's outputs: spike logit, soma voltage, further targets.
        spikes_bt: 1 where the neuron spikes.
        voltages_btv: soma voltage and further targets, in target units.
    """
    out_bto, spikes_bt = out_bto[:, burn_in_ms:], spikes_bt[:, burn_in_ms:]
    error_v = (out_bto[..., 1:] - voltages_btv[:, burn_in_ms:]).square().mean(dim=(0, 1))
    further = error_v[1:].mean() if len(error_v) > 1 else error_v.new_zeros(())
    spike = binary_cross_entropy_with_logits(out_bto[..., 0], spikes_bt)
    return Loss(spike, error_v[0], further, spike_weight)
