"""How surrogates are fitted: the training section of a configuration, and named presets of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from neuronio.sections import Section

# Spieler et al. 2024 (ICLR): 35 epochs of 10,000 steps.
PUBLISHED: dict[str, Any] = {
    "steps": 350_000,
    "batch_size": 8,
    "window_ms": 500,
    "burn_in_ms": 150,
    "learning_rate": 5e-4,
    "optimizer": "adam",
    "gradient_clip": 1.0,
    "spike_weight": 0.5,
    "select_by": "soma_rmse",
    "validate_every": 10_000,
}
# Options of a model that follow from trials, beside the number of inputs.
FOLLOWS = ("step_ms", "signed")
PRESETS: dict[str, dict[str, Any]] = {
    "published": PUBLISHED,
    # Their best network: 100 epochs of 2,500 steps of larger batches (with SiLU, a model's option).
    "published-best": {
        **PUBLISHED,
        "steps": 250_000,
        "batch_size": 32,
        "validate_every": 2_500,
    },
    # Minutes on a laptop.
    "demo": {
        **PUBLISHED,
        "steps": 4_000,
        "learning_rate": 3e-3,
        "select_by": "loss",
        "validate_every": 500,
    },
    # What docs/training.md found best on validation trials.
    "ours": {
        **PUBLISHED,
        "steps": 20_000,
        "batch_size": 32,
        "optimizer": "soap",
        "learning_rate": 2e-3,
        "spike_weight": 0.9,
        "select_by": "loss",
        "validate_every": 2_000,
    },
}


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those of the preset that they name, if any, for the keys that are not given."""
    name = given.get("preset")
    return {**(PRESETS.get(name, {}) if isinstance(name, str) else {}), **given}


class TrainingConfig(Section):
    """How a surrogate is fitted."""

    preset: Literal["demo", "ours", "published", "published-best"] | None = Field(
        None,
        description="Settings by name, for the keys that are not given: demo (minutes on a "
        "laptop), ours (docs/training.md), published (Spieler et al. 2024), published-best (their "
        "best network).",
    )
    steps: int = Field(2000, ge=1, le=100_000_000, description="Optimiser steps of a fit.")
    batch_size: int = Field(8, ge=1, le=4096, description="Windows in a step.")
    window_ms: int = Field(500, ge=2, le=60_000, description="Length of a training window, ms.")
    burn_in_ms: int = Field(
        150, ge=0, lt=60_000, description="Start of a window that the loss leaves out, ms."
    )
    learning_rate: float = Field(
        5e-4, gt=0, le=0.1, description="First learning rate; it falls to 0 along a cosine."
    )
    optimizer: Literal["adam", "soap"] = Field(
        "adam",
        description="Adam, or SOAP: Adam in a basis that turns with the gradients, which needs far "
        "fewer steps where weights are few (docs/training.md).",
    )
    gradient_clip: float = Field(1.0, gt=0, description="Largest norm of the whole gradient.")
    spike_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of the spike loss; the soma loss has the rest."
    )
    nexus: bool = Field(False, description="Fit the nexus voltage too.")
    dendrites: int = Field(
        0,
        ge=0,
        le=1000,
        description="Principal components of the dendritic voltages to fit too; the data must hold "
        "those voltages (dataset.record_segments).",
    )
    train_trials: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Fit on the first of the training trials only, so many; 0 means all.",
    )
    select_by: Literal["loss", "soma_rmse"] = Field(
        "loss",
        description="Kept are the weights of the smallest validation loss of spikes and soma, or "
        "soma RMSE as published.",
    )
    validate_every: int = Field(
        500, ge=1, le=10_000_000, description="Steps between validations, each with a checkpoint."
    )
    validation_trials: int = Field(
        64, ge=1, le=1_000_000, description="Validation trials scored each time, from the first."
    )
    cache_mib: int = Field(
        512, ge=1, le=1_000_000, description="Memory for trials already read, MiB."
    )
    threads: int = Field(1, ge=1, le=1024, description="CPU threads of one fit.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where a surrogate is fitted.")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        """Keys that are not given, from the preset."""
        return with_preset(given) if isinstance(given, dict) else given

    @property
    def exposure_s(self) -> float:
        """What a fit's loss sees of trials, s of simulated time; a second seen twice counts two."""
        return self.steps * self.batch_size * (self.window_ms - self.burn_in_ms) / 1000

    @property
    def outputs(self) -> int:
        """Outputs of a model that is fitted so: spike logit, soma voltage and further targets."""
        return 2 + self.nexus + self.dendrites

    @model_validator(mode="after")
    def _consistent(self) -> TrainingConfig:
        if self.burn_in_ms >= self.window_ms:
            raise ValueError(
                f"burn_in_ms is {self.burn_in_ms} but must be less than window_ms, {self.window_ms}"
            )
        return self
