"""Integrate the first test trials again, or go on with them where that was interrupted."""

from dataclasses import replace
from pathlib import Path

from data_plan import DataPlan
from rule import configuration, same
from rule_log import RuleLog

from neuronio.simulation.reintegration import held_trials, integrate_again
from neuronio.simulation.second_job import second_job

log = RuleLog(snakemake.log[0])
plan = DataPlan.of(snakemake)
product = same(plan.floor, snakemake)
# Trials that failed in the test split are in no shard, and so not here either.
trials = [
    trial for trial in held_trials(plan.floor_test_shards) if trial.index < product.recipe["trials"]
]
job = second_job(Path(plan.floor_test_shards[0]), {})
integrate_again(
    # Half the step takes twice the time.
    replace(job, trial_limit_s=2 * plan.run.dataset.trial_limit_s),
    trials,
    snakemake.output[0],
    workers=snakemake.threads,
    progress=log.progress("Integrate test trials again", "trials"),
)
product.finish([snakemake.output[0]], configuration(plan))
log.note(f"{len(trials)} trials are integrated again")
