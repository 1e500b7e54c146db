"""A recurrent network of leaky integrate-and-fire units."""

from __future__ import annotations

import math

import torch
from torch import nn

from neuronio.surrogate import recurrence
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.lif_network import LifNetworkOptions
from neuronio.surrogate.models.base import ReadoutSurrogate, State


class LifNetwork(ReadoutSurrogate):
    """Leaky integrate-and-fire units that spike into one another; a leaky sum of spikes read out.

    With I the input, filtered, s = 1 where v is above 1, and a = exp(-step / tau) for each unit:

        v_t = a (v_{t-1} - s_{t-1}) + (1 - a) (I_t + W s_{t-1} + b)
        r_t = k r_{t-1} + sqrt(1 - k^2) s_t     k = exp(-step / tau_readout)

    The readout is linear in r. Source: Cramer et al. 2022 (IEEE TNNLS 33, 2744), whose readout
    units have currents of their own besides; the derivative of a spike: Zenke & Ganguli 2018.
    """

    def __init__(self, options: LifNetworkOptions) -> None:
        super().__init__(options)
        units, bound = options.units, options.units**-0.5
        self.input_decay = math.exp(-options.step_ms / options.tau_synapse_ms)
        self.readout_decay = math.exp(-options.step_ms / options.tau_readout_ms)
        spread = options.input_scale * options.inputs**-0.5
        self.input_weight = nn.Parameter(spread * torch.randn(options.inputs, units))
        self.weight = nn.Parameter(torch.empty(units, units).uniform_(-bound, bound))
        self.current_bias = nn.Parameter(torch.zeros(units))
        self.log_tau = nn.Parameter(torch.full((units,), math.log(options.tau_membrane_ms)))
        self.readout = nn.Linear(units, options.outputs)

    def held(self, events: EventBatch) -> torch.Tensor:
        """The leaky sums of spikes, (B, T, units)."""
        current_btu = recurrence.event_convolution(events, self.input_kernel().unsqueeze(1))
        filtered_btu = recurrence.exponential_filter(current_btu, self.input_decay)
        decay_u, weight_uu = self._transition()
        v_btu = recurrence.spiking(
            self._drive(filtered_btu), decay_u, weight_uu, self.options.surrogate_slope
        )
        return recurrence.exponential_filter(self._counted(v_btu), self.readout_decay)

    def _transition(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What a step leaves of each potential, and what a spike adds to all: its reset too."""
        decay_u = torch.exp(-self.options.step_ms * torch.exp(-self.log_tau))
        return decay_u, (1.0 - decay_u)[:, None] * self.weight - torch.diag(decay_u)

    def _drive(self, filtered_u: torch.Tensor) -> torch.Tensor:
        """What the filtered input adds to the potentials in a step."""
        gain_u = -torch.expm1(-self.options.step_ms * torch.exp(-self.log_tau))
        return gain_u * (filtered_u + self.current_bias)

    def _counted(self, v_u: torch.Tensor) -> torch.Tensor:
        """What spikes add to the leaky sums."""
        spike_u = recurrence.reference.SurrogateSpike.apply(v_u - 1.0, self.options.surrogate_slope)
        return math.sqrt(1.0 - self.readout_decay**2) * spike_u

    def input_kernel(self) -> torch.Tensor:
        """What an event adds to the input currents, (N, units)."""
        return self.input_weight

    def first_state(self, rows: int) -> State:
        """Input currents, potentials and sums of spikes, (rows, units) each, all 0."""
        return tuple(self.current_bias.new_zeros(rows, self.options.units) for _ in range(3))

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One step."""
        filtered_bu, v_bu, sum_bu = state
        filtered_bu = self.input_decay * filtered_bu + current_bc
        slope = self.options.surrogate_slope
        v_bu = recurrence.reference.spiking_step(
            self._drive(filtered_bu), v_bu, *self._transition(), slope
        )
        sum_bu = self.readout_decay * sum_bu + self._counted(v_bu)
        return self.readout(sum_bu), (filtered_bu, v_bu, sum_bu)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per step with every input active once, and every unit."""
        units = self.options.units
        matrices = self.input_weight, self.weight, self.readout.weight
        return sum(matrix.numel() for matrix in matrices) + 4 * units
