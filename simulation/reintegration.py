"""Trials that shards hold, integrated again: the very same inputs, other settings of the engine.

How far two integrations of one trial part is the integrator's noise floor: the accuracy beyond
which a surrogate fits the integrator and not the neuron.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from neuronio.data.shard import SegmentTable, Shard
from neuronio.data.trial import InputEvents
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.progress import Report, silent
from neuronio.simulation.jobs import answer
from neuronio.simulation.making import OpenShard, as_part, make_shards
from neuronio.simulation.parts import Places, put_by
from neuronio.simulation.queue import Draw
from neuronio.simulation.second_job import SecondJob, second_job


@dataclass(frozen=True)
class HeldTrial:
    """A trial that a shard holds: its index in the dataset, its file and its place there."""

    index: int
    path: Path
    place: int
    attempt: int

    def inputs(self) -> InputEvents:
        """Its input spikes."""
        with Shard(self.path) as shard:
            return shard.inputs(self.place)


def held_trials(paths: Sequence[Path]) -> list[HeldTrial]:
    """The trials of shards of one split, in their order.

    Raises:
        NeuronIOError: a shard is damaged, holds a trial that another holds too, or was made by
            another recipe than the first.
    """
    found: dict[int, HeldTrial] = {}
    recipes: dict[Any, Path] = {}
    for path in map(Path, paths):
        if problems := verify_shard(path):
            raise NeuronIOError(problems[0])
        with Shard(path) as shard:
            recipes.setdefault(shard.info.get("recipe"), path)
            attempts = shard.info.get("attempts") or {}
            for place, index in enumerate(map(int, shard.trial_index)):
                if index in found and len(recipes) == 1:
                    raise NeuronIOError(
                        f"trial {index} is in {found[index].path} and in {path}; give one of them"
                    )
                found[index] = HeldTrial(index, path, place, attempts.get(str(index), 0))
    if len(recipes) > 1:
        first, other = list(recipes.values())[:2]
        raise NeuronIOError(
            f"{first} and {other} were made by different recipes; integrate them one by one"
        )
    return list(found.values())


def again_to_folder(
    paths: Sequence[Path],
    folder: Path,
    changes: Mapping[str, Any],
    trials: int | None = None,
    *,
    workers: int | None = None,
    progress: Report = silent,
) -> list[Path]:
    """Integrate the trials of shards again, each shard to one of its name in another folder.

    Args:
        changes: as of `second_job`.
        trials: the first so many; all when left out.
        workers, progress: as of `integrate_again`.

    Returns:
        The paths of the new shards.

    Raises:
        NeuronIOError: as `held_trials`, `second_job` and `integrate_again`; there are fewer trials
            than are asked for; or two shards have one name.
    """
    names = {path.name: path for path in reversed(paths)}
    if other := next((path for path in paths if names[path.name] != path), None):
        raise NeuronIOError(
            f"{names[other.name]} and {other} have one name; give {folder} one of them, and the "
            "other another folder"
        )
    held = held_trials(paths)
    if trials is not None and trials > len(held):
        raise NeuronIOError(
            f"{trials} trials were asked for, but the shards hold {len(held)}; give at most "
            f"--trials {len(held)}"
        )
    job, chosen = second_job(paths[0], changes), held[:trials]
    of = {path: [trial for trial in chosen if trial.path == path] for path in paths}
    made = {folder / path.name: mine for path, mine in of.items() if mine}
    _integrate(job, made, workers, progress)
    return list(made)


def integrate_again(
    job: SecondJob,
    trials: Sequence[HeldTrial],
    out: str | Path,
    *,
    workers: int | None = None,
    progress: Report = silent,
) -> Path:
    """Integrate trials again and write them to a shard.

    Every finished trial is kept at once: what was killed goes on where it was. A trial that fails
    is tried once more by NEURON with a finer step, as in a dataset.

    Args:
        trials: as from `held_trials`; at least one.
        out: path of the shard; where it is there and is the one that is wanted, nothing is done.
        workers: processes; every core when left out.
        progress: told the trials that are finished, and of how many.

    Raises:
        NeuronIOError: there are no trials, `out` is another shard, every trial failed, a file
            cannot be written, or the cell cannot be built.
    """
    if not trials:
        raise NeuronIOError(f"no trial is left to integrate for {out}; give shards that hold some")
    _integrate(job, {Path(out): trials}, workers, progress)
    return Path(out)


def _integrate(
    job: SecondJob,
    outs: Mapping[Path, Sequence[HeldTrial]],
    workers: int | None,
    progress: Report,
) -> None:
    """Integrate the trials of shards again, all from one queue; as `integrate_again`."""
    held = {trial.index: trial for trials in outs.values() for trial in trials}
    shards, missing = [], len(held)
    for out, trials in outs.items():
        indices = [trial.index for trial in trials]
        if out.exists():
            _check_same(out, job, indices)
            OpenShard(job, out, indices).clear()  # what a kill left between its writing and here
            missing -= len(indices)
        else:
            shards.append(OpenShard(job, out, indices))
    if not shards:
        return
    make_shards(
        job,
        shards,
        (Draw(trial.index, trial.attempt) for trial in held.values()),
        (serve, (job, [(shard.indices, shard.parts) for shard in shards], held)),
        lambda draw, _: held[draw.index].inputs(),
        workers=workers,
        progress=as_part(progress, len(held) - missing, len(held), ""),
    )


def _check_same(out: Path, job: SecondJob, indices: Iterable[int]) -> None:
    """Refuse a shard that is there and is not the wanted one."""
    if problems := verify_shard(out):
        raise NeuronIOError(f"{problems[0]}; delete it and run again")
    with Shard(out) as shard:
        there = {*map(int, shard.trial_index), *map(int, shard.info.get("failed") or ())}
        same = shard.info.get("recipe") == job.digest() and there == set(indices)
    if not same:
        raise NeuronIOError(
            f"{out} is there already and holds other trials or was made with other settings; "
            "choose another folder"
        )


def serve(setup: tuple[SecondJob, Places, dict[int, HeldTrial]], connection: Connection) -> None:
    """What a worker does: integrate the inputs that shards hold; nothing is turned away."""
    job, places, held = setup

    def inputs_of(draw: Draw, _: SegmentTable) -> InputEvents:
        return held[draw.index].inputs()

    answer(job, connection, inputs_of, lambda *trial: put_by(places, *trial))
