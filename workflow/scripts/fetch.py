"""Fetch every file of sources.tsv that a run is made from, and say whose it is."""

from rule import cached, configuration
from rule_log import RuleLog

from neuronio.data.fetch import fetch, sources

log = RuleLog(snakemake.log[0])
plan = cached(snakemake)
for name in plan.fetched.recipe["files"]:
    source, path = sources()[name], fetch(name)
    log.say(f"{name}: licence {source.licence}; {source.note}; sha256 {source.sha256[:16]}")
    log.note(f"{name} is at {path}")
plan.fetched.finish([], configuration(plan))
