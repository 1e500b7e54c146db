"""Compile the cell's NMODL mechanisms and its kernel, and hold the kernel against NEURON."""

from rule import configuration, plan_of
from rule_log import RuleLog

from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.registry import make_engine

log = RuleLog(snakemake.log[0])
plan = plan_of(snakemake)
spec = load_cell(plan.run.cell.model, plan.run.cell.variant)
make_engine(spec, plan.run.engine)
plan.mechanisms.finish([], configuration(plan))
log.note(f"the mechanisms and the {plan.run.engine.name} engine of {spec.name} are compiled")
