"""Compile the NMODL mechanisms and note where the library is."""

from rule import configuration, plan_of
from rule_log import RuleLog

from neuronio.simulation.mechanisms import load_mechanisms

log = RuleLog(snakemake.log[0])
library = load_mechanisms()
plan = plan_of(snakemake)
plan.mechanisms.finish([], configuration(plan))
log.note(f"the mechanisms are in {library}")
