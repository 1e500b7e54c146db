"""Exponential filters with learned weights: what the linear and the spiking models stand on."""

from __future__ import annotations

import math

import torch
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.filters import FilterOptions
from neuronio.surrogate.models.base import State
from neuronio.surrogate.recurrence import event_convolution, exponential_filter

# Larger ones take a short fit too long to unlearn: with 0.3 the validation AUC was below .9.
INITIAL_WEIGHT = 0.03


class FilterBank(nn.Module):
    """Each synapse drives F exponential filters per output with learned weights.

    The time constants are log-spaced and fixed. A filter's response to a spike is scaled to a sum
    of squares of 1: white input then drives all filters alike, and a step of the optimiser moves
    each as much. Excitation begins positive, inhibition negative.

    Args:
        options: how many filters of which time constants, of what rank.
        outputs: sums that each synapse adds to.
    """

    def __init__(self, options: FilterOptions, outputs: int) -> None:
        super().__init__()
        self.options, self.outputs = options, outputs
        span = torch.linspace(
            math.log(options.tau_min_ms), math.log(options.tau_max_ms), options.filters
        )
        self.decays = torch.exp(-options.step_ms / span.exp()).tolist()
        self.scales = [math.sqrt(1.0 - decay**2) for decay in self.decays]
        excites = options.inputs // 2 if options.signed else options.inputs
        sign_n = torch.where(torch.arange(options.inputs) < excites, 1.0, -1.0)
        first = INITIAL_WEIGHT * sign_n[:, None, None] / options.filters
        if options.rank == 0:
            shape = options.inputs, options.filters, outputs
            self.weight = nn.Parameter(first * (0.5 + torch.rand(shape)))
        else:
            shape = options.inputs, options.rank, outputs
            self.weight = nn.Parameter(first * (0.5 + torch.rand(shape)) / options.rank)
            time_course = 0.5 + torch.rand(2, options.rank, options.filters, outputs)
            self.time_course = nn.Parameter(time_course)

    def forward(self, events: EventBatch) -> torch.Tensor:
        """The filtered sums, (B, T, outputs)."""
        currents_btc = event_convolution(events, self.kernel().unsqueeze(1))
        parts = currents_btc.split(self.outputs, dim=2)
        filtered = [
            exponential_filter(part, decay) for part, decay in zip(parts, self.decays, strict=True)
        ]
        return torch.stack(filtered).sum(0)

    def kernel(self) -> torch.Tensor:
        """What a spike adds to every filter of every output, (N, F outputs)."""
        weight_nfo: torch.Tensor = self.weight
        if self.options.rank:
            weight_tnro = self.weight.unflatten(0, (2, -1))
            weight_nfo = torch.einsum("tnro,trfo->tnfo", weight_tnro, self.time_course)
            weight_nfo = weight_nfo.flatten(0, 1)
        return (weight_nfo * self.weight.new_tensor(self.scales)[:, None]).flatten(1)

    def first_state(self, rows: int) -> State:
        """The filters at 0, (rows, F outputs)."""
        return (self.weight.new_zeros(rows, self.options.filters * self.outputs),)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms: the filtered sums (B, outputs), and the filters."""
        decay_f = self.weight.new_tensor(self.decays)
        filtered_bc = decay_f.repeat_interleave(self.outputs) * state[0] + current_bc
        return filtered_bc.unflatten(1, (-1, self.outputs)).sum(1), (filtered_bc,)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        filters = self.options.filters * self.outputs
        return self.options.inputs * filters + 2 * filters
