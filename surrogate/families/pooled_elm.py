"""Options of the pooled ELM."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from neuronio.surrogate.families.elm import ElmOptions


class PooledElmOptions(ElmOptions):
    """Pooled ELM: neighbouring segments' inputs summed, excitation and inhibition apart."""

    clusters: int = Field(
        20, ge=1, description="Groups of neighbouring segments, equally many where that can be."
    )
    weights: Literal["none", "synapse"] = Field(
        "none", description="All spikes count alike, or by a learned weight of their synapse."
    )
    memory_gain: Literal["v1", "v2"] = Field(
        "v1", description="As in Branch-ELM v1, or v2, where it is below 1 and fits explode less."
    )

    @property
    def version(self) -> int:
        """Of the memory gain."""
        return int(self.memory_gain[1])

    @model_validator(mode="after")
    def _not_too_many(self) -> PooledElmOptions:
        if not self.signed:
            raise ValueError("signed is false, but clusters have excitation and inhibition apart")
        if self.clusters > self.inputs // 2:
            raise ValueError(
                f"clusters is {self.clusters} but must be at most {self.inputs // 2}, the number "
                "of segments"
            )
        return self
