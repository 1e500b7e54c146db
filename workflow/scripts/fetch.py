"""Fetch every file of sources.tsv that the cell is made from, and say whose it is."""

from data_plan import DataPlan
from rule import configuration
from rule_log import RuleLog

from neuronio.data.fetch import fetch, sources

log = RuleLog(snakemake.log[0])
plan = DataPlan.of(snakemake)
for name in plan.fetched.recipe["files"]:
    source, path = sources()[name], fetch(name)
    log.say(f"{name}: licence {source.licence}; {source.note}; sha256 {source.sha256[:16]}")
    log.note(f"{name} is at {path}")
plan.fetched.finish([], configuration(plan))
