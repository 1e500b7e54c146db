"""What a configuration of long-horizon tasks asks for: every product, named by its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from data_plan import DRAWING, SPLITS, fetched, scripts
from shown_plan import ShownPlan

from neuronio.classification import ONLY_SPEED, ClassifierTraining
from neuronio.errors import NeuronIOError
from neuronio.long_horizon import (
    LongHorizonConfig,
    TaskConfig,
    TaskFitConfig,
    validate_long_horizon,
)
from neuronio.made import CacheMark, Product
from neuronio.recipe import code, deciding_versions
from neuronio.sections import near_miss
from neuronio.surrogate.families import FAMILIES, ModelOptions, option_values
from neuronio.surrogate.tasks.classify.data import TaskData, speaks, task_data
from neuronio.surrogate.tasks.classify.recipes import (
    classifier_options,
    classifier_recipe,
    evaluation_recipe,
    size_with,
)

# Step, channel and value, and what checks them.
EVENT_BYTES = 12
FIGURES = {
    "accuracy": ("Accuracy", "Accuracy of every model on every task"),
    "learning": ("Training", "Learning curves"),
}


@dataclass(frozen=True)
class TaskFit:
    """One fit that is asked for.

    Attributes:
        name: such as listops-elm-100-seed0.
        task, section: of the configuration.
        bin_ms: width of its bins, if it has any.
        data: of its task.
        options: of its model, size included.
    """

    name: str
    task: TaskConfig
    section: TaskFitConfig
    bin_ms: float | None
    seed: int
    data: TaskData
    options: ModelOptions

    @property
    def what(self) -> str:
        """Its name without the label, which decides nothing."""
        label = f"-{self.section.label}" if self.section.label else ""
        return self.name.replace(f"{label}-seed", "-seed") if label else self.name


class TaskPlan(ShownPlan):
    """The products of a run on long-horizon tasks.

    Args:
        run: the validated configuration.
        name: of the configuration, for errors.

    Raises:
        NeuronIOError: a task, a model or an option is wrong, a fit is asked for twice, or one that
            is not is left out.
    """

    # What only runs on a neuron have.
    floor = floor_evaluation = differences = None

    def __init__(self, run: LongHorizonConfig, name: str = "the configuration"):
        self.run, self.name = run, name
        self.results = Path("results") / run.name
        self.splits: dict[str, Product] = {}
        self.shards: dict[str, list[str]] = {split: [] for split in SPLITS}
        self.asked: dict[str, TaskFit] = {}
        for fit in asked_fits(run):
            if fit.name in self.asked:
                raise NeuronIOError(f"{name}: 'tasks' asks for {fit.name} more than once")
            self.asked[fit.name] = fit
        for left_out in run.leave_out:
            if self.asked.pop(left_out, None) is None:
                raise NeuronIOError(
                    f"{name}: leave_out names {left_out}, which 'tasks' does not ask for"
                    f"{near_miss(left_out, self.asked)}"
                )
        if not self.asked:
            raise NeuronIOError(f"{name}: leave_out names every fit; keep one, or nothing is shown")

    @classmethod
    def of(cls, snakemake: Any) -> Self:
        """The plan of the run that a rule's script works for, made again."""
        return cls(validate_long_horizon(snakemake.config))

    def wanted(self) -> Iterator[tuple[str, str, int, int]]:
        """Shards of trials: none."""
        return iter(())

    def training_of(self, name: str) -> ClassifierTraining:
        """The training settings of a fit."""
        fit = self.asked[name]
        return self.run.training_of(fit.task, fit.section)

    def steps_seen(self, name: str) -> int:
        """Steps of sequences that a fit sees, the longest as many as there may be."""
        fit = self.asked[name]
        samples = self.run.samples(fit.task)["train"]
        facts = fit.data.facts()
        return self.training_of(name).epochs * samples * facts.rows_per_label * facts.steps

    @cached_property
    def fetched(self) -> CacheMark | None:
        """The mark that published recordings are at hand; None where none are read."""
        return fetched(sorted({name for fit in self.asked.values() for name in fit.data.files()}))

    @cached_property
    def kernels(self) -> CacheMark:
        """The mark that the recursion is compiled."""
        return CacheMark("kernels", {"code": code("neuronio.surrogate.recurrence.compiled")})

    @cached_property
    def data(self) -> dict[tuple[str, str], Product]:
        """The data of every fit, by its name and split; fits share it."""
        return {
            (name, split): Product(fit.data.product(split), self._data_recipe(fit, split))
            for name, fit in self.asked.items()
            for split in SPLITS
        }

    def _data_recipe(self, fit: TaskFit, split: str) -> dict[str, Any]:
        return fit.data.recipe(split, self.run.samples(fit.task)[split], self.run.seed)

    @cached_property
    def sequences(self) -> dict[str, tuple[str, str]]:
        """A fit and a split for every folder of data."""
        return {product.folder.name: key for key, product in self.data.items()}

    def amount(self, folder: str) -> int:
        """How many samples or recordings a folder of data is to hold."""
        name, split = self.sequences[folder]
        fit = self.asked[name]
        return fit.data.amount(split, self.run.samples(fit.task)[split])

    def parts(self, folder: str) -> int:
        """How many parts a folder of data is made in, at once where there are processors."""
        return -(-self.amount(folder) // self.asked[self.sequences[folder][0]].data.together())

    def samples_mb(self, name: str, *splits: str) -> int:
        """What some splits of a fit's samples take in memory at most, MB."""
        fit = self.asked[name]
        facts, samples = fit.data.facts(), self.run.samples(fit.task)
        steps = sum(samples[split] for split in splits) * facts.rows_per_label * facts.steps
        return round(steps * facts.events * EVENT_BYTES / 1e6)

    @cached_property
    def fits(self) -> dict[str, Product]:
        """The fit directory of every fit, by its name."""
        return self.told_apart("tasks")

    def _fit_recipe(self, fit: TaskFit) -> dict[str, Any]:
        data = {split: self._samples(fit, split) for split in ("train", "valid")}
        options, training = option_values(fit.options), self.training_of(fit.name)
        return classifier_recipe(fit.section.model, options, fit.seed, training, data)

    def _samples(self, fit: TaskFit, split: str) -> dict[str, Any]:
        """What names the samples of a split."""
        drawn = fit.data.drawn(split, self.run.samples(fit.task)[split], self.run.seed)
        return {"made": self.data[fit.name, split].digest, **drawn}

    @cached_property
    def evaluations(self) -> dict[str, Product]:
        """The evaluation of every fit, by the fit's name."""
        return {
            name: Product(
                f"{name}-evaluation",
                evaluation_recipe(
                    fit.section.model,
                    self.fits[name].digest,
                    {"test": self._samples(fit, "test")},
                    self.run.evaluation,
                ),
            )
            for name, fit in self.asked.items()
        }

    def unfinished(self) -> list[str]:
        """The fits by name that have no evaluation yet."""
        return [name for name, made in self.evaluations.items() if not made.receipt.exists()]

    @cached_property
    def table(self) -> Product:
        """The table of all fits and the figures."""
        excluded = {"training": set(ONLY_SPEED), "tasks": {"__all__": {"published"}}}
        recipe = {
            "run": self.run.model_dump(mode="json", exclude=excluded),
            "evaluations": {name: made.digest for name, made in self.evaluations.items()},
            "packages": deciding_versions(("numpy", "matplotlib")),
            "code": code(
                DRAWING,
                "neuronio.surrogate.figures.learning",
                "neuronio.surrogate.figures.tasks",
                "neuronio.surrogate.tasks.classify.table",
            )
            | scripts("report_tasks.py", "pages.py"),
        }
        return Product("table", recipe)

    @cached_property
    def products(self) -> list[Product]:
        """Everything that is asked for."""
        data = {product.folder: product for product in self.data.values()}
        cached = [mark for mark in (self.fetched, self.kernels) if mark]
        return [
            *cached,
            *data.values(),
            *self.fits.values(),
            *self.evaluations.values(),
            self.table,
        ]

    @cached_property
    def links(self) -> dict[str, Path]:
        """What `results/<name>/` shows: name there -> file or folder in the store."""
        shown = {f"data/{product.what}": product.folder for product in self.data.values()}
        shown |= {f"fits/{name}": made.folder for name, made in self.fits.items()}
        shown |= {
            f"evaluations/{name}.json": made.folder / "evaluation.json"
            for name, made in self.evaluations.items()
        }
        names = ("table.csv", "table.json", "summary.csv", "table.html", "figures")
        return shown | {n: self.table.folder / n for n in (*names, "provenance.json")}


def asked_fits(run: LongHorizonConfig) -> Iterator[TaskFit]:
    """Every fit that a configuration asks for."""
    for task in run.tasks:
        for bin_ms in task.bins_ms or [None]:
            data = task_data(task.task, bin_ms, run.recordings(task), task.published)
            if "recordings" in task.model_fields_set and not speaks(task.task):
                raise NeuronIOError(
                    f"task '{task.task}' speaks no digits of its own; leave 'recordings' out"
                )
            for section in task.fits:
                yield from _of_section(task, section, bin_ms, data)


def _of_section(
    task: TaskConfig, section: TaskFitConfig, bin_ms: float | None, data: TaskData
) -> Iterator[TaskFit]:
    """The fits of one family, for every seed."""
    facts = data.facts()

    size = section.size or size_with(section.model, section.options, facts, task.parameters)
    options = classifier_options(section.model, size, section.options, facts)
    family = FAMILIES[section.model].name
    parts = [task.task, *([f"{bin_ms:g}ms"] if bin_ms else []), f"{family}-{size}"]
    parts += [section.label] if section.label else []
    for seed in section.seeds:
        name = "-".join([*parts, f"seed{seed}"])
        yield TaskFit(name, task, section, bin_ms, seed, data, options)
