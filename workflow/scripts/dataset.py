"""Verify every shard and list every trial in one manifest."""

from rule_log import Job

from neuronio.data.manifest import write_manifest

job = Job(snakemake.log[0])
shards = snakemake.params.shards
write_manifest(snakemake.output[0], shards)
job.say(f"Verified {sum(map(len, shards.values()))} shards")
