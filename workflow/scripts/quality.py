"""Measure and draw what a reader checks before trusting the data."""

from pathlib import Path

from data_plan import DataPlan
from pages import quality_page
from rule import configuration, same
from rule_log import RuleLog

from neuronio.simulation.quality_report import quality_report

log = RuleLog(snakemake.log[0])
plan = DataPlan.of(snakemake)
product = same(plan.quality, snakemake)
report = quality_report(plan.shards, Path(snakemake.output.summary).parent)
Path(snakemake.output.page).write_text(quality_page(report["table"]))
files = [path for path in snakemake.output if path != snakemake.output.receipt]
product.finish(files, configuration(plan))
for name, split in report["splits"].items():
    log.say(f"{name}: {split['trials']} trials")
    for quantity in ("output_rate_whole_hz", "output_rate_hz", "soma_mean_mV"):
        value, n = split[quantity], split["n"][quantity]
        label = report["quantities"][quantity]["label"]
        found = "nothing to count" if value is None else f"{value:.4g}"
        log.say(f"  {label}: {found} ({n['trials']} trials, {n['spikes']} spikes)")
