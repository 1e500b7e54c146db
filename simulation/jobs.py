"""What a worker process does: simulate draws of trials and put the accepted ones by."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from neuronio.config import EngineConfig, InputsConfig, RunConfig
from neuronio.data.shard import SegmentTable, Shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.recipe import code, deciding_versions, digest, file_sha256, module_of
from neuronio.simulation.cell_spec import CellSpec, load_cell
from neuronio.simulation.engines.base import Engine, TrialFailure
from neuronio.simulation.engines.registry import ENGINES, make_engine
from neuronio.simulation.inputs.draw import accept_trial, draw_trial_inputs, make_generator
from neuronio.simulation.inputs.generators import GENERATORS, Generator
from neuronio.simulation.inputs.splits import split_inputs, trial_rng
from neuronio.simulation.morphology import morphology_sha256
from neuronio.simulation.parts import Places, parts_of, put_by
from neuronio.simulation.queue import REJECTED, Draw
from neuronio.simulation.worker import Ready

PACKAGES = ("neuron", "numpy")
DECISIVE = (
    *("split", "dataset_seed", "cell_digest", "morphology_sha256", "generator"),
    *("generator_parameters", "generator_sha256", "t0_artefact", "engine", "integrator"),
)


@dataclass(frozen=True)
class Job:
    """Everything that the trials of one split depend on.

    Attributes:
        cell: the name or path that the cell was asked for by.
        morphology_sha256: of the content of the cell's morphology.
        parameters: of the generator, defaults included.
        generator_sha256: of the user's file that the generator is from; empty for others.
    """

    split: str
    seed: int
    cell: str
    spec: CellSpec
    morphology_sha256: str
    inputs: InputsConfig
    parameters: dict[str, Any]
    generator_sha256: str
    engine: EngineConfig
    t0_artefact: bool
    duration_ms: int
    record_soma_8khz: bool
    record_segments: bool
    trial_limit_s: float

    @classmethod
    def of(cls, config: RunConfig, split: str) -> Job:
        """The job of one split of a configuration.

        Raises:
            NeuronIOError: the cell, its morphology or the generator cannot be had.
        """
        dataset, inputs = config.dataset, split_inputs(config, split)
        spec = load_cell(config.cell.model, config.cell.variant)
        generator = make_generator(inputs.generator, inputs.parameters)
        return cls(
            split,
            config.seed,
            config.cell.model,
            spec,
            morphology_sha256(spec.morphology),
            inputs,
            generator.model_dump(mode="json"),
            _file_sha256(inputs.generator),
            config.engine.model_copy(update={"threads": 1}),
            config.t0_artefact,
            dataset.duration_ms,
            dataset.record_soma_8khz,
            dataset.record_segments,
            dataset.trial_limit_s,
        )

    def info(self) -> dict:
        """What a shard's attributes say of it, beside the versions of what made it."""
        return {
            "split": self.split,
            "dataset_seed": self.seed,
            "cell": self.spec.name,
            "cell_given": self.cell,
            "cell_digest": self.spec.digest(),
            "cell_model": self.spec.model_dump(mode="json"),
            "morphology_sha256": self.morphology_sha256,
            "generator": self.inputs.generator,
            "generator_parameters": self.parameters,
            "generator_sha256": self.generator_sha256,
            "engine": self.engine.name,
            "integrator": self.engine.model_dump(mode="json", exclude={"name", "threads"}),
            "t0_artefact": self.t0_artefact,
        }

    def recipe(self) -> dict[str, Any]:
        """Everything that decides a trial's content, wherever the user's files lie."""
        return {
            **identity(self.info()),
            "duration_ms": self.duration_ms,
            "record_soma_8khz": self.record_soma_8khz,
            "record_segments": self.record_segments,
            "packages": deciding_versions(PACKAGES),
            "code": self.code(),
        }

    def code(self) -> dict[str, str]:
        """Hashes of the modules and sources that make the trials; NEURON's repeats what fails."""
        engines = {ENGINES[name][0] for name in (self.engine.name, "neuron")}
        generator = module_of(GENERATORS[self.inputs.generator])
        return code("neuronio.simulation.dataset", *engines, generator)

    def digest(self) -> str:
        """The recipe's digest."""
        return digest(self.recipe())

    def make_engine(self, settings: EngineConfig | None = None) -> Engine:
        """The job's engine, or one with other settings."""
        return make_engine(
            self.spec,
            settings or self.engine,
            t0_artefact=self.t0_artefact,
            record_soma_8khz=self.record_soma_8khz,
            record_segments=self.record_segments,
            trial_limit_s=self.trial_limit_s,
        )

    def rejects(self) -> bool:
        """Whether the generator may turn a simulated trial away."""
        return GENERATORS[self.inputs.generator].accepts is not Generator.accepts

    def draw_inputs(self, draw: Draw, segments: SegmentTable) -> InputEvents:
        """The input spikes of one draw."""
        trial = (self.split, draw.index, draw.attempt)
        return draw_trial_inputs(self.inputs, segments, self.duration_ms, self.seed, *trial)


def engine_settings(info: Mapping[str, Any]) -> dict[str, Any]:
    """The engine of a shard, from what the shard says of itself."""
    # Older ones of NEURON's name the ensemble engine's arithmetic.
    own = {"precision": "float64"} if info["engine"] == "neuron" else {}
    return {"name": info["engine"], **info["integrator"], **own}


def careful(engine: EngineConfig) -> EngineConfig:
    """Settings for a trial that failed: NEURON with half the time step, or a tenth of atol."""
    finer = {"dt_ms": engine.dt_ms / 2, "cvode_atol": engine.cvode_atol / 10}
    neuron = {"name": "neuron", "precision": "float64", "gate_tables": False}
    return engine.model_copy(update={**neuron, **finer})


def identity(info: Mapping[str, Any]) -> dict[str, Any]:
    """What of a job's or a shard's facts decides the trials; files go by content, not by folder."""
    found = {key: info.get(key) for key in DECISIVE}
    return {**found, "generator": os.path.basename(str(found["generator"]))}


def shard_recipe(shard: Shard) -> dict[str, Any]:
    """The recipe of a shard's trials, as `Job.recipe`, from what the shard says of itself."""
    info = shard.info
    return {
        **identity(info),
        "duration_ms": shard.duration_ms,
        "record_soma_8khz": shard.has_soma_8khz,
        "record_segments": shard.has_segments,
        "packages": {name: info.get(f"{name}_version") for name in PACKAGES},
        "code": info.get("code"),
    }


def _file_sha256(generator: str) -> str:
    """Checksum of the user's file in `FILE.py:NAME`; empty for other generators."""
    path = generator.rpartition(":")[0]
    return file_sha256(path) if path.endswith(".py") else ""


def serve(setup: tuple[Job, Places], connection: Connection) -> None:
    """What a worker does for new trials: draw their inputs, integrate them, and turn some away."""
    job, places = setup
    answer(job, connection, job.draw_inputs, lambda *trial: _verdict(job, places, *trial))


def answer(
    job: Job,
    connection: Connection,
    inputs_of: Callable[[Draw, SegmentTable], InputEvents],
    verdict: Callable[[Draw, InputEvents, Recording | TrialFailure], str],
) -> None:
    """Answer each batch of draws with one verdict a draw, until the connection closes.

    Args:
        inputs_of: the input spikes of a draw.
        verdict: `DONE` (the trial is put by), `REJECTED` (draw again) or the reason of a failure.
    """
    engine = job.make_engine()
    segments = engine.segment_table()
    connection.send(Ready(segments, engine.batch_size))
    finer: Engine | None = None
    while True:
        draws: list[Draw] = connection.recv()
        inputs = [inputs_of(draw, segments) for draw in draws]
        chosen = engine
        if draws[0].failed:
            chosen = finer = finer or job.make_engine(careful(job.engine))
        outcomes = chosen.run(inputs)
        connection.send([verdict(*one) for one in zip(draws, inputs, outcomes, strict=True)])


def _verdict(
    job: Job, places: Places, draw: Draw, inputs: InputEvents, outcome: Recording | TrialFailure
) -> str:
    if isinstance(outcome, Recording):
        rng = trial_rng(
            job.seed, draw.index, split=job.split, attempt=draw.attempt, purpose="acceptance"
        )
        n_spikes = len(outcome.spike_ms)
        if not accept_trial(job.inputs.generator, job.inputs.parameters, n_spikes, rng):
            parts_of(places, draw).reject(draw)
            return REJECTED
    return put_by(places, draw, inputs, outcome)
