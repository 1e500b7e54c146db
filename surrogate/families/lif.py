"""Options of the leaky integrate-and-fire neurons."""

from __future__ import annotations

from pydantic import Field

from neuronio.surrogate.families.filters import FilterOptions


class LifOptions(FilterOptions):
    """Leaky integrate-and-fire neuron with learned synaptic weights and a surrogate gradient."""

    filters: int = Field(2, ge=1, description="Number of time constants.")
    surrogate_slope: float = Field(
        5.0,
        gt=0,
        allow_inf_nan=False,
        description="Steepness of the derivative that stands in for the spike's.",
    )
