"""One trial of a finished shard again: the command that makes it, from what the shard says."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from neuronio.config import EngineConfig, Variant
from neuronio.data.shard import Shard
from neuronio.errors import NeuronIOError
from neuronio.sections import key_value_options, validate
from neuronio.simulation.jobs import careful, engine_settings

FLAGS = {
    "integrator": "--integrator",
    "dt_ms": "--dt-ms",
    "order": "--order",
    "cvode_atol": "--atol",
    "precision": "--precision",
}

NEEDED = {"attempts", "cell_given", "cell_model", "dataset_seed", "engine", "failed", "generator"}
NEEDED |= {"generator_parameters", "integrator", "retried", "split", "t0_artefact"}


def trial_command(shard: Shard, index: int) -> str:
    """The command line that simulates a trial of a shard again, bit for bit on a like processor.

    Raises:
        NeuronIOError: the shard does not hold the trial, or does not say how it was made.
    """
    info, name = shard.info, str(index)
    if lacking := sorted(NEEDED - info.keys()):
        raise NeuronIOError(f"{shard.path} does not say how it was made: it lacks {lacking[0]}")
    if index not in shard.trial_index:
        failed = f": it failed because {info['failed'][name]}" if name in info["failed"] else ""
        raise NeuronIOError(f"{shard.path} does not hold trial {index}{failed}")
    engine = validate(EngineConfig, engine_settings(info), f"the engine of {shard.path}")
    if name in info["retried"]:
        engine = careful(engine)
    variant = info["cell_model"]["variant"]
    command = simulated_by(info["cell_given"], variant, engine, info["t0_artefact"])
    command += ["--generator", info["generator"]]
    command += key_value_options("--set", info["generator_parameters"])
    command += ["--seed", str(info["dataset_seed"]), "--split", info["split"], "--index", name]
    command += ["--attempt", str(info["attempts"].get(name, 0))]
    command += ["--duration-ms", str(shard.duration_ms), "--out", f"trial-{name}.npz"]
    return shlex.join(command)


def simulated_by(
    cell: str, variant: Mapping[str, Any], engine: EngineConfig, t0_artefact: bool
) -> list[str]:
    """The part of a command line of `neuronio trial` that says what simulates."""
    plain = Variant().model_dump()
    command = ["neuronio", "trial", "--cell", cell]
    command += key_value_options(
        "--variant", {k: v for k, v in variant.items() if v != plain.get(k)}
    )
    command += ["--engine", engine.name]
    for key, flag in FLAGS.items():
        command += [flag, str(getattr(engine, key))]
    command += ["--gate-tables"] * engine.gate_tables
    return [*command, *["--t0-artefact"] * t0_artefact]
