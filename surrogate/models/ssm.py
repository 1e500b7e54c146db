"""A deep diagonal state-space model (LRU, Orvieto et al. 2023; S5, Smith et al. 2023)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from neuronio.surrogate import recurrence
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.ssm import SsmOptions
from neuronio.surrogate.models.base import ReadoutSurrogate, State


class SsmLayer(nn.Module):
    """One recurrence, s_t = z s_{t-1} + gamma B x_t, and y = Re(C s) + D x; gated, added to x.

    z = exp(-step exp(log_rate) + i exp(log_phase)) cannot leave the unit disc; gamma, the square
    root of 1 - |z|^2, makes states of white input alike in size (Orvieto et al. 2023).
    With u = GELU(y), the layer gives x + u sigmoid(W u) (Smith et al. 2023).
    """

    # What computes over time; tests and benchmarks put the plain reference here.
    compute = recurrence

    def __init__(self, options: SsmOptions) -> None:
        super().__init__()
        width, states = options.width, options.states
        self.step_ms = options.step_ms
        tau = torch.linspace(math.log(options.tau_min_ms), math.log(options.tau_max_ms), states)
        self.log_rate = nn.Parameter(-tau)
        self.log_phase = nn.Parameter(torch.log(options.max_phase * (1.0 - torch.rand(states))))
        self.into = nn.Linear(width, 2 * states, bias=False)
        self.out = nn.Linear(2 * states, width)
        self.skip = nn.Parameter(torch.randn(width))
        self.gate = nn.Linear(width, width)

    def rate(self) -> torch.Tensor:
        """What a step is of each time constant, (states,)."""
        return self.step_ms * self.log_rate.exp()

    def turn(self) -> torch.Tensor:
        """z, real parts before imaginary ones, (2 states,)."""
        size, phase = torch.exp(-self.rate()), self.log_phase.exp()
        return torch.cat([size * torch.cos(phase), size * torch.sin(phase)])

    def drive(self, x: torch.Tensor) -> torch.Tensor:
        """gamma B x, (..., 2 states)."""
        gamma = torch.sqrt(-torch.expm1(-2.0 * self.rate()))
        return self.into(x) * torch.cat([gamma, gamma])

    def read(self, state: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The layer's output (..., width) from its states and its input."""
        u = functional.gelu(self.out(state) + self.skip * x)
        return x + u * torch.sigmoid(self.gate(u))

    def forward(self, x_btc: torch.Tensor) -> torch.Tensor:
        """(B, T, width) to the same."""
        return self.read(self.compute.rotation(self.drive(x_btc), self.turn()), x_btc)

    def advance(
        self, x_bc: torch.Tensor, state_bs: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One ms: the output (B, width) and the states."""
        state_bs = recurrence.reference.rotation_step(self.drive(x_bc), state_bs, self.turn())
        return self.read(state_bs, x_bc), state_bs


class Ssm(ReadoutSurrogate):
    """Spikes summed to channels, layers of diagonal recurrences, a linear readout.

    Without the normalisation that stands between the original's layers, which would take away
    how many spikes there are.
    """

    def __init__(self, options: SsmOptions) -> None:
        super().__init__(options)
        bound = options.inputs**-0.5
        self.encoder = nn.Parameter(
            torch.empty(options.inputs, options.width).uniform_(-bound, bound)
        )
        self.layers: Any = nn.ModuleList(SsmLayer(options) for _ in range(options.layers))
        self.readout = nn.Linear(options.width, options.outputs)

    def held(self, events: EventBatch) -> torch.Tensor:
        """The last layer's channels, (B, T, width)."""
        x_btc = recurrence.event_convolution(events, self.encoder.unsqueeze(1))
        for layer in self.layers:
            x_btc = layer(x_btc)
        return x_btc

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to the channels, (N, width)."""
        return self.encoder

    def first_state(self, rows: int) -> State:
        """The states of each layer, (rows, 2 states), all 0."""
        return tuple(self.encoder.new_zeros(rows, 2 * self.options.states) for _ in self.layers)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        x_bc, after = current_bc, []
        for layer, before_bs in zip(self.layers, state, strict=True):
            x_bc, after_bs = layer.advance(x_bc, before_bs)
            after.append(after_bs)
        return self.readout(x_bc), tuple(after)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        width, states = self.options.width, self.options.states
        matrices = self.encoder.numel() + self.readout.weight.numel()
        layer = 4 * width * states + width * width + 6 * states + 2 * width
        return matrices + self.options.layers * layer
