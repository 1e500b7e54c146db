"""Datasets: trials made in worker processes, kept one by one, and gathered into shards."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neuronio.config import RunConfig
from neuronio.data.manifest import write_manifest
from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.progress import Report, silent
from neuronio.recipe import differences, machine, versions
from neuronio.simulation.engines.base import TrialFailure, available_cores
from neuronio.simulation.inputs.splits import SPLITS, shard_path, shard_trials, trial_counts
from neuronio.simulation.jobs import Draw, Job, Parts, serve, shard_recipe
from neuronio.simulation.worker import WorkerPool


@dataclass
class Queue:
    """Draws that wait, handed out in batches."""

    batch_size: int
    waiting: deque[Draw] = field(default_factory=deque)
    alone: deque[Draw] = field(default_factory=deque)

    def next_task(self) -> list[Draw] | None:
        """Up to a batch of draws; one that failed before comes alone."""
        if self.waiting:
            size = min(self.batch_size, len(self.waiting))
            return [self.waiting.popleft() for _ in range(size)]
        return [self.alone.popleft()] if self.alone else None


def simulate_shard(
    config: RunConfig,
    split: str,
    shard: int,
    out: str | Path,
    *,
    workers: int | None = None,
    reuse: Iterable[Path] = (),
    progress: Report = silent,
) -> Path:
    """Simulate the trials of one shard and write it.

    Every finished trial is kept at once, so that a run that was killed goes on where it was, and
    ends with the same bytes as one that was not.

    Args:
        shard: number of the shard within its split, from 0.
        out: path of the shard.
        workers: processes; the configuration's `engine.threads`, or every core, when left out.
        reuse: shards that may hold some of the trials; those of another recipe are not looked at.
        progress: told the trials that are finished, and of how many.

    Returns:
        `out`.

    Raises:
        NeuronIOError: every trial failed, a file cannot be written, or the cell cannot be built.
    """
    out, job = Path(out), Job.of(config, split)
    if out.exists():
        return out
    indices = shard_trials(config, split)[shard]
    parts = Parts(out.parent / f".{out.stem}.{job.digest()}.parts")
    for other in reuse:
        _take(job, parts, indices, other)
    missing = [i for i in indices if not parts.path(i).exists()]
    workers = workers or config.engine.threads or available_cores()
    progress(len(indices) - len(missing), len(indices), "")
    size = max(1, min(workers, len(missing)))
    with WorkerPool(serve, (job, parts.folder), size, job.trial_limit_s) as pool:
        queue = Queue(max(1, min(pool.ready.batch_size, -(-len(missing) // size))))
        queue.waiting.extend(Draw(i) for i in missing)
        segments = pool.ready.segments
        for task, answer in pool.run(queue.next_task):
            _settle(queue, parts, task, answer, lambda draw: job.draw_inputs(draw, segments))
            progress(sum(parts.path(i).exists() for i in indices), len(indices), "")
    _gather(job, parts, indices, segments, out)
    return out


def _take(job: Job, parts: Parts, indices: Iterable[int], other: Path) -> None:
    """Keep the trials that another shard of the same recipe already has, if it is sound."""
    try:
        with Shard(other) as shard:
            info = shard.info
            lacking = [
                (i, index)
                for i, index in enumerate(map(int, shard.trial_index))
                if index in indices and not parts.path(index).exists()
            ]
            if not lacking or info.get("recipe") != job.digest() or verify_shard(other):
                return
            for i, index in lacking:
                attempt = info["attempts"].get(str(index), 0)
                draw = Draw(index, attempt, info["retried"].get(str(index), ""))
                parts.save(draw, shard.inputs(i), shard.recording(i))
    except NeuronIOError:
        return


def _settle(
    queue: Queue,
    parts: Parts,
    task: list[Draw],
    answer: list[str] | str,
    inputs_of: Callable[[Draw], InputEvents],
) -> None:
    """Queue what a task's answer leaves to be done: verdicts, or why its process died."""
    verdicts = [answer] * len(task) if isinstance(answer, str) else answer
    for draw, verdict in zip(task, verdicts, strict=True):
        if parts.path(draw.index).exists():
            continue
        if verdict == "rejected":
            queue.waiting.append(Draw(draw.index, draw.attempt + 1))
        elif not draw.failed:
            queue.alone.append(Draw(draw.index, draw.attempt, failed=verdict))
        else:
            parts.save(draw, inputs_of(draw), TrialFailure(verdict))


def _gather(
    job: Job, parts: Parts, indices: Sequence[int], segments: SegmentTable, out: Path
) -> None:
    """Write the shard from its parts, then remove them."""
    facts = {i: parts.load(i)[0] for i in indices}
    info = (
        job.info()
        | versions()
        | machine()
        | {
            "recipe": job.digest(),
            "code": job.code(),
            "first_trial": indices[0],
            "n_trials_planned": len(indices),
            "attempts": {str(i): f["attempt"] for i, f in facts.items() if f["attempt"]},
            "retried": {str(i): f["retried"] for i, f in facts.items() if f["retried"]},
            "failed": {str(i): f["failed"] for i, f in facts.items() if f["failed"]},
        }
    )
    if len(info["failed"]) == len(indices):
        reason = next(iter(info["failed"].values()))
        raise NeuronIOError(f"every trial of {out} failed; the first because {reason}")

    def trials() -> Iterator[tuple[int, InputEvents, Recording]]:
        for index in indices:
            _, inputs, recording = parts.load(index)
            if recording is not None:
                yield index, inputs, recording

    write_shard(out, trials(), info, segments)
    shutil.rmtree(parts.folder)


def make_dataset(
    config: RunConfig,
    out_dir: str | Path,
    *,
    workers: int | None = None,
    progress: Report = silent,
) -> Path:
    """Make or finish a whole dataset.

    Args:
        out_dir: gets a folder of shards for each split, and manifest.csv.
        workers, progress: as of `simulate_shard`.

    Returns:
        The manifest's path.

    Raises:
        NeuronIOError: as `simulate_shard`, or a finished shard was made with other settings.
    """
    total, before = sum(trial_counts(config).values()), 0
    for split in SPLITS:
        for shard, indices in enumerate(shard_trials(config, split)):
            path = shard_path(out_dir, split, shard)
            told = _as_part(progress, before, total, f"{split} shard {shard}")
            _check_same(path, Job.of(config, split), indices)
            simulate_shard(config, split, shard, path, workers=workers, progress=told)
            before += len(indices)
            progress(before, total, "")
    numbers = {split: len(shard_trials(config, split)) for split in SPLITS}
    shards = {s: [shard_path(out_dir, s, i) for i in range(n)] for s, n in numbers.items()}
    return write_manifest(Path(out_dir) / "manifest.csv", shards)


def _as_part(progress: Report, before: int, total: int, name: str) -> Report:
    """What a shard tells, told as part of its dataset."""
    return lambda done, _, detail: progress(before + done, total, detail or name)


def _check_same(path: Path, job: Job, indices: range) -> None:
    """Refuse to mix a shard made with other settings into the dataset."""
    if not path.exists():
        return
    with Shard(path) as shard:
        found = shard.info
        lasts = found.get("first_trial"), found.get("n_trials_planned"), shard.duration_ms
        made, wanted = shard_recipe(shard), job.recipe()
    different = list(differences(made, wanted))
    if lasts != (indices[0], len(indices), job.duration_ms):
        different.append("its trials")
    if different:
        raise NeuronIOError(
            f"{path} was made with other settings ({', '.join(different)}); choose another folder"
        )
