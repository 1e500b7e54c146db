"""A leaky integrate-and-fire neuron with learned weights."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.models.base import State, Surrogate
from neuronio.surrogate.models.linear import FilterBank, FilterOptions
from neuronio.surrogate.models.registry import surrogate

INITIAL_TAU_MS = 10.0
INITIAL_LOGIT_GAIN = 5.0


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
        gain = torch.ones(options.outputs)
        gain[0] = INITIAL_LOGIT_GAIN
        self.gain = nn.Parameter(gain)
        self.offset = nn.Parameter(torch.zeros(options.outputs))

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Spike logit, scaled soma voltage and further targets, (B, T, outputs)."""
        current_bt = self.bank(events).squeeze(2)
        after_b, out = torch.zeros_like(current_bt[:, 0]), []
        for current_b in current_bt.unbind(1):
            before_b, after_b = self._membrane(current_b, after_b)
            out.append(before_b)
        return self._outputs(torch.stack(out, dim=1))

    def _membrane(
        self, current_b: torch.Tensor, after_b: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The potential of a ms before and after its reset, from that after the ms before."""
        before_b = torch.exp(-1.0 / self.log_tau.exp()) * after_b + current_b + self.current_bias
        spike_b = SurrogateSpike.apply(before_b - 1.0, self.options.surrogate_slope)
        return before_b, before_b - self.reset * spike_b

    def _outputs(self, potential: torch.Tensor) -> torch.Tensor:
        """(..., outputs) from the potential before the reset: the logit from its excess over 1."""
        from_spike = torch.zeros_like(self.gain)
        from_spike[0] = 1.0
        return self.gain * (potential.unsqueeze(-1) - from_spike) + self.offset

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to every filter, (N, F)."""
        return self.bank.kernel()

    def first_state(self, rows: int) -> State:
        """The filters (rows, F) and the potential after the reset (rows,), all 0."""
        return *self.bank.first_state(rows), self.bank.weight.new_zeros(rows)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        current_b1, filters = self.bank.advance(current_bc, state[:-1])
        before_b, after_b = self._membrane(current_b1.squeeze(1), state[-1])
        return self._outputs(before_b), (*filters, after_b)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        return self.bank.weight.numel() + 2 * self.options.filters + 4
