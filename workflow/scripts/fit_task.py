"""Fit one classifier, or go on with it where it was interrupted."""

from rule import configuration, same
from rule_log import RuleLog
from task_plan import TaskPlan

from neuronio.surrogate.tasks.classify.fit import ClassifierSpec, fit_classifier

log = RuleLog(snakemake.log[0])
plan = TaskPlan.of(snakemake)
name = next(n for n, made in plan.fits.items() if made.folder.name == snakemake.wildcards.fit)
product, fit = same(plan.fits[name], snakemake), plan.asked[name]
samples = plan.run.samples(fit.task)
sources = {
    split: fit.data.source(plan.data[name, split].folder, split, samples[split], plan.run.seed)
    for split in ("train", "valid")
}
spec = ClassifierSpec(
    model=fit.section.model,
    options=fit.options,
    seed=fit.seed,
    training=plan.training_of(name).model_copy(update={"threads": snakemake.threads}),
    out=product.folder,
    **sources,
)
summary = fit_classifier(spec, progress=log.progress(f"Fit {name}", "steps"))
made = ("best.pt", "config.json", "history.csv", "summary.json")
product.finish([product.folder / file for file in made], configuration(plan))
accuracy = summary["validation"]["accuracy"]
log.say(f"Fitted {name}: {summary['parameters']:,} parameters, validation accuracy {accuracy:.4f}")
