"""The table of all fits, the figures, and what everything was made with."""

import platform
from pathlib import Path

from pages import accuracy_page, facts_page
from plan import ACCURACY, Plan
from rule import configuration, same
from rule_log import RuleLog

from neuronio.config import EvaluationConfig
from neuronio.data.reference import published_surrogates
from neuronio.data.shard import Shard
from neuronio.drawing import save_figure
from neuronio.files import read_csv, read_json, write_json
from neuronio.recipe import package_versions
from neuronio.surrogate.evaluate import predict_one
from neuronio.surrogate.figures import accuracy_name
from neuronio.surrogate.figures.curves import MOST
from neuronio.surrogate.figures.drawn import figures, no_figure
from neuronio.surrogate.figures.marks import representatives
from neuronio.surrogate.results_table import read_evaluations, table_rows, write_table
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.summary import summary_rows

PACKAGES = ("neuronio", "neuron", "torch", "numpy", "scipy", "h5py", "snakemake")


def stem(path: str) -> Path:
    return Path(path).with_suffix("")


def provenance(config: dict, shards: dict[str, list[str]]) -> dict:
    """What the run was made with: platform, packages, what the shards say, configuration."""
    facts: dict = {"platform": platform.platform(), "packages": package_versions(*PACKAGES)}
    for split, paths in shards.items():
        with Shard(paths[0]) as shard:
            facts[split] = shard.info
    return facts | {"configuration": config}


def traces(plan: Plan, fitted: list[dict]) -> tuple[dict, str]:
    """The first test trial with a spike, as a fit of every family predicts it, and its name."""
    shards = [Path(path) for path in plan.shards["test"]]
    store = TrialStore(shards)
    trial = next((i for i in range(len(store)) if store.n_spikes(i)), 0)
    settings = EvaluationConfig()
    names = [row["fits"].split()[0] for row in representatives(summary_rows(fitted), MOST)]
    found = {n: predict_one(plan.fits[n].folder, shards, trial, settings) for n in names}
    return found, f"test trial {trial}"


log = RuleLog(snakemake.log[0])
plan = Plan.of(snakemake)
product = same(plan.table, snakemake)
evaluations = read_evaluations(made.folder / "evaluation.json" for made in plan.judged.values())
fitted = [document for document in evaluations if document["name"] in plan.fits]
histories = {name: read_csv(fit.folder / "history.csv") for name, fit in plan.fits.items()}
made = plan.differences

write_table(evaluations, stem(snakemake.output.table[0]))
Path(snakemake.output.page).write_text(accuracy_page(table_rows(evaluations)))
predictions, title = traces(plan, fitted)
drawn = figures(
    evaluations,
    [x for x in ACCURACY if accuracy_name(x) in plan.figures],
    published=published_surrogates(),
    differences=read_json(made.folder / "differences.json")["rows"] if made else (),
    histories=histories,
    predictions=predictions,
    title=title,
)
for path in map(stem, snakemake.output.figures):
    save_figure(drawn.get(path.name, no_figure), path)

facts = provenance(plan.run.model_dump(mode="json"), plan.shards)
write_json(Path(snakemake.output.provenance), facts)
Path(snakemake.output.provenance_page).write_text(facts_page(facts))
files = [path for path in snakemake.output if path != snakemake.output.receipt]
product.finish(files, configuration(plan))
log.say("Drew the figures and wrote the table")
