"""Simulate one shard of trials, or go on with one that was interrupted."""

from rule_log import Job

from neuronio.config import validate_config
from neuronio.simulation.dataset import simulate_shard

job = Job(snakemake.log[0])
split, shard = snakemake.wildcards.split, int(snakemake.wildcards.shard)
simulate_shard(
    validate_config(snakemake.config),
    split,
    shard,
    snakemake.output[0],
    workers=snakemake.threads,
    progress=job.bar(f"Simulate {split} shard {shard}", "trials"),
)
