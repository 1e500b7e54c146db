"""Single trials: inputs and an engine make a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from neuronio.config import EngineConfig, InputsConfig
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.files import write_npz
from neuronio.sections import validate
from neuronio.simulation.cell_spec import CellSpec, load_cell
from neuronio.simulation.engines.base import Engine, TrialFailure
from neuronio.simulation.engines.registry import make_engine
from neuronio.simulation.inputs.draw import (
    MAX_ATTEMPTS,
    accept_trial,
    draw_trial_inputs,
    rejected_for_ever,
)
from neuronio.simulation.inputs.splits import SPLITS, trial_rng

CellLike = str | Path | CellSpec


def draw_inputs(
    cell: CellLike = "packaged",
    generator: str = "published",
    *,
    seed: int = 0,
    index: int = 0,
    split: str = "train",
    duration_ms: int = 6000,
    **parameters: Any,
) -> InputEvents:
    """Input spikes of one trial: those of the same trial of a dataset with these settings.

    This is `neuronio.make_inputs`.

    Args:
        cell: its name, the path of its YAML file, or the model itself.
        generator: a built-in one, one of an installed package, or `FILE.py:NAME`.
        seed: of the dataset.
        index: of the trial in its split, from 0.
        split: "train", "valid" or "test".
        duration_ms: T, the length of the trial, ms.
        **parameters: of the generator, where they differ from its defaults.

    Returns:
        Events in T bins of 1 ms of 2 S synapses, for a cell of S dendritic segments.

    Raises:
        NeuronIOError: the cell, the generator or a parameter is unknown or wrong.

    >>> import neuronio
    >>> inputs = neuronio.make_inputs("packaged", "constant", duration_ms=100)
    >>> inputs.dense().shape
    (1392, 100)
    """
    # NEURON takes a second to load, and the rest of this module does without.
    from neuronio.simulation.cell import segment_table

    if split not in SPLITS:
        raise NeuronIOError(f"there is no split '{split}'; take one of {', '.join(SPLITS)}")
    for name, value in (("seed", seed), ("index", index)):
        if value < 0:
            raise NeuronIOError(f"{name} is {value}; give 0 or more")
    inputs = InputsConfig(generator=generator, parameters=parameters)
    segments = segment_table(_spec(cell))
    return draw_trial_inputs(inputs, segments, duration_ms, seed, split, index)


@overload
def simulate(
    cell: CellLike,
    inputs: InputEvents,
    *,
    engine: str = ...,
    t0_artefact: bool = ...,
    record_segments: bool = ...,
    **settings: Any,
) -> Recording: ...
@overload
def simulate(
    cell: CellLike,
    inputs: Sequence[InputEvents],
    *,
    engine: str = ...,
    t0_artefact: bool = ...,
    record_segments: bool = ...,
    **settings: Any,
) -> list[Recording]: ...
def simulate(
    cell: CellLike,
    inputs: InputEvents | Sequence[InputEvents],
    *,
    engine: str = "ensemble",
    t0_artefact: bool = False,
    record_segments: bool = False,
    **settings: Any,
) -> Recording | list[Recording]:
    """Simulate one trial or many of one cell.

    The cell is built anew by every call: give all trials at once, and the engine runs them side by
    side on every core.

    Args:
        cell: its name, the path of its YAML file, or the model itself.
        inputs: the input spikes of one trial, or of each of several, for this cell's segments.
        engine: "ensemble", or "neuron" for NEURON itself.
        t0_artefact: silence every synapse whose input has a spike in the first ms, as in NeuronIO.
        record_segments: keep the voltage of every dendritic segment too.
        **settings: of the engine, as in a run's configuration: dt_ms (ms), precision, threads, ...

    Returns:
        For each trial of T ms the soma and nexus voltage at 1 kHz, (T,) mV, output spike times
        (ms), the soma voltage at 8 kHz, (8 T,) mV, and where asked for that of the S segments,
        (S, T) mV. One recording where `inputs` is one trial, else a list.

    Raises:
        NeuronIOError: a setting is unknown or wrong, the cell cannot be built, the inputs are for
            another number of segments, or a trial failed.

    >>> import neuronio
    >>> inputs = neuronio.make_inputs("packaged", duration_ms=100, seed=1)
    >>> recording = neuronio.simulate("packaged", inputs, precision="float64")
    >>> recording.soma_mV.shape, recording.soma_8khz_mV.shape
    ((100,), (800,))
    """
    section = validate(EngineConfig, {"name": engine, **settings}, "engine settings")
    options = {"t0_artefact": t0_artefact, "record_segments": record_segments}
    runner = make_engine(_spec(cell), section, record_soma_8khz=True, **options)
    if isinstance(inputs, InputEvents):
        return _recording(runner.run([inputs])[0])
    return [_recording(outcome, f"trial {i}") for i, outcome in enumerate(runner.run(inputs))]


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


def build_engine(spec: CellSpec, settings: EngineConfig, t0_artefact: bool) -> Engine:
    """An engine for single trials, which keeps the 8 kHz soma voltage."""
    return make_engine(spec, settings, t0_artefact=t0_artefact, record_soma_8khz=True)


def run_trial(engine: Engine, inputs: InputEvents) -> Recording:
    """Simulate one trial.

    Raises:
        NeuronIOError: the trial failed; says why and when.
    """
    return _recording(engine.run([inputs])[0])


def run_drawn(
    engine: Engine,
    inputs: InputsConfig,
    duration_ms: int,
    trial: tuple[int, str, int],
    attempt: int | None = None,
) -> tuple[InputEvents, Recording]:
    """Draw and simulate the trial that a dataset would hold.

    Args:
        trial: the dataset's seed, the split, and the trial's index in it.
        attempt: how many of its draws were turned away; when left out they are drawn, simulated
            and judged one after the other, as in a dataset.

    Raises:
        NeuronIOError: the trial failed, or every one of many draws was turned away.
    """
    (seed, split, index), segments = trial, engine.segment_table()
    for number in range(MAX_ATTEMPTS) if attempt is None else (attempt,):
        drawn = draw_trial_inputs(inputs, segments, duration_ms, seed, split, index, number)
        recording = run_trial(engine, drawn)
        rng = trial_rng(seed, index, split=split, attempt=number, purpose="acceptance")
        n_spikes = len(recording.spike_ms)
        if attempt is not None or accept_trial(inputs.generator, inputs.parameters, n_spikes, rng):
            return drawn, recording
    raise rejected_for_ever(index, inputs.generator)


def save_trial(
    path: str | Path, inputs: InputEvents, recording: Recording, info: Mapping[str, Any]
) -> None:
    """Write a trial to an npz file: voltages, spikes, inputs, and facts, atomically.

    Keys: soma_mV, nexus_mV (1 kHz), soma_8khz_mV, spike_ms; excitatory, inhibitory and shape as in
    `InputEvents.packed`; and one key for every item of `info`.

    Raises:
        NeuronIOError: the file cannot be written.
    """
    traces = {key: value for key, value in vars(recording).items() if value is not None}
    write_npz(path, {**traces, **inputs.packed(), **info})


def _spec(cell: CellLike) -> CellSpec:
    return cell if isinstance(cell, CellSpec) else load_cell(cell)


def _recording(outcome: Recording | TrialFailure, which: str = "the trial") -> Recording:
    if isinstance(outcome, TrialFailure):
        at = "" if outcome.time_ms is None else f" at {outcome.time_ms:g} ms"
        advice = "another cvode_atol" if "variable step" in outcome.reason else "a smaller dt_ms"
        raise NeuronIOError(f"{which} failed{at}: {outcome.reason}; try {advice}")
    return outcome
