"""The table of all classifiers, the figures, and what everything was made with."""

import platform
from pathlib import Path

from pages import facts_page, page
from rule import configuration, same
from rule_log import RuleLog
from task_plan import TaskPlan

from neuronio.drawing import save_figure
from neuronio.files import read_csv, read_json, write_json
from neuronio.recipe import package_versions
from neuronio.surrogate.figures.learning import learning_figure
from neuronio.surrogate.figures.tasks import tasks_figure
from neuronio.surrogate.tasks.classify.table import page_cells, summary_rows, table_rows, write_rows

PACKAGES = ("neuronio", "torch", "numpy", "scipy", "h5py", "snakemake")

log = RuleLog(snakemake.log[0])
plan = TaskPlan.of(snakemake)
product = same(plan.table, snakemake)
evaluations = [read_json(made.folder / "evaluation.json") for made in plan.evaluations.values()]
histories = {name: read_csv(plan.fits[name].folder / "history.csv") for name in plan.evaluations}
rows, means = table_rows(evaluations), summary_rows(evaluations)
folder = product.folder
write_rows(folder / "table.csv", rows)
write_json(folder / "table.json", rows)
write_rows(folder / "summary.csv", means)
(folder / "table.html").write_text(page(*page_cells(rows)))
save_figure(lambda: tasks_figure(means), folder / "figures" / "accuracy")
series = {document["name"]: (document["model"]["name"], None) for document in evaluations}
score = ("valid_accuracy", "Validation accuracy")
save_figure(lambda: learning_figure(histories, series, score), folder / "figures" / "learning")

facts = {"platform": platform.platform(), "packages": package_versions(*PACKAGES)}
abouts = [document["data"]["about"] for document in evaluations]
widths = [f"-{about['bin_ms']:g}ms" if about["bin_ms"] else "" for about in abouts]
facts |= {"data": {a["task"] + width: a for a, width in zip(abouts, widths, strict=True)}}
facts |= {"configuration": plan.run.model_dump(mode="json")}
write_json(Path(snakemake.output.provenance), facts)
Path(snakemake.output.provenance_page).write_text(facts_page(facts))
files = [path for path in snakemake.output if path != snakemake.output.receipt]
product.finish(files, configuration(plan))
log.say("Drew the figures and wrote the table")
