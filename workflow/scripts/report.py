"""The table of all fits, the figures, and what everything was made with."""

import platform
from pathlib import Path

from pages import accuracy_page, facts_page
from rule import configuration, plan_of, same
from rule_log import RuleLog

from neuronio.config import EvaluationConfig
from neuronio.data.reference import published_surrogates
from neuronio.data.shard import Shard
from neuronio.drawing import save_figure
from neuronio.files import read_csv, write_json
from neuronio.recipe import package_versions
from neuronio.surrogate.evaluate import predict_one
from neuronio.surrogate.figures import accuracy_figure, learning_figure, prediction_figure
from neuronio.surrogate.results_table import read_evaluations, table_rows, write_table

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


log = RuleLog(snakemake.log[0])
plan = plan_of(snakemake)
product = same(plan.table, snakemake)
evaluations = read_evaluations(made.folder / "evaluation.json" for made in plan.judged.values())
fitted = [document for document in evaluations if document["name"] in plan.fits]
folders = {name: made.folder for name, made in plan.fits.items()}
histories = {name: read_csv(folder / "history.csv") for name, folder in folders.items()}

write_table(evaluations, stem(snakemake.output.table[0]))
Path(snakemake.output.page).write_text(accuracy_page(table_rows(evaluations)))
save_figure(
    lambda: accuracy_figure(fitted, published_surrogates()), stem(snakemake.output.accuracy[0])
)
best = max(fitted, key=lambda document: document["scores"]["auc"]["value"] or 0)["name"]
prediction = predict_one(
    folders[best], [Path(path) for path in plan.shards["test"]], 0, EvaluationConfig()
)
save_figure(
    lambda: prediction_figure(prediction, f"{best}, first test trial"),
    stem(snakemake.output.prediction[0]),
)
save_figure(lambda: learning_figure(histories), stem(snakemake.output.learning[0]))

facts = provenance(plan.run.model_dump(mode="json"), plan.shards)
write_json(Path(snakemake.output.provenance), facts)
Path(snakemake.output.provenance_page).write_text(facts_page(facts))
files = [path for path in snakemake.output if path != snakemake.output.receipt]
product.finish(files, configuration(plan))
log.say("Drew the figures and wrote the table")
