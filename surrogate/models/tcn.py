"""Temporal convolutional networks: the published plain stack and a residual dilated one."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from surrogate.events import EventBatch
from surrogate.options import TcnOptions
from surrogate.recurrence import event_convolution


class EventConvolution(nn.Module):
    """First layer: causal convolution that visits spikes only.

    `weight` is (inputs, kernel, channels): a spike of synapse n at t adds weight[n, j] at t + j.
    """

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        bound = (inputs * kernel) ** -0.5
        self.weight = nn.Parameter(torch.empty(inputs, kernel, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, events: EventBatch) -> torch.Tensor:
        """(B, channels, T)."""
        return (event_convolution(events, self.weight) + self.bias).transpose(1, 2)


class Tcn(nn.Module):
    """Causal convolutions, ReLU and batch norm each, two 1x1 heads (Beniaguev et al. 2021)."""

    accepts = "events"

    def __init__(self, options: TcnOptions) -> None:
        super().__init__()
        self.options = options
        (channels, kernel), *rest = options.layers()
        self.first = EventConvolution(options.inputs, channels, kernel)
        self.norms = nn.ModuleList([nn.BatchNorm1d(channels)])
        self.convolutions = nn.ModuleList()
        for following, kernel in rest:
            self.convolutions.append(nn.Conv1d(channels, following, kernel))
            self.norms.append(nn.BatchNorm1d(following))
            channels = following
        self.readout = nn.Linear(channels, 2)

    @property
    def receptive_field_ms(self) -> int:
        """How many ms of input, the present one included, an output depends on."""
        return 1 + sum(kernel - 1 for _, kernel in self.options.layers())

    def forward(self, events: EventBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Spike logit and scaled soma voltage, each (B, T)."""
        x_bct = self.norms[0](functional.relu(self.first(events)))
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            padded = functional.pad(x_bct, (convolution.kernel_size[0] - 1, 0))
            x_bct = norm(functional.relu(convolution(padded)))
        out_bto = self.readout(x_bct.transpose(1, 2))
        return out_bto[..., 0], out_bto[..., 1]

    def count_parameters(self) -> int:
        """Learned numbers."""
        return sum(p.numel() for p in self.parameters())

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with dense inputs."""
        layers = [self.first, *self.convolutions, self.readout]
        return sum(layer.weight.numel() for layer in layers)
