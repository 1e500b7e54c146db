"""The linear-nonlinear filter model, and the filter bank it shares with the spiking one."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.models.base import ModelOptions, State, Surrogate, rising
from neuronio.surrogate.models.registry import surrogate
from neuronio.surrogate.recurrence import event_convolution, exponential_filter


class FilterOptions(ModelOptions):
    """Each synapse drives exponential filters of log-spaced time constants."""

    filters: int = Field(4, ge=1, description="Number of time constants.")
    tau_min_ms: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="The shortest time constant, ms."
    )
    tau_max_ms: float = Field(
        80.0, gt=0, allow_inf_nan=False, description="The longest time constant, ms."
    )
    size_field: ClassVar[str] = "filters"

    @model_validator(mode="after")
    def _ordered(self) -> FilterOptions:
        rising(self, "tau_min_ms", "tau_max_ms")
        return self


class FilterBank(nn.Module):
    """Each synapse drives F exponential filters per output with learned weights.

    The time constants are log-spaced and fixed; each filter has unit area, so that weights of
    different time constants are alike in scale.
    """

    def __init__(self, options: FilterOptions, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        span = torch.linspace(
            math.log(options.tau_min_ms), math.log(options.tau_max_ms), options.filters
        )
        self.decays = torch.exp(-1.0 / span.exp()).tolist()
        shape = (options.inputs, options.filters, outputs)
        self.weight = nn.Parameter(torch.randn(shape) / math.sqrt(options.inputs))

    def forward(self, events: EventBatch) -> torch.Tensor:
        """The filtered sums, (B, T, outputs)."""
        currents_btc = event_convolution(events, self.kernel().unsqueeze(1))
        parts = currents_btc.split(self.outputs, dim=2)
        filtered = [
            (1.0 - decay) * exponential_filter(part, decay)
            for part, decay in zip(parts, self.decays, strict=True)
        ]
        return torch.stack(filtered).sum(0)

    def kernel(self) -> torch.Tensor:
        """What a spike adds to every filter of every output, (N, F outputs)."""
        return self.weight.flatten(1)

    def first_state(self, rows: int) -> State:
        """The filters at 0, (rows, F outputs)."""
        return (self.weight.new_zeros(rows, self.weight[0].numel()),)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms: the filtered sums (B, outputs), and the filters."""
        decay_f = self.weight.new_tensor(self.decays)
        decay_c = decay_f.repeat_interleave(self.outputs)
        (filtered_bc,) = state
        filtered_bc = decay_c * filtered_bc + current_bc
        scaled_bfo = ((1.0 - decay_c) * filtered_bc).unflatten(1, (-1, self.outputs))
        return scaled_bfo.sum(1), (filtered_bc,)


@surrogate("linear", options=FilterOptions, label="linear-nonlinear", marker="*", colour="#E69F00")
class LinearNonlinear(Surrogate):
    """Filtered inputs summed linearly; the logistic function of the loss is the nonlinearity."""

    def __init__(self, options: FilterOptions) -> None:
        super().__init__(options)
        self.bank = FilterBank(options, options.outputs)
        self.bias = nn.Parameter(torch.zeros(options.outputs))

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Spike logit, scaled soma voltage and further targets, (B, T, outputs)."""
        return self.bank(events) + self.bias

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to every filter of every output, (N, F outputs)."""
        return self.bank.kernel()

    def first_state(self, rows: int) -> State:
        """The filters at 0."""
        return self.bank.first_state(rows)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        out_bo, state = self.bank.advance(current_bc, state)
        return out_bo + self.bias, state

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        return self.bank.weight.numel() + 2 * self.options.outputs * self.options.filters
