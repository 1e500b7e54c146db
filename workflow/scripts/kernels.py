"""Compile the mechanisms and all kernels, so that no later job does, and check the cell's."""

from data_plan import DataPlan
from rule import cached, configuration
from rule_log import RuleLog

from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.registry import make_engine

log = RuleLog(snakemake.log[0])
plan = cached(snakemake)
if isinstance(plan, DataPlan):
    spec = load_cell(plan.run.cell.model, plan.run.cell.variant)
    make_engine(spec, plan.run.engine)
    log.note(f"the mechanisms and the {plan.run.engine.name} engine of {spec.name} are compiled")
if not isinstance(plan, DataPlan) or plan.run.fits:
    from neuronio.surrogate.recurrence.compiled import library

    library()
    log.note("the recursion of the surrogates is compiled")
plan.kernels.finish([], configuration(plan))
