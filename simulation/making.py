"""Shards under way: their trials come from one queue, and each is written when it has all."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.progress import Report
from neuronio.recipe import machine, versions
from neuronio.simulation.engines.base import TrialFailure, available_cores
from neuronio.simulation.jobs import Job
from neuronio.simulation.parts import Parts
from neuronio.simulation.queue import Draw, Queue
from neuronio.simulation.worker import Serve, WorkerPool


class OpenShard:
    """A shard that is not written yet.

    Attributes:
        out: its path.
        indices: its trials in the dataset, in order.
        parts: where its finished trials are kept, which a killed run leaves behind.
        missing: trials that are not finished.
    """

    def __init__(self, job: Job, out: Path, indices: Sequence[int]):
        self.out, self.indices, self._job = out, indices, job
        self.parts = Parts(out.parent / f".{out.stem}.{job.digest()}.parts")
        self.missing = {i for i in indices if not self.parts.path(i).exists()}

    def keep(self, draw: Draw) -> None:
        """Finish a trial with a draw that was put by."""
        self.parts.keep(draw)
        self.missing.discard(draw.index)

    def write(self, segments: SegmentTable) -> None:
        """Write the shard from its parts, unless another run has done so.

        Raises:
            NeuronIOError: every trial failed, parts are gone, or the disk refuses.
        """
        if self.out.exists() and self._is_written():
            return
        facts = {i: self.parts.load(i)[0] for i in self.indices}
        info = (
            self._job.info()
            | versions()
            | machine()
            | {
                "recipe": self._job.digest(),
                "code": self._job.code(),
                "first_trial": self.indices[0],
                "n_trials_planned": len(self.indices),
                "attempts": {str(i): f["attempt"] for i, f in facts.items() if f["attempt"]},
                "retried": {str(i): f["retried"] for i, f in facts.items() if f["retried"]},
                "failed": {str(i): f["failed"] for i, f in facts.items() if f["failed"]},
            }
        )
        if len(info["failed"]) == len(self.indices):
            reason = next(iter(info["failed"].values()))
            raise NeuronIOError(f"every trial of {self.out} failed; the first because {reason}")
        write_shard(self.out, self._trials(), info, segments)

    def _is_written(self) -> bool:
        """Whether the file that is there is of the same trials."""
        with Shard(self.out) as shard:
            info = shard.info
        told = info.get("recipe"), info.get("first_trial"), info.get("n_trials_planned")
        return told == (self._job.digest(), self.indices[0], len(self.indices))

    def clear(self) -> None:
        """Remove the parts, which nobody may be writing to.

        Raises:
            NeuronIOError: the file system refuses.
        """
        try:
            shutil.rmtree(self.parts.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise NeuronIOError(f"cannot remove {self.parts.folder}: {error}") from error

    def _trials(self) -> Iterator[tuple[int, InputEvents, Recording]]:
        for index in self.indices:
            _, inputs, recording = self.parts.load(index)
            if recording is not None:
                yield index, inputs, recording


def make_shards(
    job: Job,
    shards: Sequence[OpenShard],
    draws: Iterable[Draw],
    serve: tuple[Serve, Any],
    inputs_of: Callable[[Draw, SegmentTable], InputEvents],
    *,
    generator: str = "",
    workers: int | None = None,
    progress: Report,
) -> None:
    """Make the trials that shards miss, all from one queue, and write each shard when it can be.

    Args:
        draws: the first draw of every trial.
        serve: what a worker runs, and its setup.
        inputs_of: the input spikes of a draw.
        generator: as of `Queue`.
        workers: at most so many processes, none that lanes of another would hold; every core when
            left out.
        progress: told the trials of the shards that are finished, and of how many.

    Raises:
        NeuronIOError: as `OpenShard.write` and `WorkerPool`, or a trial was rejected too often.
    """
    open_shards, written, queue = list(shards), set[OpenShard](), Queue(generator)
    # Draws under way of each shard: an early draw may end when its shard is already written.
    under_way: Counter[OpenShard] = Counter()
    shard_of = {index: shard for shard in shards for index in shard.missing}
    known = {i: found for shard in shards for i, found in shard.parts.verdicts().items()}
    for draw in draws:
        if draw.index in shard_of:
            for done in queue.add(draw, known.get(draw.index)):
                shard_of[draw.index].keep(done.draw)

    def tell() -> None:
        total = sum(len(shard.indices) for shard in shards)
        progress(total - sum(len(shard.missing) for shard in shards), total, "")

    def next_task() -> list[Draw] | None:
        task = queue.next_task(size)
        under_way.update(shard_of[draw.index] for draw in task or ())
        return task

    def write_complete() -> None:
        for shard in [shard for shard in open_shards if not shard.missing]:
            if shard not in written:
                shard.write(segments)
                written.add(shard)
            if not under_way[shard]:
                shard.clear()
                open_shards.remove(shard)

    tell()
    with WorkerPool(*serve, workers or available_cores(), job.trial_limit_s) as pool:
        segments, size = pool.ready.segments, pool.ready.batch_size
        write_complete()
        for task, answer in pool.run(next_task):
            under_way.subtract(shard_of[draw.index] for draw in task)
            for done in queue.settle(task, answer):
                shard = shard_of[done.draw.index]
                if done.failure:
                    inputs = inputs_of(done.draw, segments)
                    shard.parts.put_by(done.draw, inputs, TrialFailure(done.failure))
                shard.keep(done.draw)
            tell()
            write_complete()


def as_part(progress: Report, before: int, total: int, name: str) -> Report:
    """What a part tells, told as part of the whole: its trials come after `before` others."""
    return lambda done, _, detail: progress(before + done, total, detail or name)
