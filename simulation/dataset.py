"""Datasets: trials made in worker processes, kept one by one, and gathered into shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from neuronio.config import RunConfig
from neuronio.data.manifest import write_manifest
from neuronio.data.shard import Shard
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.progress import Report, silent
from neuronio.recipe import differences
from neuronio.simulation.inputs.splits import SPLITS, shard_path, shard_trials, trial_counts
from neuronio.simulation.jobs import Job, serve, shard_recipe
from neuronio.simulation.making import OpenShard, as_part, make_shards
from neuronio.simulation.queue import Draw


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
    """Simulate the trials of one shard and write it; as `simulate_shards`.

    Args:
        shard: number of the shard within its split, from 0.
        out: path of the shard.

    Returns:
        `out`.
    """
    outs = {shard: Path(out)}
    simulate_shards(config, split, outs, workers=workers, reuse=reuse, progress=progress)
    return outs[shard]


def simulate_shards(
    config: RunConfig,
    split: str,
    outs: Mapping[int, Path],
    *,
    workers: int | None = None,
    reuse: Iterable[Path] = (),
    progress: Report = silent,
) -> None:
    """Simulate the trials of shards of one split and write those that are not there.

    Every finished trial is kept at once, so that a run that was killed goes on where it was, and
    ends with the same bytes as one that was not. Trials of all the shards share lanes; a trial's
    next draw is simulated before the verdict on the last where lanes would be idle otherwise.

    Args:
        outs: paths of the shards by their number within the split, from 0.
        workers: processes; the configuration's `engine.threads`, or every core, when left out; no
            more than there are lanes for.
        reuse: shards that may hold some of the trials; those of another recipe are not looked at.
        progress: told the trials that are finished, and of how many.

    Raises:
        NeuronIOError: every trial of a shard failed, a trial was rejected too often, a file cannot
            be written, or the cell cannot be built.
    """
    job, ranges = Job.of(config, split), shard_trials(config, split)
    there = {shard for shard, out in outs.items() if out.exists()}
    for i in there:  # what was killed between writing the shard and removing its parts
        OpenShard(job, outs[i], ranges[i]).clear()
    shards = [OpenShard(job, out, ranges[i]) for i, out in outs.items() if i not in there]
    if not shards:
        return
    for other in reuse:
        for shard in shards:
            _take(job, shard, other)
    before = sum(len(ranges[shard]) for shard in there)
    make_shards(
        job,
        shards,
        (Draw(index) for shard in shards for index in shard.indices),
        (serve, (job, [(shard.indices, shard.parts) for shard in shards])),
        job.draw_inputs,
        generator=job.inputs.generator if job.rejects() else "",
        workers=workers or config.engine.threads,
        progress=as_part(progress, before, sum(len(ranges[shard]) for shard in outs), ""),
    )


def _take(job: Job, open_shard: OpenShard, other: Path) -> None:
    """Keep the trials that another shard of the same recipe already has, if it is sound."""
    try:
        with Shard(other) as shard:
            info = shard.info
            lacking = [
                (i, index)
                for i, index in enumerate(map(int, shard.trial_index))
                if index in open_shard.missing
            ]
            if not lacking or info.get("recipe") != job.digest() or verify_shard(other):
                return
            for i, index in lacking:
                attempt = info["attempts"].get(str(index), 0)
                draw = Draw(index, attempt, info["retried"].get(str(index), ""))
                open_shard.parts.put_by(draw, shard.inputs(i), shard.recording(i))
                open_shard.keep(draw)
    except NeuronIOError:
        return


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
        workers, progress: as of `simulate_shards`.

    Returns:
        The manifest's path.

    Raises:
        NeuronIOError: as `simulate_shards`, or a finished shard was made with other settings.
    """
    counts, before = trial_counts(config), 0
    shards: dict[str, list[Path]] = {}
    for split in SPLITS:
        ranges, job = shard_trials(config, split), Job.of(config, split)
        shards[split] = [shard_path(out_dir, split, i) for i in range(len(ranges))]
        for path, indices in zip(shards[split], ranges, strict=True):
            _check_same(path, job, indices)
        _check_no_others(shards[split])
    for split, paths in shards.items():
        told = as_part(progress, before, sum(counts.values()), split)
        simulate_shards(config, split, dict(enumerate(paths)), workers=workers, progress=told)
        before += counts[split]
        progress(before, sum(counts.values()), "")
    return write_manifest(Path(out_dir) / "manifest.csv", shards)


def _check_no_others(paths: Sequence[Path]) -> None:
    """Refuse a folder with shards that are not asked for: fits would take them in."""
    there = set(paths[0].parent.glob("shard-*.h5")) if paths else set()
    if others := sorted(there - set(paths)):
        raise NeuronIOError(
            f"{others[0]} is there, but the dataset ends before it; remove it, or choose another "
            "folder"
        )


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
