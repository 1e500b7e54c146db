"""Fit one surrogate, or go on with it where it was interrupted."""

from pathlib import Path

from plan import Plan
from rule import configuration, same
from rule_log import RuleLog

from neuronio.data.shard import Shard
from neuronio.surrogate.fit_settings import fitted_options
from neuronio.surrogate.train import FitSpec, fit

log = RuleLog(snakemake.log[0])
plan = Plan.of(snakemake)
name = next(n for n, made in plan.fits.items() if made.folder.name == snakemake.wildcards.fit)
product, asked = same(plan.fits[name], snakemake), plan.asked[name]
shards = {split: [Path(path) for path in plan.shards[split]] for split in ("train", "valid")}
with Shard(shards["train"][0]) as shard:
    inputs = shard.n_synapses
training = plan.run.training_of(asked.section)
spec = FitSpec(
    model=asked.section.model,
    options=fitted_options(
        asked.section.model, asked.size, asked.section.options, training, inputs
    ),
    seed=asked.seed,
    training=training.model_copy(update={"threads": snakemake.threads}),
    out=product.folder,
    ignore_ms=plan.run.evaluation.ignore_ms,
    **shards,
)
summary = fit(spec, progress=log.progress(f"Fit {name}", "steps"))
made = ["best.pt", "config.json", "history.csv", "summary.json"]
made += ["targets.npz"] if training.outputs > 2 else []
product.finish([product.folder / file for file in made], configuration(plan))
log.say(f"Fitted {name}: {summary['parameters']:,} parameters")
