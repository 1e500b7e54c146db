"""Verify every shard and list every trial in one manifest."""

from rule_log import RuleLog

from neuronio.data.manifest import write_manifest

log = RuleLog(snakemake.log[0])
shards = snakemake.params.shards
write_manifest(snakemake.output[0], shards)
log.say(f"Verified {sum(map(len, shards.values()))} shards")
