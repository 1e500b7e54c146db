"""Measure and draw what a reader checks before trusting the data."""

from pathlib import Path

from pages import quality_page
from rule_log import Job

from neuronio.simulation.quality import quality_report

job = Job(snakemake.log[0])
report = quality_report(snakemake.params.shards, Path(snakemake.output.summary).parent)
Path(snakemake.output.page).write_text(quality_page(report["table"]))
for name, split in report["splits"].items():
    rate, mean = split["output_rate_hz"], split["soma_mean_mV"]
    job.say(f"{name}: {split['trials']} trials, {rate:.2f} Hz, soma {mean:.1f} mV on average")
