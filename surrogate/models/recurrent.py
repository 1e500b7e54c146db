"""LSTM and GRU on the input spikes."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.models.base import ModelOptions, Surrogate
from neuronio.surrogate.models.registry import surrogate


class RecurrentOptions(ModelOptions):
    """Recurrent layers on the input spikes."""

    hidden: int = Field(64, ge=1, description="Units of a layer.")
    layers: int = Field(1, ge=1, description="Number of layers.")
    size_field: ClassVar[str] = "hidden"


class Recurrent(Surrogate):
    """Recurrent layers of torch and a linear readout of the last layer's state."""

    accepts: ClassVar[Literal["events", "dense"]] = "dense"

    def __init__(self, options: RecurrentOptions, layer: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__(options)
        self.layers = layer(options.inputs, options.hidden, options.layers, batch_first=True)
        self.readout = nn.Linear(options.hidden, 2)

    def forward(self, events: EventBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Spike logit and scaled soma voltage, each (B, T)."""
        state_bth, _ = self.layers(events.dense().transpose(1, 2))
        out_bto = self.readout(state_bth)
        return out_bto[..., 0], out_bto[..., 1]

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with dense inputs: every weight once, and the gates' products."""
        weights = sum(p.numel() for p in self.parameters() if p.ndim == 2)
        return weights + 3 * self.options.layers * self.options.hidden


@surrogate("lstm", options=RecurrentOptions, label="LSTM", marker="^", colour="#009E73")
class Lstm(Recurrent):
    """Long short-term memory."""

    def __init__(self, options: RecurrentOptions) -> None:
        super().__init__(options, nn.LSTM)


@surrogate("gru", options=RecurrentOptions, label="GRU", marker="v", colour="#00583F")
class Gru(Recurrent):
    """Gated recurrent units."""

    def __init__(self, options: RecurrentOptions) -> None:
        super().__init__(options, nn.GRU)
