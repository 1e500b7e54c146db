"""What a surrogate is: its options, and a module from input events to outputs at every step.

What it is fitted to (a task) says what the outputs are: spike logit and voltages, or the logits of
classes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import nn

from neuronio.errors import NeuronIOError
from neuronio.sections import Section
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.recurrence import event_convolution
from neuronio.surrogate.streaming import State, Stepper


def _as_tuple(value: Any) -> Any:
    """A lone number, or numbers with commas between them, as a tuple."""
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return tuple(int(part) if part.isdigit() else part for part in parts)
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, int) else value


Numbers = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_as_tuple)]
"""Whole numbers of at least 1: a list, or on a command line 45,19."""


def rising(options: Section, low: str, high: str) -> None:
    """For validators: reject bounds of which the lower is not below the higher."""
    below, above = getattr(options, low), getattr(options, high)
    if above <= below:
        raise ValueError(f"{high} is {above} but must be above {low}, {below}")


class ModelOptions(Section):
    """What every surrogate is made with; `size_field` names what a configuration's sizes set."""

    inputs: int = Field(
        1278,
        ge=1,
        description="Input synapses, excitatory first, then inhibitory; or channels without a "
        "sign.",
    )
    outputs: int = Field(
        2,
        ge=1,
        description="Outputs: spike logit, soma voltage, then further targets; or a logit of each "
        "class.",
    )
    step_ms: float = Field(
        1.0,
        gt=0,
        description="Width of a step, ms; 1 for sequences without a clock, whose time constants "
        "are then in steps.",
    )
    signed: bool = Field(
        True, description="The first half of the inputs excites, the other half inhibits."
    )
    size_field: ClassVar[str] = ""

    @model_validator(mode="after")
    def _paired(self) -> ModelOptions:
        if self.signed and self.inputs % 2:
            raise ValueError(
                f"inputs is {self.inputs} but must be a multiple of 2, excitatory and inhibitory "
                "ones; for channels without a sign set signed to false"
            )
        return self

    @classmethod
    def reaching(cls, steps: int, step_ms: float) -> dict[str, Any]:
        """Options that let a model remember as long as so many steps, where it has such."""
        return {}

    @property
    def size(self) -> int:
        """The value of the size field."""
        return getattr(self, self.size_field)


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
