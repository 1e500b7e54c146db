"""What a surrogate is: its options, and a module from input events to outputs at every step.

What it is fitted to (a task) says what the outputs are: spike logit and voltages, or the logits of
classes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from neuronio.errors import NeuronIOError
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.base import ModelOptions
from neuronio.surrogate.recurrence import event_convolution
from neuronio.surrogate.streaming import State, Stepper


class Surrogate(nn.Module):
    """Base of every surrogate.

    A model says what it does in one ms (`input_kernel`, `first_state`, `advance`), what it does
    over a whole window (`forward`), or both, which then must agree; with the first alone, a window
    is one ms after the other.

    Args:
        options: what it is made with, checked.
    """

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        self.options: Any = options

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Outputs of B rows of T steps, (B, T, outputs).

        Fitted to trials, the first is the spike logit, the second the soma voltage in target units.
        An output at step t depends on inputs up to t only.
        """
        currents_btc = event_convolution(events, self.input_kernel().unsqueeze(1))
        state, out = self.first_state(events.n_rows), []
        for current_bc in currents_btc.unbind(1):
            out_bo, state = self.advance(current_bc, state)
            out.append(out_bo)
        return torch.stack(out, dim=1)

    def at_last(self, events: EventBatch) -> torch.Tensor:
        """Outputs at the last step of each row, (B, outputs)."""
        return events.last(self(events))

    def input_kernel(self) -> torch.Tensor:
        """What one spike of each synapse adds to the currents of its ms, (N, C)."""
        raise self._no_step()

    def first_state(self, rows: int) -> State:
        """The state before the first ms, of `rows` rows."""
        raise self._no_step()

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms: from its currents (B, C) and the state, the outputs (B, outputs) and the next."""
        raise self._no_step()

    def stream(self, rows: int = 1) -> Stepper:
        """So many rows that go on ms by ms, each with a state of its own (docs/streaming.md)."""
        return Stepper(self, rows)

    def _no_step(self) -> NeuronIOError:
        return NeuronIOError(
            f"{type(self).__name__} cannot go one ms at a time: it has no input_kernel, "
            "first_state and advance; write them (docs/extending.md), or give it whole windows"
        )

    def state_size(self) -> int | None:
        """Numbers remembered from one ms to the next; None if it takes whole windows only."""
        if type(self).first_state is Surrogate.first_state:
            return None
        return sum(part[0].numel() for part in self.first_state(1))

    @abstractmethod
    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms; of sparse inputs, with every synapse counted as active once."""

    def count_parameters(self) -> int:
        """Learned numbers."""
        return sum(p.numel() for p in self.parameters())


class ReadoutSurrogate(Surrogate):
    """A surrogate whose outputs are an affine function, `readout`, of what it holds."""

    readout: nn.Linear

    def forward(self, events: EventBatch) -> torch.Tensor:
        """Outputs of B rows of T steps, (B, T, outputs)."""
        return self.readout(self.held(events))

    def at_last(self, events: EventBatch) -> torch.Tensor:
        """Outputs at the last step of each row alone, (B, outputs)."""
        return self.readout(events.last(self.held(events)))

    @abstractmethod
    def held(self, events: EventBatch) -> torch.Tensor:
        """What the readout reads over time, (B, T, units)."""
