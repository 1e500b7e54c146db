"""A surrogate of a user's own, in one file: the sum of all spikes, filtered, scaled and shifted."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from neuronio.surrogate.models import ModelOptions, State, Surrogate, surrogate


class ToyOptions(ModelOptions):
    """Options of the toy."""

    tau_ms: int = Field(10, ge=1, description="Time constant, ms.")
    size_field: ClassVar[str] = "tau_ms"


@surrogate("toy", options=ToyOptions, label="Toy", marker="d", colour="#666666")
class Toy(Surrogate):
    """One filter with two readouts."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__(options)
        self.readout = nn.Linear(1, options.outputs)

    def input_kernel(self) -> torch.Tensor:
        """Every spike counts as one, (N, 1)."""
        return self.readout.weight.new_ones(self.options.inputs, 1)

    def first_state(self, rows: int) -> State:
        """The filter at 0, (rows, 1)."""
        return (self.readout.weight.new_zeros(rows, 1),)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        decay = 1.0 - 1.0 / (1.0 + self.options.tau_ms)
        filtered_b1 = decay * state[0] + current_bc
        return self.readout(filtered_b1), (filtered_b1,)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms."""
        return self.options.inputs + 3
