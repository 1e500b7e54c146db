"""Options of the recurrent network of integrate-and-fire units."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from neuronio.surrogate.families.base import ModelOptions


class LifNetworkOptions(ModelOptions):
    """Leaky integrate-and-fire units with learned recurrent weights and a surrogate gradient."""

    units: int = Field(128, ge=1, description="Units, each with weights to all.")
    tau_synapse_ms: float = Field(
        10.0, gt=0, allow_inf_nan=False, description="Time constant of the input currents, ms."
    )
    tau_membrane_ms: float = Field(
        20.0,
        gt=0,
        allow_inf_nan=False,
        description="Membrane time constant to begin with, ms; each unit learns its own.",
    )
    tau_readout_ms: float = Field(
        20.0,
        gt=0,
        allow_inf_nan=False,
        description="Time constant that the readout sums spikes with, ms.",
    )
    surrogate_slope: float = Field(
        5.0,
        gt=0,
        allow_inf_nan=False,
        description="Steepness of the derivative that stands in for a spike's.",
    )
    input_scale: float = Field(
        2.0, gt=0, allow_inf_nan=False, description="Of the input weights to begin with."
    )
    size_field: ClassVar[str] = "units"

    @classmethod
    def reaching(cls, steps: int, step_ms: float) -> dict[str, Any]:
        """A readout that sums over all steps."""
        return {"tau_readout_ms": steps * step_ms}
