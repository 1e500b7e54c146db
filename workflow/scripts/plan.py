"""What a configuration asks for: every product, named by its recipe. No rule decides a path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data_plan import DRAWING, FLOOR, DataPlan, published, scripts
from shown_plan import ShownPlan
from task_plan import TaskPlan

from neuronio.config import FitConfig, RunConfig, validate_config
from neuronio.errors import NeuronIOError
from neuronio.long_horizon import is_long_horizon, validate_long_horizon
from neuronio.made import Product
from neuronio.recipe import code, deciding_versions, digest
from neuronio.sections import near_miss
from neuronio.surrogate.families import FAMILIES, ModelOptions, option_values, refuse_too_large
from neuronio.surrogate.figures import accuracy_name
from neuronio.surrogate.fit_settings import fitted_options
from neuronio.surrogate.recipes import (
    EVALUATION_PACKAGES,
    ONLY_SPEED,
    evaluation_recipe,
    fit_recipe,
)
from neuronio.training import TrainingConfig

MOST_FITS = 2000
# Figures of the report: category and title.
ACCURACY = {
    "parameters": "Accuracy against parameters",
    "multiply_adds": "Accuracy against multiply-adds",
    "seconds": "Accuracy against training time",
    "train_trials": "Accuracy against training trials",
}
FIGURES = {
    **{accuracy_name(x): ("Accuracy", title) for x, title in ACCURACY.items()},
    "ablation": ("Accuracy", "What each change does"),
    "curves": ("Accuracy", "ROC and precision-recall curves"),
    "traces": ("Accuracy", "One test trial as every family predicts it"),
    "learning": ("Training", "Learning curves"),
}


@dataclass(frozen=True)
class Fit:
    """One fit that is asked for: its name, its section of the configuration, size and seed."""

    name: str
    section: FitConfig
    size: int
    seed: int

    @property
    def what(self) -> str:
        """Its name without its label, which decides nothing: a label may change at no cost."""
        return f"{FAMILIES[self.section.model].name}-{self.size}-seed{self.seed}"


class Plan(DataPlan, ShownPlan):
    """The products of a run, fits included.

    Args:
        run: the validated configuration.
        name: of the configuration, for errors.

    Raises:
        NeuronIOError: the cell, a generator, a model or an option is wrong, or a fit is asked for
            twice.
    """

    def __init__(self, run: RunConfig, name: str = "the configuration"):
        super().__init__(run, name)
        self.asked: dict[str, Fit] = {}
        count = sum(len(section.sizes) * len(section.seeds) for section in run.fits)
        if count > MOST_FITS:
            raise NeuronIOError(
                f"{name}: 'fits' asks for {count:,} fits, but one run makes at most {MOST_FITS:,}; "
                "make several of it"
            )
        for fit in asked_fits(run):
            if fit.name in self.asked:
                raise NeuronIOError(f"{name}: 'fits' asks for {fit.name} more than once")
            self.asked[fit.name] = fit
        for left_out in run.leave_out:
            if left_out != FLOOR and self.asked.pop(left_out, None) is None:
                raise NeuronIOError(
                    f"{name}: leave_out names {left_out}, which 'fits' does not ask for"
                    f"{near_miss(left_out, [*self.asked, FLOOR])}"
                )

    def training_of(self, name: str) -> TrainingConfig:
        """The training settings of a fit."""
        return self.run.training_of(self.asked[name].section)

    def steps_seen(self, name: str) -> int:
        """Steps of 1 ms that a fit sees of trials."""
        training = self.training_of(name)
        return training.steps * training.batch_size * training.window_ms

    @cached_property
    def fits(self) -> dict[str, Product]:
        """The fit directory of every fit, by its name."""
        return self.told_apart("fits")

    def _fit_recipe(self, fit: Fit) -> dict[str, Any]:
        training, ignore_ms = self.run.training_of(fit.section), self.run.evaluation.ignore_ms
        some = ModelOptions.model_fields["inputs"].default
        chosen = fitted_options(fit.section.model, fit.size, fit.section.options, training, some)
        refuse_too_large(fit.section.model, chosen)
        options = option_values(chosen)
        options.pop("inputs")  # those of the data
        data = {split: self._trials[split] for split in ("train", "valid")}
        data["train"] = data["train"] | {"trials": self.train_trials(fit)}
        return fit_recipe(fit.section.model, options, fit.seed, training, ignore_ms, data)

    def train_trials(self, fit: Fit) -> int:
        """How many trials a fit is fitted to.

        Raises:
            NeuronIOError: there are fewer than it asks for.
        """
        there = self._trials["train"]["trials"]
        wanted = self.run.training_of(fit.section).train_trials or there
        if wanted > there:
            raise NeuronIOError(
                f"{self.name}: training.train_trials of {fit.name} is {wanted}, but there are "
                f"{there} training trials; take fewer, or more in dataset.trials"
            )
        return wanted

    @cached_property
    def evaluations(self) -> dict[str, Product]:
        """The evaluation of every fit, by the fit's name."""
        return {name: self._evaluation(fit) for name, fit in self.asked.items()}

    def _evaluation(self, fit: Fit) -> Product:
        folder, test = self.fits[fit.name], self._trials["test"]
        recipe = evaluation_recipe(
            fit.section.model, folder.digest, test, self.run.evaluation.scoring
        )
        return Product(f"{fit.name}-evaluation", recipe)

    @cached_property
    def floor_evaluation(self) -> Product | None:
        """The second integration scored as a prediction of the first."""
        if self.floor is None:
            return None
        recipe = {
            "floor": self.floor.digest,
            "settings": self.run.evaluation.scoring.model_dump(mode="json"),
            "packages": deciding_versions(EVALUATION_PACKAGES),
            "code": code("neuronio.surrogate.floor"),
        }
        return Product(FLOOR, recipe)

    @property
    def judged(self) -> dict[str, Product]:
        """Every evaluation that the table shows: those of the fits, and the noise floor."""
        floor = {FLOOR: self.floor_evaluation} if self.floor_evaluation else {}
        return {**self.evaluations, **floor}

    def unfinished(self) -> list[str]:
        """What has no evaluation yet: fits by name, and the noise floor."""
        return [name for name, made in self.judged.items() if not made.receipt.exists()]

    @cached_property
    def differences(self) -> Product | None:
        """What labelled fits differ in from their bases; None without fits of both kinds."""
        labelled: list[tuple[str, tuple[str, int]]] = []
        plain: dict[str, tuple[str, int]] = {}
        for fit in self.asked.values():
            kind = FAMILIES[fit.section.model].name, fit.size
            if fit.section.label:
                labelled.append((fit.name, kind))
            else:  # once for all seeds
                plain[digest(self.fits[fit.name].recipe | {"seed": None})] = kind
        if not labelled or not plain:
            return None
        there = set(plain.values())
        gone = {
            (FAMILIES[fit.section.model].name, fit.size)
            for fit in asked_fits(self.run)
            if not fit.section.label and fit.name in self.run.leave_out
        }
        if any(kind in gone - there for _, kind in labelled):  # another size would say nothing
            return None
        from neuronio.surrogate.ablation import base_of  # loads scipy, which no other plan needs

        for name, kind in labelled:
            try:
                base_of(name, kind, list(plain.values()))
            except NeuronIOError:
                if self.run.leave_out:
                    return None
                raise
        models = {fit.section.model for fit in self.asked.values()}
        families = {module for model in models for module in FAMILIES[model].modules}
        recipe = {
            "evaluations": {name: made.digest for name, made in self.evaluations.items()},
            "settings": self.run.evaluation.scoring.model_dump(mode="json"),
            "packages": deciding_versions(EVALUATION_PACKAGES),
            "code": code("neuronio.surrogate.paired", *sorted(families)),
        }
        return Product("differences", recipe)

    @property
    def figures(self) -> dict[str, tuple[str, str]]:
        """The figures of the report: category and title of each."""
        trials = {self.train_trials(fit) for fit in self.asked.values()}
        without = {accuracy_name("train_trials")} if len(trials) < 2 else set()
        without |= set() if self.differences else {"ablation"}
        return {name: shown for name, shown in FIGURES.items() if name not in without}

    @cached_property
    def table(self) -> Product:
        """The table of all fits and the figures."""
        versions = deciding_versions(("numpy", "matplotlib"))
        modules = ("results_table", "figures.drawn", "evaluate")
        recipe = {
            "run": shown(self.run),
            "evaluations": {name: made.digest for name, made in self.judged.items()},
            "differences": self.differences.digest if self.differences else None,
            "splits": {name: made.digest for name, made in self.splits.items()},
            "packages": versions,
            "code": code(DRAWING, *(f"neuronio.surrogate.{name}" for name in modules))
            | scripts("report.py", "pages.py"),
            "published": published(),
        }
        return Product("table", recipe)

    @cached_property
    def products(self) -> list[Product]:
        """Everything that is asked for, with a receipt or shards."""
        made = [product for product in (self.fetched,) if product]
        made += [self.kernels, *self.splits.values(), self.manifest, self.quality]
        if self.asked:
            made += [*self.fits.values(), *self.judged.values(), self.table]
            made += [product for product in (self.floor, self.differences) if product]
        return made

    @cached_property
    def links(self) -> dict[str, Path]:
        """What `results/<name>/` shows: name there -> file or folder in the store."""
        shown = {f"data/{split}": made.folder for split, made in self.splits.items()}
        shown |= {"data/manifest.csv": self.manifest.folder / "manifest.csv"}
        shown |= {"quality": self.quality.folder}
        shown |= {f"fits/{name}": made.folder for name, made in self.fits.items()}
        shown |= {
            f"evaluations/{name}.json": made.folder / "evaluation.json"
            for name, made in self.judged.items()
        }
        shown |= {"data/floor": self.floor.folder} if self.floor else {}
        if self.differences:
            shown |= {"differences.json": self.differences.folder / "differences.json"}
        if self.asked:
            names = ("table.csv", "table.json", "summary.csv", "table.html")
            names += ("figures", "provenance.json")
            shown |= {name: self.table.folder / name for name in names}
        return shown


def plan_of(document: Any, name: str = "the configuration") -> ShownPlan:
    """The plan of a configuration that is already read, of a neuron or of tasks.

    Raises:
        NeuronIOError: it is wrong.
    """
    if is_long_horizon(document):
        return TaskPlan(validate_long_horizon(document, name=name), name)
    return Plan(validate_config(document, name=name), name)


def shown(run: RunConfig) -> dict[str, Any]:
    """A run's configuration without the settings that only say how fast it is computed."""
    document = run.model_dump(
        mode="json",
        exclude={"engine": {"threads"}, "dataset": {"trial_limit_s"}, "training": set(ONLY_SPEED)},
    )
    # Files of the user's own are in the products' recipes by their content.
    document["cell"]["model"] = Path(document["cell"]["model"]).name
    for inputs in filter(None, (document["inputs"], document["dataset"]["test_generator"])):
        inputs["generator"] = Path(inputs["generator"]).name
    for section in document["fits"]:
        section["model"] = Path(section["model"]).name
        for key in ONLY_SPEED:
            section["training"].pop(key, None)
    return document


def fit_name(section: FitConfig, size: int, seed: int) -> str:
    """The name of a fit, such as branch_elm-20-seed0, or branch_elm-20-tau50-seed0 with a label."""
    label = f"-{section.label}" if section.label else ""
    return f"{FAMILIES[section.model].name}-{size}{label}-seed{seed}"


def asked_fits(run: RunConfig) -> list[Fit]:
    """Every fit that a configuration asks for."""
    return [
        Fit(fit_name(section, size, seed), section, size, seed)
        for section in run.fits
        for size in section.sizes
        for seed in section.seeds
    ]
