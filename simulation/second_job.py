"""The job of integrating trials again that shards hold, with other settings of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronio.config import EngineConfig, InputsConfig
from neuronio.data.shard import Shard
from neuronio.errors import NeuronIOError
from neuronio.recipe import code
from neuronio.sections import validate
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.registry import ENGINES
from neuronio.simulation.jobs import Job, engine_settings, shard_recipe
from neuronio.simulation.morphology import morphology_sha256

# A shard does not say its limit, and a finer step may take many times as long.
TRIAL_LIMIT_S = 3600.0
# Settings that nothing else heeds.
CVODE_ONLY, FIXED_ONLY = {"cvode_atol"}, {"dt_ms", "order"}
ENSEMBLE_ONLY = {"precision", "gate_tables"}


@dataclass(frozen=True)
class SecondJob(Job):
    """As `Job`, of trials whose inputs are those of other shards.

    Attributes:
        inputs_from: what made those: the digest of their recipe, their engine and integrator.
    """

    inputs_from: dict[str, Any]

    @classmethod
    def after(cls, first: Job, engine: EngineConfig, recipe: str | None = None) -> SecondJob:
        """The trials of another job, by an engine with other settings.

        Args:
            recipe: digest of the first job's recipe; with the code as it is now when left out.

        Raises:
            NeuronIOError: the settings come to the same.
        """
        if effective(engine) == effective(first.engine):
            told = ", ".join(f"{key} {value}" for key, value in effective(engine).items())
            raise NeuronIOError(
                f"the trials were integrated with these very settings ({told}); give another "
                "--dt-ms, --engine, --precision or --integrator"
            )
        made_by = {key: first.info()[key] for key in ("engine", "integrator")}
        inputs_from = {"recipe": recipe or first.digest(), **made_by}
        second = engine.model_copy(update={"threads": 1})
        return cls(**{**vars(first), "engine": second, "inputs_from": inputs_from})

    def info(self) -> dict:
        """What a shard's attributes say of it."""
        return {**super().info(), "inputs_from": self.inputs_from}

    def recipe(self) -> dict[str, Any]:
        """Everything that decides a trial's content."""
        return {**super().recipe(), "inputs_from": self.inputs_from["recipe"]}

    def code(self) -> dict[str, str]:
        """Hashes of the modules and sources that integrate the trials."""
        engines = {ENGINES[name][0] for name in (self.engine.name, "neuron")}
        return code("neuronio.simulation.reintegration", *engines)


def first_job(shard: Shard) -> Job:
    """The job that made a shard's trials, from what the shard says of itself.

    Raises:
        NeuronIOError: the shard does not say it, or its cell's morphology is not there or is
            another one now.
    """
    info, inputs = shard.info, ("generator", "generator_parameters", "generator_sha256")
    wanted = ("recipe", "split", "dataset_seed", "cell_given", "cell_model", "morphology_sha256")
    if missing := [key for key in (*wanted, "engine", "integrator", *inputs) if key not in info]:
        raise NeuronIOError(
            f"{shard.path} does not say how its trials were made (it lacks {missing[0]}); give "
            "shards made by `neuronio dataset` or a run"
        )
    spec = validate(CellSpec, info["cell_model"], f"the cell of {shard.path}")
    if (found := morphology_sha256(spec.morphology)) != info["morphology_sha256"]:
        raise NeuronIOError(
            f"the morphology {spec.morphology} has the checksum {found[:12]}, but that of "
            f"{shard.path} had {info['morphology_sha256'][:12]}; put that file in its place"
        )
    digest = spec.digest()
    if info.get("cell_digest", digest) != digest:
        raise NeuronIOError(
            f"the MOD files or the code of the cell {spec.name} are not those that {shard.path} "
            "was made with; put those in their place"
        )
    generator, parameters, sha256 = (info[key] for key in inputs)
    engine = engine_settings(info) | {"threads": 1}
    return Job(
        info["split"],
        info["dataset_seed"],
        info["cell_given"],
        spec,
        info["morphology_sha256"],
        InputsConfig(generator=generator, parameters=parameters),
        parameters,
        sha256,
        validate(EngineConfig, engine, f"the engine of {shard.path}"),
        info["t0_artefact"],
        shard.duration_ms,
        shard.has_soma_8khz,
        shard.has_segments,
        TRIAL_LIMIT_S,
    )


def second_job(path: Path, changes: Mapping[str, Any]) -> SecondJob:
    """The job that integrates a shard's trials again.

    Args:
        changes: settings of the engine that differ from the shard's; none means a finer step.

    Raises:
        NeuronIOError: as `first_job` and `SecondJob.after`, or a setting is wrong.
    """
    with Shard(path) as shard:
        first, recipe = first_job(shard), shard.info["recipe"]
    engine = validate(EngineConfig, finer(first.engine).model_dump(), "half the time step")
    if changes:
        document = {**first.engine.model_dump(), **changes}
        if document["name"] == "neuron":
            document = {k: v for k, v in document.items() if k in changes or k not in ENSEMBLE_ONLY}
        engine = validate(EngineConfig, document, "the engine's settings")
    return SecondJob.after(first, engine, recipe)


def finer(engine: EngineConfig) -> EngineConfig:
    """The same engine with half the time step, or with a tenth of atol where that decides."""
    if engine.integrator == "cvode":
        return engine.model_copy(update={"cvode_atol": engine.cvode_atol / 10})
    return engine.model_copy(update={"dt_ms": engine.dt_ms / 2})


def effective(engine: EngineConfig) -> dict[str, Any]:
    """The settings that an engine heeds."""
    unheeded = {"threads"} | (FIXED_ONLY if engine.integrator == "cvode" else CVODE_ONLY)
    if engine.name == "neuron":
        unheeded |= ENSEMBLE_ONLY
    return engine.model_dump(exclude=unheeded)


def recipe_of(shard: Shard) -> dict[str, Any]:
    """The recipe of a shard's trials, drawn or integrated again, as its job has it."""
    inputs_from = shard.info.get("inputs_from")
    again = {"inputs_from": inputs_from["recipe"]} if inputs_from else {}
    return shard_recipe(shard) | again
