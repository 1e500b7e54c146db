"""A surrogate of a user's own, in one file: the sum of all spikes, filtered, scaled and shifted."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.models.base import ModelOptions, Surrogate
from neuronio.surrogate.models.registry import surrogate
from neuronio.surrogate.recurrence import exponential_filter


class ToyOptions(ModelOptions):
    """Options of the toy."""

    tau_ms: int = Field(10, ge=1, description="Time constant, ms.")
    size_field: ClassVar[str] = "tau_ms"


@surrogate("toy", options=ToyOptions, label="Toy", marker="d", colour="#666666")
class Toy(Surrogate):
    """One filter with two readouts."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__(options)
        self.readout = nn.Linear(1, 2)

    def forward(self, events: EventBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Spike logit and scaled soma voltage, each (B, T)."""
        count_bt1 = events.dense().sum(dim=1).unsqueeze(2)
        decay = 1.0 - 1.0 / (1.0 + self.options.tau_ms)
        out_bto = self.readout(exponential_filter(count_bt1, decay))
        return out_bto[..., 0], out_bto[..., 1]

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms."""
        return self.options.inputs + 3
