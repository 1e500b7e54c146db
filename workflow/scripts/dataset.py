"""Verify every shard and list every trial in one manifest."""

from rule import configuration, plan_of, same
from rule_log import RuleLog

from neuronio.data.manifest import write_manifest

log = RuleLog(snakemake.log[0])
plan = plan_of(snakemake)
product = same(plan.manifest, snakemake)
write_manifest(snakemake.output.manifest, plan.shards)
product.finish([snakemake.output.manifest], configuration(plan))
log.say(f"Verified {sum(map(len, plan.shards.values()))} shards")
