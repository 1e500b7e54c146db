"""Simulate one shard of trials, or go on with one that was interrupted."""

from pathlib import Path

from data_plan import DataPlan
from rule import same
from rule_log import RuleLog

from neuronio.simulation.dataset import simulate_shard

log = RuleLog(snakemake.log[0])
plan, folder = DataPlan.of(snakemake), snakemake.wildcards.split
shard = snakemake.wildcards.shard
split = folder.rpartition("-")[0]
product = same(plan.splits[split], snakemake)
simulate_shard(
    plan.run,
    split,
    int(shard),
    snakemake.output[0],
    workers=snakemake.threads,
    reuse=sorted(Path(product.store).glob(f"{split}-*/shard-*.h5")),
    progress=log.progress(f"Simulate {split} shard {shard}", "trials"),
)
