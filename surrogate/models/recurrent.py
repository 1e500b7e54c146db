"""LSTM and GRU on the input spikes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.recurrent import ChronoOptions, RecurrentOptions
from neuronio.surrogate.models.base import ReadoutSurrogate, State
from neuronio.surrogate.recurrence import event_convolution, gated


class Recurrent(ReadoutSurrogate):
    """Recurrent layers with torch's parameters, and a linear readout of the last layer's state.

    What the spikes add to the first layer's gates is summed over the spikes alone.
    """

    eye: torch.Tensor
    kind: ClassVar[str]
    layer: ClassVar[type[nn.LSTM] | type[nn.GRU]]

    def __init__(self, options: RecurrentOptions) -> None:
        super().__init__(options)
        self.layers: Any = self.layer(
            options.inputs, options.hidden, options.layers, batch_first=True
        )
        self.readout = nn.Linear(options.hidden, options.outputs)
        gates = self.input_kernel().shape[1]
        self.register_buffer("eye", torch.eye(gates), persistent=False)

    def held(self, events: EventBatch) -> torch.Tensor:
        """The last layer's state, (B, T, hidden)."""
        drive = event_convolution(events, self.input_kernel().unsqueeze(1))
        for layer in range(self.options.layers):
            below, *weights = self._weights(layer)
            drive = gated(self.kind, drive if layer == 0 else drive @ below.T, *weights)
        return drive

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to the gates of the first layer, (N, gates)."""
        return self.layers.weight_ih_l0.T

    def _weights(self, layer: int) -> tuple[torch.Tensor, ...]:
        """Input and recurrent weights and biases of a layer, for its cell."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        first, *rest = (getattr(self.layers, f"{name}_l{layer}") for name in names)
        return (self.eye if layer == 0 else first), *rest

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms, every synapse counted as active once: weights, gates' products."""
        weights = sum(p.numel() for p in self.parameters() if p.ndim == 2)
        return weights + 3 * self.options.layers * self.options.hidden


class Lstm(Recurrent):
    """Long short-term memory."""

    kind, layer = "lstm", nn.LSTM

    def first_state(self, rows: int) -> State:
        """Output and cell of each layer, (rows, layers, hidden) each, all 0."""
        zero = self.eye.new_zeros(rows, self.options.layers, self.options.hidden)
        return zero, zero.clone()

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        x, outputs, cells = current_bc, [], []
        for layer in range(self.options.layers):
            before = state[0][:, layer], state[1][:, layer]
            x, cell = torch.lstm_cell(x, before, *self._weights(layer))
            outputs.append(x)
            cells.append(cell)
        return self.readout(x), (torch.stack(outputs, 1), torch.stack(cells, 1))


class ChronoLstm(Lstm):
    """An LSTM: forget gates begin with biases ln U(1, T - 1), input gates with minus those.

    A unit then begins with a memory of U(1, T - 1) steps. Source: Tallec & Ollivier 2018.
    """

    def __init__(self, options: ChronoOptions) -> None:
        super().__init__(options)
        for layer in range(options.layers):
            open_h = torch.empty(options.hidden).uniform_(1.0, options.longest - 1.0).log()
            with torch.no_grad():  # gates in torch's order: input, forget, cell, output
                bias_4h = getattr(self.layers, f"bias_ih_l{layer}").unflatten(0, (4, -1))
                bias_4h[0], bias_4h[1] = -open_h, open_h
                getattr(self.layers, f"bias_hh_l{layer}").unflatten(0, (4, -1))[:2] = 0.0


class Gru(Recurrent):
    """Gated recurrent units."""

    kind, layer = "gru", nn.GRU

    def first_state(self, rows: int) -> State:
        """Output of each layer, (rows, layers, hidden), 0."""
        return (self.eye.new_zeros(rows, self.options.layers, self.options.hidden),)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        x, outputs = current_bc, []
        for layer in range(self.options.layers):
            x = torch.gru_cell(x, state[0][:, layer], *self._weights(layer))
            outputs.append(x)
        return self.readout(x), (torch.stack(outputs, 1),)
