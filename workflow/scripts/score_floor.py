"""Score the second integration of test trials as if it were a surrogate's prediction."""

from pathlib import Path

from plan import Plan
from rule import configuration, same
from rule_log import RuleLog

from neuronio.files import write_json
from neuronio.surrogate.floor import floor_scores

log = RuleLog(snakemake.log[0])
plan = Plan.of(snakemake)
product = same(plan.floor_evaluation, snakemake)
document = floor_scores(
    [Path(path) for path in plan.floor_test_shards],
    [plan.floor_shard],
    plan.run.evaluation.scoring,
)
write_json(snakemake.output[0], document)
product.finish([snakemake.output[0]], configuration(plan))
log.say("Scored the integrator's noise floor")
