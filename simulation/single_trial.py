"""One trial: inputs and an engine make a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuronio.config import EngineConfig, InputsConfig
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.files import replacing
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.base import Engine, TrialFailure, make_engine
from neuronio.simulation.inputs.draw import make_inputs, trial_rng


def read_inputs(path: str | Path, duration_ms: int | None) -> InputEvents:
    """Inputs from an npz file (see `InputEvents.load_npz`), cut to a duration where one is given.

    Raises:
        NeuronIOError: the file cannot be read, or is shorter than the duration.
    """
    inputs = InputEvents.load_npz(path)
    if duration_ms is None:
        return inputs
    if duration_ms > inputs.duration_ms:
        raise NeuronIOError(
            f"{path} holds inputs of {inputs.duration_ms} ms, but {duration_ms} ms were asked for; "
            "give a shorter --duration-ms"
        )
    return inputs.window(0, duration_ms)


def draw_trial_inputs(
    generator: InputsConfig,
    segments: SegmentTable,
    duration_ms: int,
    seed: int,
    split: str = "train",
    index: int = 0,
) -> InputEvents:
    """The inputs of one trial of a dataset with this seed."""
    rng = trial_rng(seed, index, split=split)
    return make_inputs(generator.generator, generator.parameters, segments, duration_ms, rng)


def build_engine(spec: CellSpec, settings: EngineConfig, t0_artefact: bool) -> Engine:
    """An engine for single trials, which keeps the 8 kHz soma voltage."""
    return make_engine(spec, settings, t0_artefact=t0_artefact, record_soma_8khz=True)


def run_trial(engine: Engine, inputs: InputEvents) -> Recording:
    """Simulate one trial.

    Raises:
        NeuronIOError: the trial failed; says why and when.
    """
    outcome = engine.run([inputs])[0]
    if isinstance(outcome, TrialFailure):
        at = "" if outcome.time_ms is None else f" at {outcome.time_ms:g} ms"
        raise NeuronIOError(f"the trial failed{at}: {outcome.reason}; try a smaller --dt-ms")
    return outcome


def save_trial(path: str | Path, inputs: InputEvents, recording: Recording, info: dict) -> None:
    """Write a trial to an npz file: voltages, spikes, inputs, and facts, atomically.

    Keys: soma_mV, nexus_mV (1 kHz), soma_8khz_mV, spike_ms; excitatory, inhibitory and shape as in
    `InputEvents.packed`; and one key for every item of `info`.

    Raises:
        NeuronIOError: the file cannot be written.
    """
    traces = {key: value for key, value in vars(recording).items() if value is not None}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **traces, **inputs.packed(), **info)
