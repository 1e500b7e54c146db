"""Verify every shard and list every trial in one manifest."""

from data_plan import DataPlan
from rule import configuration, same
from rule_log import RuleLog

from neuronio.data.manifest import write_manifest
from neuronio.data.soundness import Soundness

log = RuleLog(snakemake.log[0])
plan = DataPlan.of(snakemake)
product = same(plan.manifest, snakemake)
write_manifest(snakemake.output.manifest, plan.shards)
# What was verified here need not be read again when the next run looks at it.
sound = Soundness(product.store)
for wanted in plan.wanted():
    sound.vouch(*wanted)
sound.remember()
product.finish([snakemake.output.manifest], configuration(plan))
log.say(f"Verified {sum(map(len, plan.shards.values()))} shards")
