"""Simulate one shard of trials, or go on with one that was interrupted."""

from rule_log import RuleLog

from neuronio.config import validate_config
from neuronio.simulation.dataset import simulate_shard

log = RuleLog(snakemake.log[0])
split, shard = snakemake.wildcards.split, int(snakemake.wildcards.shard)
simulate_shard(
    validate_config(snakemake.config),
    split,
    shard,
    snakemake.output[0],
    workers=snakemake.threads,
    progress=log.progress(f"Simulate {split} shard {shard}", "trials"),
)
