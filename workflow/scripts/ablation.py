"""What every fit with a label differs in from the one without, on the same test trials."""

from pathlib import Path

from plan import Plan
from rule import configuration, same
from rule_log import RuleLog

from neuronio.files import write_json
from neuronio.progress import counted
from neuronio.surrogate.paired import paired
from neuronio.surrogate.results_table import read_evaluations

log = RuleLog(snakemake.log[0])
plan = Plan.of(snakemake)
product = same(plan.differences, snakemake)
documents = (made.folder / "evaluation.json" for made in plan.evaluations.values())
rows = paired(
    read_evaluations(documents),
    {name: made.folder for name, made in plan.fits.items()},
    [Path(path) for path in plan.shards["test"]],
    plan.run.evaluation.scoring,
    device=plan.run.training.device,
)
write_json(snakemake.output[0], {"format": 1, "rows": rows})
product.finish([snakemake.output[0]], configuration(plan))
log.say(f"Compared {counted(len(rows), 'fit')} with the fits without a label")
