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

from neuronio.data.shard import Shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.progress import Report, silent

# Called by these names because a hash of that module is in the recipe of every finished dataset.
from neuronio.simulation.dataset import Queue, _gather, _settle
from neuronio.simulation.engines.base import Engine, TrialFailure, available_cores
from neuronio.simulation.jobs import Draw, Parts, careful
from neuronio.simulation.second_job import SecondJob, second_job
from neuronio.simulation.worker import Ready, WorkerPool


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
    job, chosen, made, before = second_job(paths[0], changes), held[:trials], [], 0
    for path in paths:
        if not (mine := [trial for trial in chosen if trial.path == path]):
            continue
        told = _as_part(progress, before, len(chosen), path.name)
        out = folder / path.name
        made.append(integrate_again(job, mine, out, workers=workers, progress=told))
        before += len(mine)
        progress(before, len(chosen), "")
    return made


def _as_part(progress: Report, before: int, total: int, name: str) -> Report:
    return lambda done, _, detail: progress(before + done, total, detail or name)


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
    out, indices = Path(out), [trial.index for trial in trials]
    if not indices:
        raise NeuronIOError(f"no trial is left to integrate for {out}; give shards that hold some")
    if out.exists():
        _check_same(out, job, indices)
        return out
    parts = Parts(out.parent / f".{out.stem}.{job.digest()}.parts")
    missing = [trial for trial in trials if not parts.path(trial.index).exists()]
    held = {trial.index: trial for trial in trials}
    progress(len(trials) - len(missing), len(trials), "")
    size = max(1, min(workers or available_cores(), len(missing)))
    with WorkerPool(serve, (job, parts.folder, held), size, job.trial_limit_s) as pool:
        queue = Queue(max(1, min(pool.ready.batch_size, -(-len(missing) // size))))
        queue.waiting.extend(Draw(trial.index, trial.attempt) for trial in missing)
        for task, answer in pool.run(queue.next_task):
            _settle(queue, parts, task, answer, lambda draw: held[draw.index].inputs())
            progress(sum(parts.path(i).exists() for i in indices), len(indices), "")
        segments = pool.ready.segments
    _gather(job, parts, indices, segments, out)
    return out


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


def serve(setup: tuple[SecondJob, Path, dict[int, HeldTrial]], connection: Connection) -> None:
    """What a worker does: answer each batch with one verdict a trial, "done" or why it failed."""
    job, folder, held = setup
    engine, parts = job.make_engine(), Parts(folder)
    connection.send(Ready(engine.segment_table(), engine.batch_size))
    last_resort: Engine | None = None
    while True:
        draws: list[Draw] = connection.recv()
        inputs = [held[draw.index].inputs() for draw in draws]
        chosen = engine
        if draws[0].failed:
            chosen = last_resort = last_resort or job.make_engine(careful(job.engine))
        outcomes = chosen.run(inputs)
        connection.send(
            [_verdict(parts, *one) for one in zip(draws, inputs, outcomes, strict=True)]
        )


def _verdict(
    parts: Parts, draw: Draw, inputs: InputEvents, outcome: Recording | TrialFailure
) -> str:
    if isinstance(outcome, TrialFailure) and not draw.failed:
        return outcome.reason
    parts.save(draw, inputs, outcome)
    return "done"
