"""Temporal convolutional networks: the published plain stack and a residual dilated one."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from neuronio.surrogate import recurrence
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.tcn import ResidualTcnOptions, TcnOptions
from neuronio.surrogate.models.base import State, Surrogate


class EventConvolution(nn.Module):
    """First layer: causal convolution that visits spikes only.

    `weight` is (inputs, kernel, channels): a spike of synapse n at t adds weight[n, j] at t + j.
    """

    # What computes over time; tests and benchmarks put the plain reference here.
    compute = recurrence

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        bound = (inputs * kernel) ** -0.5
        self.weight = nn.Parameter(torch.empty(inputs, kernel, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, events: EventBatch) -> torch.Tensor:
        """(B, T, channels)."""
        return self.compute.event_convolution(events, self.weight) + self.bias

    def first_state(self, rows: int) -> torch.Tensor:
        """What past spikes add to the ms to come, (rows, taps - 1, channels), all 0."""
        _, taps, channels = self.weight.shape
        return self.weight.new_zeros(rows, taps - 1, channels)

    def advance(
        self, current_bc: torch.Tensor, to_come_bkc: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One ms: its output (B, channels), and what is to come."""
        added_bkc = current_bc.unflatten(1, self.weight.shape[1:])
        added_bkc = added_bkc + functional.pad(to_come_bkc, (0, 0, 0, 1))
        return added_bkc[:, 0] + self.bias, added_bkc[:, 1:]


def causal_convolution(convolution: nn.Conv1d, x_btc: torch.Tensor) -> torch.Tensor:
    """A Conv1d looking only back, on (B, T, C) with the channels innermost.

    As a convolution of images of height 1 in channels-last order, for which oneDNN has its fastest
    kernels; both transpositions are views.
    """
    (kernel,), (dilation,) = convolution.kernel_size, convolution.dilation
    padded_btc = functional.pad(x_btc, (0, 0, dilation * (kernel - 1), 0))
    out_bc1t = functional.conv2d(
        padded_btc.transpose(1, 2).unsqueeze(2),
        convolution.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last),
        convolution.bias,
        dilation=(1, dilation),
    )
    return out_bc1t.squeeze(2).transpose(1, 2)


def latest_inputs(convolution: nn.Conv1d, rows: int) -> torch.Tensor:
    """The inputs that a convolution still needs before its first ms, (rows, ms, channels), all 0.

    A convolution takes 0 for what was before a window.
    """
    span = (convolution.kernel_size[0] - 1) * convolution.dilation[0]
    return convolution.weight.new_zeros(rows, span, convolution.in_channels)


def convolve_step(
    convolution: nn.Conv1d, x_bc: torch.Tensor, past_btc: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One ms of a causal convolution: its output (B, channels), and the inputs it still needs."""
    window_btc = torch.cat([past_btc, x_bc.unsqueeze(1)], dim=1)
    out_bd1 = convolution(window_btc.transpose(1, 2))
    return out_bd1.squeeze(2), window_btc[:, 1:]


def over_channels(norm: nn.BatchNorm1d, x_btc: torch.Tensor) -> torch.Tensor:
    """Batch norm over all rows and ms."""
    return norm(x_btc.flatten(0, 1)).view_as(x_btc)


class Tcn(Surrogate):
    """Causal convolutions, ReLU and batch norm each, two 1x1 heads (Beniaguev et al. 2021)."""

    def __init__(self, options: TcnOptions) -> None:
        super().__init__(options)
        (channels, kernel), *rest = options.layers()
        self.first = EventConvolution(options.inputs, channels, kernel)
        self.norms: Any = nn.ModuleList([nn.BatchNorm1d(channels)])
        self.convolutions: Any = nn.ModuleList()
        for following, kernel in rest:
            self.convolutions.append(nn.Conv1d(channels, following, kernel))
            self.norms.append(nn.BatchNorm1d(following))
            channels = following
        self.readout = nn.Linear(channels, options.outputs)

    @property
    def receptive_field_ms(self) -> int:
        """How many ms of input, the present one included, an output depends on."""
        return 1 + sum(kernel - 1 for _, kernel in self.options.layers())

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Spike logit, scaled soma voltage and further targets, (B, T, outputs)."""
        x_btc = over_channels(self.norms[0], functional.relu(self.first(events)))
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            x_btc = over_channels(norm, functional.relu(causal_convolution(convolution, x_btc)))
        return self.readout(x_btc)

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to the first layer, now and in the ms to come, (N, taps channels)."""
        return self.first.weight.flatten(1)

    def first_state(self, rows: int) -> State:
        """What is to come of the first layer, and the latest inputs of each layer after it."""
        pasts = [latest_inputs(convolution, rows) for convolution in self.convolutions]
        return self.first.first_state(rows), *pasts

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms; batch norm with its running means, as when it is evaluated."""
        x_bc, to_come = self.first.advance(current_bc, state[0])
        x_bc, pasts = self.norms[0](functional.relu(x_bc)), [to_come]
        for convolution, norm, past in zip(
            self.convolutions, self.norms[1:], state[1:], strict=True
        ):
            x_bc, past = convolve_step(convolution, x_bc, past)
            x_bc = norm(functional.relu(x_bc))
            pasts.append(past)
        return self.readout(x_bc), tuple(pasts)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with dense inputs."""
        layers = [self.first, *self.convolutions, self.readout]
        return sum(layer.weight.numel() for layer in layers)


class ResidualBlock(nn.Module):
    """Two dilated causal convolutions with ReLU, added to the block's input."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.convolutions: Any = nn.ModuleList(
            weight_norm(nn.Conv1d(width, width, kernel, dilation=dilation)) for _ in range(2)
        )

    def forward(self, x_btc: torch.Tensor) -> torch.Tensor:
        """(B, T, width) to the same."""
        out_btc = x_btc
        for convolution in self.convolutions:
            out_btc = functional.relu(causal_convolution(convolution, out_btc))
        return functional.relu(out_btc + x_btc)


class ResidualTcn(Surrogate):
    """Dilated residual blocks after a first layer on the spikes (Bai et al. 2018).

    The first layer, one convolution of the kernel's length from the synapses to `width` channels,
    stands where the original changes the number of channels inside its first block.
    """

    def __init__(self, options: ResidualTcnOptions) -> None:
        super().__init__(options)
        self.first = EventConvolution(options.inputs, options.width, options.kernel)
        self.blocks: Any = nn.Sequential(
            *(ResidualBlock(options.width, options.kernel, 2**i) for i in range(options.depth))
        )
        self.readout = nn.Linear(options.width, options.outputs)

    @property
    def receptive_field_ms(self) -> int:
        """How many ms of input, the present one included, an output depends on."""
        taps = self.options.kernel - 1
        return 1 + taps + 2 * taps * (2**self.options.depth - 1)

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Spike logit, scaled soma voltage and further targets, (B, T, outputs)."""
        return self.readout(self.blocks(functional.relu(self.first(events))))

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to the first layer, now and in the ms to come, (N, taps channels)."""
        return self.first.weight.flatten(1)

    def first_state(self, rows: int) -> State:
        """What is to come of the first layer, and the latest inputs of each convolution."""
        pasts = [latest_inputs(c, rows) for block in self.blocks for c in block.convolutions]
        return self.first.first_state(rows), *pasts

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        x_bc, to_come = self.first.advance(current_bc, state[0])
        x_bc, pasts, before = functional.relu(x_bc), [to_come], iter(state[1:])
        for block in self.blocks:
            out_bc = x_bc
            for convolution in block.convolutions:
                out_bc, past = convolve_step(convolution, out_bc, next(before))
                out_bc = functional.relu(out_bc)
                pasts.append(past)
            x_bc = functional.relu(out_bc + x_bc)
        return self.readout(x_bc), tuple(pasts)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with dense inputs."""
        convolutions = [c for block in self.blocks for c in block.convolutions]
        return sum(layer.weight.numel() for layer in [self.first, *convolutions, self.readout])
