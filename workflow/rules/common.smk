"""The validated configuration, and what the rules derive from it."""

import os
import sys
import time
from pathlib import Path

from snakemake.settings.enums import RerunTrigger

from neuronio.errors import NeuronIOError
from neuronio.made import DAMAGED, free_name
from neuronio.simulation.inputs.splits import SPLITS

WORKFLOW = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
sys.path[:0] = [str(WORKFLOW), str(WORKFLOW / "scripts")]
import untrusted
from plan import Plan, plan_of
from untrusted import STORE

from neuronio.surrogate.protocol import Protocol

STARTED = time.time()
# Of the ensemble engine in float32 on vectors of 512 bits; elsewhere fewer.
LANES = 16
# Data come first, on every core: fits, of one core each, could keep them from it. Then scores.
DATA_PRIORITY, SCORE_PRIORITY = 1000, 2
# Of one ms of one trial: three times what the slowest machine took that was measured.
SLOW_MS_PER_MS = {"ensemble": 2.0, "neuron": 60.0}
SLOW_FIT_STEPS_PER_MINUTE = 3_000_000
# A path says everything that decides what is at it, so that nothing is made again for a younger
# time stamp, a touched script or another number of threads. (The settings that hold these triggers
# are not there yet while this file is read, and a profile would not reach plain Snakemake.)
type(workflow).rerun_triggers = property(lambda self: frozenset({RerunTrigger.MTIME}))


def planned(document):
    """What the configuration asks for; ends Snakemake with one sentence where it is wrong."""
    name = ", ".join(str(path) for path in workflow.configfiles) or "the configuration"
    try:
        if not document:
            raise NeuronIOError("no configuration was given; add --configfile config/demo.yaml")
        plan = plan_of(document, name)
        plan.products  # names every product, and so checks every option
    except NeuronIOError as error:
        said = str(error)
        sys.exit(f"error: {said if name in said else f'{name}: {said}'}")
    return plan


def put_aside():
    """What lies where a product should and is not it: path -> (where it is set aside to, why)."""
    found, aside = untrusted.untrusted(PLAN), Path(STORE, DAMAGED)
    names = {path: "-".join(Path(path).relative_to(STORE).parts) for path in found}
    return {path: (free_name(aside, names[path]).name, why) for path, why in found.items()}


def set_aside(path):
    """The mark of a job that moves away what is at a path and cannot be trusted, if there is one."""
    return [f"{STORE}/{DAMAGED}/{UNTRUSTED[path][0]}/why.txt"] if path in UNTRUSTED else []


def there(path):
    """Whether a shard is there and is what it should be."""
    return Path(path).exists() and path not in UNTRUSTED


def finished(product):
    """Whether a product is there and is what it should be."""
    return untrusted.finished(product, UNTRUSTED)


def needed(product, inputs, *read):
    """The inputs of a product that is to be made; none where it is finished: its name says it all.

    It is made again with the products that it reads: their last bits may come out otherwise.
    """
    return [] if product is None or all(map(finished, (product, *read))) else inputs


def list_of_shards():
    """What the manifest is made from, where it is to be made or one of its files is."""
    return needed(PLAN.manifest, SHARDS) if all(map(there, SHARDS)) else SHARDS


def shards_for(products, *splits):
    """For rules of one fit: the shards of some splits, where its product is to be made."""

    def inputs(wildcards):
        product = next(made for made in products.values() if made.folder.name in wildcards)
        return needed(product, [path for split in splits for path in PLAN.shards[split]])

    return inputs


def kernels_for(wildcards):
    """What is compiled, where a shard is to be made."""
    path = f"{STORE}/{wildcards.split}/shard-{wildcards.shard}.h5"
    return [] if there(path) else PLAN.kernels.receipt


def recursion_for(wildcards):
    """The same where a fit is to be made."""
    return needed(PLAN.fits[FITS[wildcards.fit]], [PLAN.kernels.receipt])


def of_fit(products):
    """For rules of one fit: its product, from the folder's name."""
    return {product.folder.name: name for name, product in products.items()}


def fit_priority(wildcards):
    """One seed of every fit, in the configuration's order, before the next seed."""
    order = sorted(PLAN.asked, key=lambda name: PLAN.asked[name].seed)
    return 1 - order.index(FITS[wildcards.fit]) / len(order)


def fit_threads(wildcards):
    return PLAN.training_of(FITS[wildcards.fit]).threads


def fit_device(wildcards):
    return PLAN.training_of(FITS[wildcards.fit]).device


def evaluation_device(wildcards):
    """An evaluation runs where its fit did."""
    return PLAN.training_of(EVALUATIONS[wildcards.evaluation]).device


def simulation_threads(wildcards):
    return PLAN.run.engine.threads or workflow.cores


def trials_of(wildcards):
    """How many trials a shard is to hold."""
    path = f"{STORE}/{wildcards.split}/shard-{wildcards.shard}.h5"
    return next(count for other, _, _, count in PLAN.wanted() if other == path)


def shard_threads(wildcards):
    """Cores of one shard: no more than it has groups of lanes, and but one where shards are many.

    At a shard's end lanes are idle, on each of its cores (docs/ensemble.md, "No lane idle").
    """
    cores = workflow.cores or 1
    share = -(-4 * cores // max(1, MISSING_SHARDS))
    return min(PLAN.run.engine.threads or min(cores, share), -(-trials_of(wildcards) // LANES))


def simulation_minutes(trials, threads, attempt):
    """What a scheduler is asked for: several times what it takes on an old core."""
    core_ms = trials * PLAN.run.dataset.duration_ms * SLOW_MS_PER_MS[PLAN.run.engine.name]
    return attempt * (15 + round(core_ms / threads / 60_000))


def fit_minutes(wildcards, attempt):
    """The same for a fit, by what it sees; a fit that is ended goes on from its checkpoint."""
    seen = PLAN.steps_seen(FITS[wildcards.fit])
    return attempt * (30 + round(seen / SLOW_FIT_STEPS_PER_MINUTE))


def hour(wildcards, attempt):
    """Minutes of a job that takes few of them."""
    return 60 * attempt


def memory(wildcards, attempt):
    """MB of memory of any job but a fit."""
    return 4000 * attempt


def fit_memory(wildcards, attempt):
    """The same for a fit, which keeps the trials that it read."""
    return attempt * (3500 + PLAN.training_of(FITS[wildcards.fit]).cache_mib)


def report_and_tell():
    """Write the report and say where everything is, unless `make run` does both."""
    if os.environ.get("NEURONIO_FINISH") == "later":
        return
    from finish import finish, snakemake_command

    finish(snakemake_command(workflow.configfiles, Path.cwd()), PLAN.run, Path())


def print_failures():
    """One line for each job of this run that failed: what went wrong, and where its log is."""
    for log in sorted(Path(RESULTS, "logs").rglob("*.log")):
        lines = log.read_text().splitlines()
        if log.stat().st_mtime >= STARTED and lines and lines[-1].startswith("error: "):
            print(f"{lines[-1]} (details: {log})", file=sys.stderr)


PLAN = planned(config)
RESULTS = str(PLAN.results)
UNTRUSTED = put_aside()
FITS = of_fit(PLAN.fits)
EVALUATIONS = of_fit(PLAN.evaluations)
SHARDS = [path for split in SPLITS for path in PLAN.shards[split]]
MISSING_SHARDS = sum(not there(path) for path in SHARDS)
RECEIPTS = [made.receipt for made in PLAN.products if made not in PLAN.splits.values()]


wildcard_constraints:
    split="|".join(product.folder.name for product in PLAN.splits.values()),
    shard=r"\d+",
    fit="|".join(FITS) or "none",
    evaluation="|".join(EVALUATIONS) or "none",
    floor=PLAN.floor.folder.name if PLAN.floor else "none",
    differences=PLAN.differences.folder.name if PLAN.differences else "none",
    floor_evaluation=PLAN.floor_evaluation.folder.name if PLAN.floor else "none",
    aside="|".join(name for name, _ in UNTRUSTED.values()) or "none",
