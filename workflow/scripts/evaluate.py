"""Score one fitted surrogate on the test split."""

from pathlib import Path

from plan import Plan
from rule import configuration, same
from rule_log import RuleLog

from neuronio.files import write_json
from neuronio.surrogate.evaluate import evaluate

log = RuleLog(snakemake.log[0])
plan, name = Plan.of(snakemake), snakemake.wildcards.evaluation.rpartition("-evaluation-")[0]
product = same(plan.evaluations[name], snakemake)
document = evaluate(
    plan.fits[name].folder,
    [Path(path) for path in plan.shards["test"]],
    plan.run.evaluation.scoring,
    device=plan.run.training_of(plan.asked[name].section).device,
)
document |= {"name": name, "label": plan.asked[name].section.label}
write_json(snakemake.output[0], document)
product.finish([snakemake.output[0]], configuration(plan))
scores = {name: document["scores"][name]["value"] for name in ("auc", "soma_rmse_mV")}
told = [f"{name} {value:.4f}" for name, value in scores.items() if value is not None]
log.say(f"Evaluated {name}: {', '.join(told) or 'no score is defined'}")
