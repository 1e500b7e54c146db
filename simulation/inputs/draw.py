"""The inputs of a trial: which generator, from which random numbers, and which trials are kept."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuronio.config import validate
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.simulation.inputs.generators import (
    Constant,
    Ergodic,
    OutOfDistribution,
    Published,
    Subthreshold,
)

SPLITS = ("train", "valid", "test")
Generator = Constant | Published
GENERATORS: dict[str, type[Generator]] = {
    "published": Published,
    "ergodic": Ergodic,
    "subthreshold": Subthreshold,
    "constant": Constant,
    "ood": OutOfDistribution,
}


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
        purpose: "inputs", or "acceptance" for the independent stream of `accept_trial`.
    """
    purposes = ("inputs", "acceptance")
    key = (SPLITS.index(split), trial_index, attempt, purposes.index(purpose))
    return np.random.default_rng(np.random.SeedSequence(dataset_seed, spawn_key=key))


def make_generator(name: str, parameters: Mapping[str, Any]) -> Generator:
    """A generator with the given parameters; the rest keep their defaults.

    Raises:
        NeuronIOError: the generator or a parameter is unknown, or a value is out of range.
    """
    if name not in GENERATORS:
        guess = difflib.get_close_matches(str(name), GENERATORS, n=1)
        known = ", ".join(GENERATORS)
        hint = f"; did you mean '{guess[0]}'?" if guess else f"; take one of {known}"
        raise NeuronIOError(f"unknown generator '{name}'{hint}")
    return validate(GENERATORS[name], dict(parameters), f"parameters of generator '{name}'")


def make_inputs(
    generator: str,
    parameters: Mapping[str, Any],
    segments: SegmentTable,
    duration_ms: int,
    rng: np.random.Generator,
) -> InputEvents:
    """Input spikes of one trial.

    Args:
        generator: a key of `GENERATORS`.
        parameters: the generator's parameters that differ from its defaults.
        segments: the cell's dendritic segments.
        duration_ms: length of the trial, ms.
        rng: the trial's own random numbers (`trial_rng`); the same state gives the same spikes.

    Raises:
        NeuronIOError: as `make_generator`, or the duration is not positive.
    """
    if duration_ms < 1:
        raise NeuronIOError(f"duration_ms is {duration_ms}, but a trial lasts 1 ms or more")
    return make_generator(generator, parameters).rates(segments, duration_ms, rng).sample(rng)


def accept_trial(
    generator: str, parameters: Mapping[str, Any], n_output_spikes: int, rng: np.random.Generator
) -> bool:
    """Whether a simulated trial joins the dataset; only `ergodic` ever turns one away.

    Args:
        rng: `trial_rng(..., purpose="acceptance")`, so that the verdict follows from the trial.
    """
    made = make_generator(generator, parameters)
    if not isinstance(made, Ergodic):
        return True
    if n_output_spikes > made.busy_spikes:
        return bool(rng.random() < made.keep_busy)
    if n_output_spikes == 0:
        return bool(rng.random() < made.keep_silent)
    return True
