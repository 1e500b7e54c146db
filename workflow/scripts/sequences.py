"""Make the samples of one split of a task, or go on where it was interrupted."""

from rule import configuration, same
from rule_log import RuleLog
from task_plan import TaskPlan

log = RuleLog(snakemake.log[0])
plan = TaskPlan.of(snakemake)
name, split = plan.sequences[snakemake.wildcards.sequences]
product, fit = same(plan.data[name, split], snakemake), plan.asked[name]
samples = plan.run.samples(fit.task)[split]
files = fit.data.make(
    product.folder,
    split,
    samples,
    plan.run.seed,
    snakemake.threads,
    log.progress(f"Make {product.what}", "samples"),
)
product.finish(files, configuration(plan))
log.say(f"Made {product.what}: {plan.amount(snakemake.wildcards.sequences):,}")
