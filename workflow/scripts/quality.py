"""Measure and draw what a reader checks before trusting the data."""

from pathlib import Path

from pages import quality_page
from rule_log import RuleLog

from neuronio.simulation.quality_report import quality_report

log = RuleLog(snakemake.log[0])
report = quality_report(snakemake.params.shards, Path(snakemake.output.summary).parent)
Path(snakemake.output.page).write_text(quality_page(report["table"]))
for name, split in report["splits"].items():
    rate, mean = split["output_rate_hz"], split["soma_mean_mV"]
    log.say(f"{name}: {split['trials']} trials, {rate:.2f} Hz, soma {mean:.1f} mV on average")
