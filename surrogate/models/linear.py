"""The linear-nonlinear filter model."""

from __future__ import annotations

import torch
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.filters import FilterOptions
from neuronio.surrogate.models.base import State, Surrogate
from neuronio.surrogate.models.filters import FilterBank

INITIAL_RANGE = 4.0


class LinearNonlinear(Surrogate):
    """Filtered inputs summed linearly, one sum for each output, and a sigmoid of the sum.

    For spikes the sigmoid is the logistic function of the loss. A voltage has one of its own,
    whose height and place are learned: bias + range (sigmoid(x + shift) - 1/2). Spikes are too
    rare to learn thousands of weights from alone, and come where the soma is depolarised: their sum
    is their own filters' and `gain` times that of the soma. Evidence for classes (inputs without a
    sign) is the sums alone.
    """

    def __init__(self, options: FilterOptions) -> None:
        super().__init__(options)
        self.bank = FilterBank(options, options.outputs)
        if options.signed:
            self.gain = nn.Parameter(torch.ones(()))
            self.range = nn.Parameter(torch.full((options.outputs - 1,), INITIAL_RANGE))
            self.shift = nn.Parameter(torch.zeros(options.outputs - 1))
        self.bias = nn.Parameter(torch.zeros(options.outputs))

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Spike logit, scaled soma voltage and further targets, (B, T, outputs)."""
        return self._outputs(self.bank(events))

    def _outputs(self, sum_o: torch.Tensor) -> torch.Tensor:
        """The outputs (..., outputs) of the filtered sums."""
        if not self.options.signed:
            return sum_o + self.bias
        voltage_v = self.range * (torch.sigmoid(sum_o[..., 1:] + self.shift) - 0.5)
        logit_1 = sum_o[..., :1] + self.gain * sum_o[..., 1:2]
        return torch.cat([logit_1, voltage_v], dim=-1) + self.bias

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to every filter of every output, (N, F outputs)."""
        return self.bank.kernel()

    def first_state(self, rows: int) -> State:
        """The filters at 0."""
        return self.bank.first_state(rows)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        sum_bo, state = self.bank.advance(current_bc, state)
        return self._outputs(sum_bo), state

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        return self.bank.count_multiply_adds() + self.options.outputs
