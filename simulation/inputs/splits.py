"""The splits of a dataset: their trials, shards, inputs and random numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuronio.config import InputsConfig, RunConfig
from neuronio.errors import NeuronIOError

SPLITS = ("train", "valid", "test")
MOST_SHARDS = 10_000
PURPOSES = ("inputs", "acceptance")


def trial_rng(
    dataset_seed: int,
    trial_index: int,
    *,
    split: str = "train",
    attempt: int = 0,
    purpose: str = "inputs",
) -> np.random.Generator:
    """The random numbers of one trial, which follow from the dataset's seed and the trial alone.

    Args:
        split: "train", "valid" or "test"; each counts its trials from 0.
        attempt: how many earlier draws of this trial the generator's rejection rule turned away.
        purpose: "inputs", or "acceptance" for the independent stream of `Generator.accepts`.
    """
    key = (SPLITS.index(split), trial_index, attempt, PURPOSES.index(purpose))
    return np.random.default_rng(np.random.SeedSequence(dataset_seed, spawn_key=key))


def split_inputs(config: RunConfig, split: str) -> InputsConfig:
    """The inputs section of a split: the test split may have its own."""
    other = config.dataset.test_generator if split == "test" else None
    return other or config.inputs


def trial_counts(config: RunConfig) -> dict[str, int]:
    """Trials of every split at the configuration's scale, at least one each."""
    counts = config.dataset.trials.model_dump()
    return {split: max(1, round(n * config.dataset.scale)) for split, n in counts.items()}


def shard_trials(config: RunConfig, split: str) -> list[range]:
    """Trial indices of each shard of a split.

    Raises:
        NeuronIOError: there are more than anyone can look after.
    """
    n, size = trial_counts(config)[split], config.dataset.trials_per_shard
    if n > MOST_SHARDS * size:
        raise NeuronIOError(
            f"{n:,} trials of {split} make more than {MOST_SHARDS:,} shards of {size:,}; raise "
            "dataset.trials_per_shard, or ask for fewer trials"
        )
    return [range(first, min(first + size, n)) for first in range(0, n, size)]


def shard_path(out_dir: str | Path, split: str, shard: int) -> Path:
    """Where a shard of a dataset lies."""
    return Path(out_dir) / split / f"shard-{shard:03d}.h5"
