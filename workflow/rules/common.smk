"""The validated configuration, and what the rules derive from it."""

import os
import sys
import time
from pathlib import Path

from neuronio.config import validate_config
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.inputs.draw import make_generator
from neuronio.simulation.inputs.splits import SPLITS, shard_path, shard_trials
from neuronio.simulation.jobs import Job
from neuronio.simulation.mechanisms import MOD
from neuronio.surrogate.models import FAMILIES, sized_options
from neuronio.surrogate.protocol import Protocol

STARTED = time.time()


def validated(document):
    """The run's configuration; ends Snakemake with one sentence where it is wrong."""
    name = ", ".join(str(path) for path in workflow.configfiles) or "the configuration"
    try:
        if not document:
            raise NeuronIOError("no configuration was given; add --configfile config/demo.yaml")
        run = validate_config(document, name=name)
        check_parts(run, name)
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
    return run


def check_parts(run, name):
    """Reject what only the packages know to be wrong: the cell, generators, models, options."""
    load_cell(run.cell.model, run.cell.variant)
    for inputs in (run.inputs, run.dataset.test_generator or run.inputs):
        make_generator(inputs.generator, inputs.parameters)
    seen = set()
    for fit, section, size, _ in fits_of(run):
        sized_options(section.model, size, section.options)
        if fit in seen:
            raise NeuronIOError(f"{name}: 'fits' asks for {fit} more than once; remove one")
        seen.add(fit)


def fits_of(run):
    """Each fit as (its folder's name, its section of the configuration, size, seed)."""
    return [
        (f"{FAMILIES[section.model].name}-{size}-seed{seed}", section, size, seed)
        for section in run.fits
        for size in section.sizes
        for seed in section.seeds
    ]


def fit_settings(wildcards):
    """Everything that one fit depends on beside the data."""
    section, size, seed = FITS[wildcards.fit]
    training = RUN.training_of(section).model_dump(mode="json", exclude={"threads"})
    return {
        "model": section.model,
        "size": size,
        "seed": seed,
        "options": section.options,
        "training": training,
        "ignore_ms": RUN.evaluation.ignore_ms,
    }


def fit_threads(wildcards):
    return RUN.training_of(FITS[wildcards.fit][0]).threads


def simulation_settings(wildcards):
    """Everything that one shard depends on beside the mechanisms."""
    trials = shard_trials(RUN, wildcards.split)[int(wildcards.shard)]
    job = Job.of(RUN, wildcards.split)
    return {"job": job.digest(), "first_trial": trials[0], "trials": len(trials)}


def simulation_threads(wildcards):
    return RUN.engine.threads or workflow.cores


def report_and_tell():
    """Write the report and say where everything is, unless `make run` does both."""
    if os.environ.get("NEURONIO_FINISH") == "later":
        return
    sys.path.insert(0, str(Path(workflow.basedir, "workflow")))
    from finish import finish, snakemake_command

    finish(snakemake_command(workflow.configfiles, Path.cwd()), Path(RESULTS))


def print_failures():
    """One line for each job of this run that failed: what went wrong, and where its log is."""
    for log in sorted(Path(RESULTS, "logs").rglob("*.log")):
        lines = log.read_text().splitlines()
        if log.stat().st_mtime >= STARTED and lines and lines[-1].startswith("error: "):
            print(f"{lines[-1]} (details: {log})", file=sys.stderr)


RUN = validated(config)
RESULTS = f"results/{RUN.name}"
FITS = {fit: rest for fit, *rest in fits_of(RUN)}
MECHANISMS = sorted(str(path) for path in MOD.glob("*.mod"))
SHARDS = {
    split: [
        str(shard_path(f"{RESULTS}/data", split, i)) for i in range(len(shard_trials(RUN, split)))
    ]
    for split in SPLITS
}
TARGETS = [f"{RESULTS}/data/manifest.csv", f"{RESULTS}/quality/quality.json"]
if FITS:
    TARGETS.append(f"{RESULTS}/table.csv")


wildcard_constraints:
    split="|".join(SPLITS),
    shard=r"\d+",
    fit="|".join(FITS) or "none",
