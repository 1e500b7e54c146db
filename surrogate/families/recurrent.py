"""Options of LSTM and GRU."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from neuronio.surrogate.families.base import ModelOptions


class RecurrentOptions(ModelOptions):
    """Recurrent layers on the input spikes."""

    hidden: int = Field(64, ge=1, description="Units of a layer.")
    layers: int = Field(1, ge=1, le=100, description="Number of layers.")
    size_field: ClassVar[str] = "hidden"


class ChronoOptions(RecurrentOptions):
    """Recurrent layers whose gates begin open for as long as dependencies may be."""

    longest: int = Field(
        1000, ge=3, description="T, the longest dependency that the gates begin open for, steps."
    )

    @classmethod
    def reaching(cls, steps: int, step_ms: float) -> dict[str, Any]:
        """T, all the steps."""
        return {"longest": max(steps, 3)}
