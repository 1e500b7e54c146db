"""A leaky integrate-and-fire neuron with learned weights."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.linear import FilterBank, FilterOptions
from neuronio.surrogate.models.registry import surrogate

INITIAL_TAU_MS = 10.0


class LifOptions(FilterOptions):
    """Leaky integrate-and-fire neuron with learned synaptic weights and a surrogate gradient."""

    filters: int = Field(2, ge=1, description="Number of time constants.")
    surrogate_slope: float = Field(
        5.0,
        gt=0,
        allow_inf_nan=False,
        description="Steepness of the derivative that stands in for the spike's.",
    )


class SurrogateSpike(torch.autograd.Function):
    """Heaviside step forward; derivative 1 / (1 + slope |u|)^2 backward (Zenke & Ganguli 2018)."""

    @staticmethod
    def forward(ctx, excess: torch.Tensor, slope: float) -> torch.Tensor:
        """1 where `excess` is above 0."""
        ctx.save_for_backward(excess)
        ctx.slope = slope
        return (excess > 0).to(excess.dtype)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Gradient to `excess`."""
        (excess,) = ctx.saved_tensors
        return grad / (1.0 + ctx.slope * excess.abs()) ** 2, None


@surrogate(
    "lif", options=LifOptions, label="leaky integrate-and-fire", marker="X", colour="#CC79A7"
)
class LeakyIntegrateAndFire(Surrogate):
    """Filtered synaptic currents, a leaky membrane, a threshold at 1 and a reset by subtraction.

    The spike logit is an affine function of the distance to threshold, the soma voltage one of the
    membrane potential.
    """

    def __init__(self, options: LifOptions) -> None:
        super().__init__(options)
        self.bank = FilterBank(options, outputs=1)
        self.current_bias = nn.Parameter(torch.zeros(()))
        self.log_tau = nn.Parameter(torch.tensor(INITIAL_TAU_MS).log())
        self.reset = nn.Parameter(torch.ones(()))
        self.logit_scale = nn.Parameter(torch.tensor([5.0, 0.0]))
        self.soma_scale = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, events: EventBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Spike logit and scaled soma voltage, each (B, T)."""
        excess_bt = self.potential(events) - 1.0
        gain, bias = self.logit_scale
        soma_gain, soma_bias = self.soma_scale
        return gain * excess_bt + bias, soma_gain * (excess_bt + 1.0) + soma_bias

    def potential(self, events: EventBatch) -> torch.Tensor:
        """Membrane potential before the reset of its own millisecond, (B, T), threshold 1."""
        current_bt = self.bank(events).squeeze(2) + self.current_bias
        keep = torch.exp(-1.0 / self.log_tau.exp())
        after_b, out = torch.zeros_like(current_bt[:, 0]), []
        for current_b in current_bt.unbind(1):
            before_b = keep * after_b + current_b
            out.append(before_b)
            spike_b = SurrogateSpike.apply(before_b - 1.0, self.options.surrogate_slope)
            after_b = before_b - self.reset * spike_b
        return torch.stack(out, dim=1)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        return self.bank.weight.numel() + 2 * self.options.filters + 4
