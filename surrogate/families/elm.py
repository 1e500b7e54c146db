"""Options of the ELM neuron and the Branch-ELM, v1 and v2."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from neuronio.surrogate.families.base import ModelOptions, rising


class ElmOptions(ModelOptions):
    """ELM neuron with one synapse per branch (Spieler et al. 2024, arXiv 2306.16922)."""

    num_memory: int = Field(
        20, ge=1, description="Memory units d_m; hidden layers have 2 d_m units."
    )
    mlp_layers: int = Field(
        1, ge=1, le=100, description="Hidden layers; the compiled recursion needs 1."
    )
    activation: Literal["relu", "silu"] = Field("relu", description="Of the hidden layers.")
    learn_tau: bool = Field(
        False, description="Learn the memory time constants through a scaled sigmoid."
    )
    tau_min_ms: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Shortest memory time constant, ms."
    )
    tau_max_ms: float = Field(
        150.0, gt=0, allow_inf_nan=False, description="Longest; they begin log-spaced, ms."
    )
    tau_synapse_ms: float = Field(
        5.0, gt=0, allow_inf_nan=False, description="Time constant of every synaptic trace, ms."
    )
    memory_scale: float = Field(5.0, gt=0, allow_inf_nan=False, description="Lambda of the paper.")
    recompute: bool = Field(
        False, description="Recompute the hidden activity going back, and so hold less memory."
    )
    size_field: ClassVar[str] = "num_memory"

    @property
    def version(self) -> int:
        """Of the memory gain: 1, lambda (1 - exp(-1 / tau)), or 2, 1 - exp(-lambda / tau)."""
        return 1

    @model_validator(mode="after")
    def _ordered(self) -> ElmOptions:
        rising(self, "tau_min_ms", "tau_max_ms")
        return self

    @classmethod
    def reaching(cls, steps: int, step_ms: float) -> dict[str, Any]:
        """Memory time constants from a step to all of them."""
        return {"tau_min_ms": step_ms, "tau_max_ms": max(steps, 2) * step_ms}


class BranchElmOptions(ElmOptions):
    """Branch-ELM: the synapses of a branch sum to one branch activation."""

    num_branch: int = Field(45, ge=1, description="Number of branches.")
    synapses_per_branch: int = Field(
        100, ge=1, description="Synapses of each branch; neighbouring branches share inputs."
    )

    @model_validator(mode="after")
    def _reaches_all(self) -> BranchElmOptions:
        if self.num_branch > self.inputs:
            raise ValueError(
                f"num_branch is {self.num_branch} but must be at most inputs, {self.inputs}"
            )
        stride = math.ceil(self.inputs / self.num_branch)
        if self.synapses_per_branch < stride:
            raise ValueError(
                f"synapses_per_branch is {self.synapses_per_branch} but must be at least {stride}, "
                f"so that {self.num_branch} branches reach all inputs"
            )
        return self


class BranchElmV2Options(BranchElmOptions):
    """Branch-ELM v2: as Branch-ELM with memory gain 1 - exp(-lambda / tau)."""

    @property
    def version(self) -> int:
        """2."""
        return 2
