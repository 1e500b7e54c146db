"""Leaky integrate-and-fire neurons with learned weights, of one compartment and of two."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from neuronio.surrogate import recurrence
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.lif import LifOptions
from neuronio.surrogate.models.base import State, Surrogate
from neuronio.surrogate.models.filters import FilterBank

INITIAL_TAU_MS = 10.0
INITIAL_COUPLING = 1.0
INITIAL_LOGIT_GAIN = 5.0


class Lif(Surrogate):
    """Filtered synaptic currents, leaky compartments, a threshold at 1, reset by subtraction.

    With I the filtered currents and A what one step leaves of the potentials,

        v_t = A (v_{t-1} - reset spike_{t-1}) + (1 - exp(-step / tau)) I_t + b

    The soma spikes where its v is above 1. All outputs are affine functions of the soma's
    potential before the reset. Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3;
    the derivative of a spike: Zenke & Ganguli 2018.
    """

    compartments: ClassVar[int]

    def __init__(self, options: LifOptions) -> None:
        super().__init__(options)
        self.bank = FilterBank(options, outputs=self.compartments)
        self.current_bias = nn.Parameter(torch.zeros(self.compartments))
        self.log_tau = nn.Parameter(torch.full((self.compartments,), INITIAL_TAU_MS).log())
        self.reset = nn.Parameter(torch.ones(()))
        self.gain = nn.Parameter(torch.tensor([INITIAL_LOGIT_GAIN] + [1.0] * (options.outputs - 1)))
        self.bias = nn.Parameter(torch.zeros(options.outputs))

    @abstractmethod
    def transition(self) -> torch.Tensor:
        """What one ms leaves of the potentials, (compartments, compartments)."""

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Spike logit, scaled soma voltage and further targets, (B, T, outputs)."""
        return self._outputs(self.potentials(events))

    def potentials(self, events: EventBatch) -> torch.Tensor:
        """Potentials before the reset of each ms, soma first, (B, T, compartments)."""
        current_btk = self._current(self.bank(events))
        return recurrence.membrane(
            current_btk, self.transition(), self._reset(), self.options.surrogate_slope
        )

    def _current(self, filtered_k: torch.Tensor) -> torch.Tensor:
        """What the filtered sums (..., compartments) add to the potentials in a ms."""
        return -torch.expm1(-self._rate()) * filtered_k + self.current_bias

    def _rate(self) -> torch.Tensor:
        """What a step is of each time constant, (compartments,)."""
        return self.options.step_ms * torch.exp(-self.log_tau)

    def _reset(self) -> torch.Tensor:
        """What a spike takes from each compartment: from the soma alone."""
        return functional.pad(self.reset[None], (0, self.compartments - 1))

    def _outputs(self, potential_k: torch.Tensor) -> torch.Tensor:
        """(..., outputs) from the potentials before the reset."""
        return self.gain * potential_k[..., :1] + self.bias

    def input_kernel(self) -> torch.Tensor:
        """What a spike adds to every filter of every compartment, (N, F compartments)."""
        return self.bank.kernel()

    def first_state(self, rows: int) -> State:
        """The filters, and the potentials (rows, compartments) after the reset, all 0."""
        return *self.bank.first_state(rows), self.gain.new_zeros(rows, self.compartments)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        filtered_bk, filters = self.bank.advance(current_bc, state[:-1])
        before_bk, after_bk = recurrence.reference.membrane_step(
            self._current(filtered_bk),
            state[-1],
            self.transition(),
            self._reset(),
            self.options.surrogate_slope,
        )
        return self._outputs(before_bk), (*filters, after_bk)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        k = self.compartments
        return self.bank.count_multiply_adds() + k * k + k + 1 + self.options.outputs


class LeakyIntegrateAndFire(Lif):
    """A soma alone: A = exp(-step / tau)."""

    compartments = 1

    def transition(self) -> torch.Tensor:
        """What one ms leaves of the potential, (1, 1)."""
        return torch.exp(-self._rate())[:, None]


class TwoCompartmentLif(Lif):
    """A soma that spikes and a passive dendrite, which a spike does not reset.

    Between the currents of one ms and the next, with couplings g > 0,

        tau_s dv_s/dt = -v_s + g_s (v_d - v_s)
        tau_d dv_d/dt = -v_d + g_d (v_s - v_d)

    solved exactly: A = exp(M), M the matrix of these equations. Each synapse has weights to both.
    Source: Rospars & Lansky 1993 (Biol. Cybern. 69, 283), the two-point neuron.
    """

    compartments = 2

    def __init__(self, options: LifOptions) -> None:
        super().__init__(options)
        self.log_coupling = nn.Parameter(torch.full((2,), INITIAL_COUPLING).log())

    def transition(self) -> torch.Tensor:
        """What one ms leaves of the potentials of soma and dendrite, (2, 2)."""
        rate, coupling = self._rate(), self.log_coupling.exp()
        decay, flow = -rate * (1.0 + coupling), rate * coupling
        mean, half = decay.mean(), (decay[0] - decay[1]) / 2.0
        # M = mean + N with N N = q^2, so that exp(M) = exp(mean) (cosh q + N sinh(q) / q).
        q = torch.sqrt(half.square() + flow.prod())
        part = torch.sinh(q) / q
        soma = torch.stack([torch.cosh(q) + part * half, part * flow[0]])
        dendrite = torch.stack([part * flow[1], torch.cosh(q) - part * half])
        return torch.exp(mean) * torch.stack([soma, dendrite])
