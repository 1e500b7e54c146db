"""LSTM and GRU on the input spikes."""

from __future__ import annotations

import torch
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.options import RecurrentOptions


class Recurrent(nn.Module):
    """Recurrent layers of torch and a linear readout of the last layer's state."""

    accepts = "dense"

    def __init__(self, options: RecurrentOptions, layer: type[nn.RNNBase]) -> None:
        super().__init__()
        self.options = options
        self.layers = layer(options.inputs, options.hidden, options.layers, batch_first=True)
        self.readout = nn.Linear(options.hidden, 2)

    def forward(self, events: EventBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Spike logit and scaled soma voltage, each (B, T)."""
        state_bth, _ = self.layers(events.dense().transpose(1, 2))
        out_bto = self.readout(state_bth)
        return out_bto[..., 0], out_bto[..., 1]

    def count_parameters(self) -> int:
        """Learned numbers."""
        return sum(p.numel() for p in self.parameters())

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with dense inputs: every weight once, and the gates' products."""
        weights = sum(p.numel() for p in self.parameters() if p.ndim == 2)
        return weights + 3 * self.options.layers * self.options.hidden


class Lstm(Recurrent):
    """Long short-term memory."""

    def __init__(self, options: RecurrentOptions) -> None:
        super().__init__(options, nn.LSTM)


class Gru(Recurrent):
    """Gated recurrent units."""

    def __init__(self, options: RecurrentOptions) -> None:
        super().__init__(options, nn.GRU)
