"""Score one fitted classifier on the test split of its task."""

from rule import configuration, same
from rule_log import RuleLog
from task_plan import TaskPlan

from neuronio.files import write_json
from neuronio.surrogate.tasks.classify.evaluate import evaluate_classifier

log = RuleLog(snakemake.log[0])
plan, name = TaskPlan.of(snakemake), snakemake.wildcards.evaluation.rpartition("-evaluation-")[0]
product, fit = same(plan.evaluations[name], snakemake), plan.asked[name]
samples = plan.run.samples(fit.task)["test"]
test = fit.data.source(plan.data[name, "test"].folder, "test", samples, plan.run.seed)
document = evaluate_classifier(
    plan.fits[name].folder, test, plan.run.evaluation, device=plan.training_of(name).device
)
document |= {"name": name, "label": fit.section.label, "bin_ms": fit.bin_ms}
write_json(snakemake.output[0], document)
product.finish([snakemake.output[0]], configuration(plan))
log.say(f"Evaluated {name}: accuracy {document['scores']['accuracy']['value']:.4f}")
