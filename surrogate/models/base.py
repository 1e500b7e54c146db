"""What a surrogate is: its options, and a module from input spikes to spike logit and voltage."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator, Field
from torch import nn

from neuronio.sections import Section
from neuronio.surrogate.events import EventBatch


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
        1278, ge=2, multiple_of=2, description="Input synapses, excitatory first, then inhibitory."
    )
    size_field: ClassVar[str] = ""

    @property
    def size(self) -> int:
        """The value of the size field."""
        return getattr(self, self.size_field)


class Surrogate(nn.Module):
    """Base of every surrogate.

    Args:
        options: what it is made with, checked.

    Attributes:
        accepts: 'events' where time and memory go with the number of input spikes, 'dense' where
            inputs are spread out to one number a synapse and ms.
    """

    accepts: ClassVar[Literal["events", "dense"]] = "events"

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        self.options: Any = options

    @abstractmethod
    def forward(self, events: EventBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Spike logit and soma voltage in target units, each (B, T), of B windows of T ms.

        An output at ms t depends on inputs up to t only.
        """

    @abstractmethod
    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms; of sparse inputs, with every synapse counted as active once."""

    def count_parameters(self) -> int:
        """Learned numbers."""
        return sum(p.numel() for p in self.parameters())
