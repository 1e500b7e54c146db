"""How a classifier of sequences is fitted and judged: sections of a configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronio.sections import Section

ONLY_SPEED = ("threads", "device")
"""Training settings that decide how fast a fit is and not what comes out."""


class ClassifierTraining(Section):
    """How a classifier of sequences is fitted."""

    epochs: int = Field(10, ge=1, le=100_000, description="Passes over the training samples.")
    batch_size: int = Field(8, ge=1, le=4096, description="Sequences in a step.")
    optimizer: Literal["adam", "adamax", "soap"] = Field(
        "adamax",
        description="Adam, Adamax, or SOAP: Adam in a basis that turns with the gradients "
        "(docs/training.md).",
    )
    learning_rate: float = Field(
        5e-3, gt=0, le=0.1, description="Largest learning rate; it falls to 0 along a cosine."
    )
    warm_up_steps: int = Field(
        0, ge=0, le=1_000_000, description="First steps, over which the learning rate rises."
    )
    gradient_clip: float = Field(1.0, gt=0, description="Largest norm of the whole gradient.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Part of the target that all classes share."
    )
    input_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of (step, channel) entries left out in training; the others count so "
        "much more.",
    )
    select_by: Literal["accuracy", "loss"] = Field(
        "accuracy", description="Kept are the weights of the best validation accuracy, or loss."
    )
    validations: int = Field(
        1, ge=1, le=1000, description="Validations an epoch, each with a checkpoint."
    )
    threads: int = Field(1, ge=1, le=1024, description="CPU threads of one fit.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where a classifier is fitted.")


class ClassifierEvaluation(Section):
    """How a classifier is judged on the test split."""

    input_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of entries left out in testing too, as some published scores have it.",
    )
    bootstrap: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="Bootstrap resamples of groups (recordings, speakers), or of samples; 0 means "
        "no intervals.",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Coverage of the intervals.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the bootstrap and the dropout.")
