"""What a run will cost, from a trial run of seconds on this machine.

python workflow/cost.py --configfile config/neuronio.yaml [--directory FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

from finish import ROOT, merged, planned

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
from plan import Fit, Plan
from task_plan import TaskPlan
from untrusted import finished, untrusted
from watch import JOBS, NO_DATA

from neuronio.data.shard import Shard, write_shard
from neuronio.errors import NeuronIOError
from neuronio.files import read_csv, write_json
from neuronio.made import Product
from neuronio.progress import counted, in_words
from neuronio.simulation.engines.base import Engine, available_cores
from neuronio.simulation.queue import Draw
from neuronio.surrogate.fit_settings import fitted_options

# Draws to an accepted trial of a generator that turns some away: of 12,800 `ergodic` trials.
DRAWS = 1.4
TRIAL_RUN_MS = 1000
# Jobs of every run beside shards, fits and evaluations: manifest, quality, report, what is current.
OTHERS = 4
# What a job takes that does little, by what Python takes to load what it needs: measured on
# config/smoke.yaml, with the planning and the report of the run.
JOB_LOADS = 2.5
STEPS = 4


class NoDataError(NeuronIOError):
    """Nothing can be simulated here, so that the run would fail at its first job."""


@dataclass(frozen=True)
class Cost:
    """What a part of a run takes.

    Attributes:
        what: in words; jobs: seconds of a core by the log of each job.
        bytes_on_disk: what stays of it.
        more_jobs: of seconds, which go with these.
    """

    what: str
    jobs: dict[str, float]
    bytes_on_disk: float = 0.0
    more_jobs: int = 0

    @property
    def core_s(self) -> float:
        """Time of processors, s."""
        return sum(self.jobs.values())


def cost(plan: Plan) -> list[Cost]:
    """What is missing of a run, or damaged, in the working folder, and what it takes.

    Raises:
        NoDataError: trials are missing, and the cell cannot be simulated.
        NeuronIOError: a surrogate cannot be fitted.
    """
    bad = untrusted(plan)
    missing = [
        (split, i, max(count - trials_kept(Path(path)), 0))
        for split, paths in plan.shards.items()
        for i, (path, count) in enumerate(zip(paths, plan.counts(split), strict=True))
        if path in bad or not Path(path).exists()
    ]
    fits = [fit for name, fit in plan.asked.items() if not finished(plan.fits[name], bad)]
    floor = None if plan.floor is None or finished(plan.floor, bad) else plan.floor
    if not missing and not fits:
        return []
    with tempfile.TemporaryDirectory() as folder:
        shards = [Path(folder) / f"shard-00{i}.h5" for i in range(2)]
        core_s_per_ms, bytes_per_ms = simulated(plan, made_engine(plan, bool(missing)), shards)
        found = [data_cost(plan, missing, floor, core_s_per_ms, bytes_per_ms)]
        if fits:
            found.append(fits_cost(plan, fits, shards, bad))
    return [part for part in found if part.jobs]


def trials_kept(shard: Path) -> int:
    """How many trials are finished of a shard that is not; see simulation/parts.py."""
    return len(list(shard.parent.glob(f".{shard.stem}.*.parts/trial-*.npz")))


def share_left(fit: Path, steps: int, bad: Mapping[str, str]) -> float:
    """What is left of a fit that was interrupted, by the last step that it can go on from.

    Args:
        bad: what `untrusted` found, which is made anew.
    """
    history = fit / "history.csv"
    rows = read_csv(history) if history.exists() and str(fit) not in bad else []
    return max(1 - (rows[-1]["step"] or 0) / steps, 0.0) if rows else 1.0


def made_engine(plan: Plan, needed: bool) -> Engine:
    """The engine of a run.

    Raises:
        NoDataError: it cannot be had, as without the cell's morphology, and is needed.
    """
    try:
        return plan.jobs["train"].make_engine()
    except NeuronIOError as error:
        if needed:
            raise NoDataError(str(error)) from error
        raise


def simulated(plan: Plan, engine: Engine, shards: Sequence[Path]) -> tuple[float, float]:
    """Simulate trials and write half of them to each shard; core s and bytes for a trial's ms."""
    job = plan.jobs["train"]
    duration_ms = min(plan.run.dataset.duration_ms, TRIAL_RUN_MS)
    if plan.run.engine.name == "neuron":
        duration_ms = min(duration_ms, TRIAL_RUN_MS // 5)
    job = replace(job, duration_ms=max(duration_ms, least_ms(plan)))
    segments = engine.segment_table()
    inputs = [job.draw_inputs(Draw(i, 0), segments) for i in range(max(2, engine.batch_size))]
    started = time.process_time()
    recordings = engine.run(inputs)
    took_s = time.process_time() - started
    trials = [(i, *pair) for i, pair in enumerate(zip(inputs, recordings, strict=True))]
    write_shard(shards[0], trials[::2], job.info(), segments)
    write_shard(shards[1], trials[1::2], job.info(), segments)
    size, total_ms = sum(path.stat().st_size for path in shards), len(trials) * job.duration_ms
    return took_s / total_ms, size / total_ms


def least_ms(plan: Plan) -> int:
    """The shortest trial that windows of every fit can be cut from, ms."""
    windows = [plan.run.training_of(fit.section).window_ms for fit in plan.asked.values()]
    return max(windows, default=10) + plan.run.evaluation.ignore_ms


def data_cost(
    plan: Plan,
    missing: Sequence[tuple[str, int, int]],
    floor: Product | None,
    core_s_per_ms: float,
    bytes_per_ms: float,
) -> Cost:
    """Of the shards that are to be made, and of the noise floor where it is."""
    duration_ms, logs = plan.run.dataset.duration_ms, plan.results / "logs"
    trial_s = duration_ms * core_s_per_ms
    draws = {split: DRAWS if job.rejects() else 1.0 for split, job in plan.jobs.items()}
    jobs = {
        f"{logs}/simulate/{plan.splits[split].folder.name}-{i:03}.log": n * draws[split] * trial_s
        for split, i, n in missing
    }
    trials = sum(n for _, _, n in missing)
    words = f"{counted(trials, 'trial')} of {duration_ms / 1000:g} s"
    if floor:
        again = floor.recipe["trials"]
        jobs[f"{logs}/{floor.folder.name}.log"] = 2 * again * trial_s
        words += f", {again} again with half the step"
        trials += again
    return Cost(words, jobs, trials * duration_ms * bytes_per_ms)


def fits_cost(
    plan: Plan, fits: Sequence[Fit], shards: Sequence[Path], bad: Mapping[str, str]
) -> Cost:
    """Of the fits that are to be made: a few steps of each kind, as many times as it takes."""
    took: dict[str, float] = {}
    jobs: dict[str, float] = {}
    for asked in fits:
        kind = repr(replace(asked, name="", seed=0))
        if kind not in took:
            took[kind] = fit_s(plan, asked, shards)
        folder, steps = plan.fits[asked.name].folder, plan.run.training_of(asked.section).steps
        log = plan.results / "logs" / "fit" / f"{folder.name}.log"
        jobs[str(log)] = took[kind] * share_left(folder, steps, bad)
    return Cost(counted(len(fits), "fit"), jobs, more_jobs=len(fits))  # their evaluations


def fit_s(plan: Plan, asked: Fit, shards: Sequence[Path]) -> float:
    """Core seconds of one fit, from its first steps and second validation."""
    training = plan.run.training_of(asked.section)
    with Shard(shards[1]) as held:
        inputs, held_ms, held_trials = held.n_synapses, held.duration_ms, len(held)
    few = {"steps": STEPS, "validate_every": STEPS // 2}
    few |= {"validation_trials": held_trials, "train_trials": 0}
    options = fitted_options(
        asked.section.model, asked.size, asked.section.options, training, inputs
    )
    load_training()
    from neuronio.surrogate.train import FitSpec, fit

    times = [time.process_time()]
    with tempfile.TemporaryDirectory() as folder:
        spec = FitSpec(
            model=asked.section.model,
            options=options,
            seed=asked.seed,
            training=training.model_copy(update=few),
            train=[shards[0]],
            valid=[shards[1]],
            out=Path(folder),
            ignore_ms=plan.run.evaluation.ignore_ms,
        )
        fit(spec, progress=lambda done, total, detail: times.append(time.process_time()))
    step_s = min(b - a for a, b in pairwise(times[1:]))
    validation_s = max(times[-1] - times[-2] - step_s, 0.0) / (held_trials * held_ms)
    validations = training.steps / training.validate_every
    trials = min(training.validation_trials, plan.splits["valid"].recipe["trials"])
    validated_ms = plan.run.dataset.duration_ms * trials
    return training.steps * step_s + validations * validated_ms * validation_s


def tasks_cost(plan: TaskPlan) -> list[Cost]:
    """What is missing of a run on long-horizon tasks, or damaged, and about what it takes."""
    bad = untrusted(plan)
    if all(finished(made, bad) for made in (*plan.data.values(), *plan.fits.values())):
        return []
    load_training()
    from task_cost import data_costs, fit_costs

    made, fitted = data_costs(plan, bad), fit_costs(plan, bad)
    parts = [
        Cost(counted(len(made), "set") + " of samples", made),
        Cost(counted(len(fitted), "fit"), fitted, more_jobs=len(fitted)),
    ]
    return [part for part in parts if part.jobs]


@cache
def load_training() -> float:
    """Load what fits need, which takes longer than all the rest; core seconds that it took."""
    started = time.process_time()
    import neuronio.surrogate.train  # noqa: F401

    return time.process_time() - started


def told(parts: Sequence[Cost], cores: int, start_s: float) -> str:
    """The costs as lines of text.

    Args:
        start_s: of a core, until Python has loaded what a job needs.
    """
    if not parts:
        return "Nothing is left to simulate or fit."
    lines = ["This run will take about (from a trial run on this machine):"]
    for part in parts:
        disk = f", {part.bytes_on_disk / 1e9:.2f} GB on disk" if part.bytes_on_disk else ""
        lines.append(f"  {part.what}: {in_words(part.core_s)} of one core{disk}")
    n_jobs = OTHERS + sum(len(part.jobs) + part.more_jobs for part in parts)
    jobs_s = n_jobs * JOB_LOADS * start_s
    lines.append(f"  {n_jobs} jobs to start and end: {in_words(jobs_s)} of one core")
    total = sum(part.core_s for part in parts) + jobs_s
    lines.append(
        f"  all: {in_words(total)} of one core, {in_words(total / cores)} on {cores} cores"
    )
    return "\n".join(lines)


def main() -> None:
    """Print what a run will cost, or why that cannot be told; exit if nothing can be made."""
    start_s = time.process_time()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", type=Path, nargs="+", required=True)
    parser.add_argument("--directory", type=Path, default=Path("."))
    parser.add_argument("--cores", default="all")
    given = parser.parse_args()
    try:
        cores = available_cores() if given.cores == "all" else int(given.cores)
        run = merged(given.configfile)
        with chdir(given.directory):
            try:
                plan = planned(run)
                plan.products  # noqa: B018
            except NeuronIOError:
                return  # which Snakemake says as it plans
            parts = cost(plan) if isinstance(plan, Plan) else tasks_cost(plan)
            jobs = [{"log": log, "core_s": s} for part in parts for log, s in part.jobs.items()]
            write_json(JOBS, jobs)
            start_s += load_training() if parts else 0.0
            print(told(parts, cores, start_s), flush=True)
    except NoDataError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(NO_DATA)
    except Exception as error:  # a surrogate of the user's own may fail in any way
        why = error if isinstance(error, NeuronIOError) else f"{type(error).__name__}: {error}"
        print(f"What this run will cost cannot be told: {' '.join(str(why).split())}", flush=True)


if __name__ == "__main__":
    main()
