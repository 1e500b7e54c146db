"""Options of the state-space model."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field, model_validator

from neuronio.surrogate.families.base import ModelOptions, rising


class SsmOptions(ModelOptions):
    """Layers of diagonal complex recurrences with gated units between them."""

    width: int = Field(32, ge=1, description="Channels between the layers.")
    layers: int = Field(2, ge=1, le=100, description="Number of layers.")
    states: int = Field(32, ge=1, description="Complex states of a layer.")
    tau_min_ms: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Shortest time constant to begin with, ms."
    )
    tau_max_ms: float = Field(
        150.0, gt=0, allow_inf_nan=False, description="Longest; they begin log-spaced, ms."
    )
    max_phase: float = Field(
        0.3, gt=0, le=math.pi, description="Largest rotation in a step to begin with, radians."
    )
    size_field: ClassVar[str] = "width"

    @model_validator(mode="after")
    def _ordered(self) -> SsmOptions:
        rising(self, "tau_min_ms", "tau_max_ms")
        return self

    @classmethod
    def reaching(cls, steps: int, step_ms: float) -> dict[str, Any]:
        """Time constants from a step to all of them."""
        return {"tau_min_ms": step_ms, "tau_max_ms": max(steps, 2) * step_ms}
