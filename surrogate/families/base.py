"""What every surrogate is made with."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from neuronio.sections import Section


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
