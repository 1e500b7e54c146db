"""Options of what stands on exponential filters."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from neuronio.surrogate.families.base import ModelOptions, rising


class FilterOptions(ModelOptions):
    """Each synapse drives exponential filters of log-spaced time constants."""

    filters: int = Field(4, ge=1, description="Number of time constants.")
    rank: int = Field(
        0,
        ge=0,
        description="Time courses that all excitatory, and all inhibitory, synapses share, each "
        "with a weight per synapse; 0: every synapse learns its own.",
    )
    tau_min_ms: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="The shortest time constant, ms."
    )
    tau_max_ms: float = Field(
        80.0, gt=0, allow_inf_nan=False, description="The longest time constant, ms."
    )
    size_field: ClassVar[str] = "filters"

    @model_validator(mode="after")
    def _ordered(self) -> FilterOptions:
        rising(self, "tau_min_ms", "tau_max_ms")
        if self.rank and not self.signed:
            raise ValueError("rank needs inputs of two signs; leave it out where signed is false")
        return self

    @classmethod
    def reaching(cls, steps: int, step_ms: float) -> dict[str, Any]:
        """Filters from a step to all of them."""
        return {"tau_min_ms": step_ms, "tau_max_ms": max(steps, 2) * step_ms}
