"""The inputs of a trial: which generator, from which random numbers, and which trials are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuronio.config import InputsConfig
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.sections import validate
from neuronio.simulation.inputs.generators import GENERATORS, Generator
from neuronio.simulation.inputs.splits import trial_rng

MAX_ATTEMPTS = 1000


def rejected_for_ever(index: int, generator: str) -> NeuronIOError:
    """What is raised where every one of many draws of a trial was turned away."""
    return NeuronIOError(
        f"trial {index} was rejected {MAX_ATTEMPTS} times by the generator {generator}; "
        "loosen its rejection parameters"
    )


def make_generator(name: str, parameters: Mapping[str, Any]) -> Generator:
    """A generator with the given parameters; the rest keep their defaults.

    Args:
        name: a built-in generator, one of an installed package, or `FILE.py:NAME`.

    Raises:
        NeuronIOError: the generator or a parameter is unknown, or a value is out of range.
    """
    return validate(GENERATORS[name], dict(parameters), f"parameters of generator '{name}'")


def make_inputs(
    generator: str,
    parameters: Mapping[str, Any],
    segments: SegmentTable,
    duration_ms: int,
    rng: np.random.Generator,
) -> InputEvents:
    """Input spikes of one trial, from random numbers that the caller holds.

    Args:
        generator: its name, as for `make_generator`.
        parameters: the generator's parameters that differ from its defaults.
        segments: the cell's S dendritic segments.
        duration_ms: length of the trial, ms.
        rng: the trial's own random numbers (`trial_rng`); the same state gives the same spikes.

    Returns:
        Events of 2 S synapses in bins of 1 ms.

    Raises:
        NeuronIOError: as `make_generator`, or the duration is not positive.
    """
    if duration_ms < 1:
        raise NeuronIOError(f"duration_ms is {duration_ms}, but a trial lasts 1 ms or more")
    return make_generator(generator, parameters).rates(segments, duration_ms, rng).sample(rng)


def draw_trial_inputs(
    inputs: InputsConfig,
    segments: SegmentTable,
    duration_ms: int,
    seed: int,
    split: str = "train",
    index: int = 0,
    attempt: int = 0,
) -> InputEvents:
    """Input spikes of one trial of the dataset with this seed; otherwise as `make_inputs`.

    Args:
        index: of the trial in its split; attempt: how many of its draws were turned away before.
    """
    rng = trial_rng(seed, index, split=split, attempt=attempt)
    return make_inputs(inputs.generator, inputs.parameters, segments, duration_ms, rng)


def accept_trial(
    generator: str, parameters: Mapping[str, Any], n_output_spikes: int, rng: np.random.Generator
) -> bool:
    """Whether a simulated trial joins the dataset, which its generator decides.

    Args:
        rng: `trial_rng(..., purpose="acceptance")`, so that the verdict follows from the trial.

    Raises:
        NeuronIOError: as `make_generator`.
    """
    return make_generator(generator, parameters).accepts(n_output_spikes, rng)
