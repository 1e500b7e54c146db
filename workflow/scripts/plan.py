"""What a configuration asks for: every product, named by its recipe. No rule decides a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from neuronio.config import FitConfig, RunConfig
from neuronio.data.reference import REFERENCE
from neuronio.errors import NeuronIOError
from neuronio.made import CURRENT, Product
from neuronio.recipe import code, deciding_versions, digest, file_sha256, module_of, python_hash
from neuronio.simulation.inputs.splits import SPLITS, shard_path, shard_trials, trial_counts
from neuronio.simulation.jobs import Job
from neuronio.simulation.second_job import SecondJob, finer
from neuronio.surrogate.ablation import base_of
from neuronio.surrogate.evaluate import DECIDING, evaluation_recipe
from neuronio.surrogate.figures.drawn import accuracy_name
from neuronio.surrogate.fit_directory import ONLY_SPEED, fit_recipe
from neuronio.surrogate.fit_settings import fitted_options
from neuronio.surrogate.models import FAMILIES, ModelOptions, option_values

SCRIPTS = Path(__file__).parent
DRAWING = "neuronio.drawing"
FLOOR = "integrator-floor"
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


class Plan:
    """The products of a run.

    Args:
        run: the validated configuration.
        name: of the configuration, for errors.

    Raises:
        NeuronIOError: the cell, a generator, a model or an option is wrong, or a fit is asked for
            twice.
    """

    def __init__(self, run: RunConfig, name: str = "the configuration"):
        self.run, self.name = run, name
        self.results = Path("results") / run.name
        self._jobs = {split: Job.of(run, split) for split in SPLITS}
        # What names a split's trials, however they are parted into shards.
        self._trials: dict[str, dict[str, Any]] = {
            split: {"trials": trials, "recipe": self._jobs[split].digest()}
            for split, trials in trial_counts(run).items()
        }
        self.asked: dict[str, Fit] = {}
        for fit in asked_fits(run):
            if fit.name in self.asked:
                raise NeuronIOError(f"{name}: 'fits' asks for {fit.name} more than once")
            self.asked[fit.name] = fit

    @cached_property
    def splits(self) -> dict[str, Product]:
        """The folder of shards of every split."""
        size = self.run.dataset.trials_per_shard
        return {
            split: Product(split, {**trials, "trials_per_shard": min(size, trials["trials"])})
            for split, trials in self._trials.items()
        }

    @cached_property
    def shards(self) -> dict[str, list[str]]:
        """The paths of every split's shards."""
        return {
            split: [
                str(shard_path(made.store, made.folder.name, i))
                for i in range(len(shard_trials(self.run, split)))
            ]
            for split, made in self.splits.items()
        }

    def wanted(self) -> Iterator[tuple[str, str, int, int]]:
        """Every shard's path, its trials' recipe, its first trial and how many it holds."""
        for split in SPLITS:
            ranges = shard_trials(self.run, split)
            for path, trials in zip(self.shards[split], ranges, strict=True):
                yield path, self._trials[split]["recipe"], trials[0], len(trials)

    @cached_property
    def mechanisms(self) -> Product:
        """The mark that the mechanisms are compiled."""
        recipe: dict[str, Any] = {"code": code("neuronio.simulation.mechanisms")}
        if files := next(iter(self._jobs.values())).spec.mod_checksums():
            recipe["mod_files"] = files
        return Product("mechanisms", recipe)

    @cached_property
    def manifest(self) -> Product:
        """The list of all trials."""
        return self._of_data("manifest", "neuronio.data.manifest", "dataset.py", ("h5py",))

    @cached_property
    def quality(self) -> Product:
        """Figures and tables of what a reader checks before trusting the data."""
        module = "neuronio.simulation.quality_report"
        return self._of_data("quality", module, "quality.py", ("numpy", "scipy", "matplotlib"))

    def _of_data(self, what: str, module: str, script: str, packages: tuple[str, ...]) -> Product:
        data = {split: product.recipe for split, product in self.splits.items()}
        made_by = code(module, DRAWING) | scripts(script, "pages.py")
        versions = deciding_versions(packages)
        document = {"data": data, "packages": versions, "code": made_by}
        return Product(what, document | ({"published": published()} if what == "quality" else {}))

    @cached_property
    def fits(self) -> dict[str, Product]:
        """The fit directory of every fit, by its name."""
        made: dict[str, Product] = {}
        for name, fit in self.asked.items():
            made[name] = Product(fit.what, self._fit_recipe(fit))
            for other in list(made)[:-1]:
                if made[other].folder == made[name].folder:
                    raise NeuronIOError(
                        f"{self.name}: 'fits' asks for {name} and {other}, which differ in their "
                        "label alone; leave one out"
                    )
        return made

    def _fit_recipe(self, fit: Fit) -> dict[str, Any]:
        training, ignore_ms = self.run.training_of(fit.section), self.run.evaluation.ignore_ms
        some = ModelOptions.model_fields["inputs"].default
        chosen = fitted_options(fit.section.model, fit.size, fit.section.options, training, some)
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
    def floor(self) -> Product | None:
        """The first test trials integrated again with a finer step; None where none are wanted."""
        trials = min(self.run.evaluation.floor_trials, self._trials["test"]["trials"])
        if not trials or not self.asked:
            return None
        test = self._jobs["test"]
        again = SecondJob.after(test, finer(test.engine), self._trials["test"]["recipe"])
        return Product("floor", {"trials": trials, **again.recipe()})

    @property
    def floor_shard(self) -> Path | None:
        """The file of those trials."""
        return self.floor.folder / "shard-000.h5" if self.floor else None

    @property
    def floor_test_shards(self) -> list[str]:
        """The shards of the test split that hold the same trials."""
        ranges = shard_trials(self.run, "test")
        trials = self.floor.recipe["trials"] if self.floor else 0
        pairs = zip(self.shards["test"], ranges, strict=True)
        return [path for path, indices in pairs if indices[0] < trials]

    @cached_property
    def floor_evaluation(self) -> Product | None:
        """The second integration scored as a prediction of the first."""
        if self.floor is None:
            return None
        recipe = {
            "floor": self.floor.digest,
            "settings": self.run.evaluation.scoring.model_dump(mode="json"),
            "packages": deciding_versions(DECIDING),
            "code": code("neuronio.surrogate.floor"),
        }
        return Product(FLOOR, recipe)

    @property
    def judged(self) -> dict[str, Product]:
        """Every evaluation that the table shows: those of the fits, and the noise floor."""
        floor = {FLOOR: self.floor_evaluation} if self.floor_evaluation else {}
        return {**self.evaluations, **floor}

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
        for name, kind in labelled:
            base_of(name, kind, list(plain.values()))
        families = {module_of(FAMILIES[fit.section.model].model) for fit in self.asked.values()}
        recipe = {
            "evaluations": {name: made.digest for name, made in self.evaluations.items()},
            "settings": self.run.evaluation.scoring.model_dump(mode="json"),
            "packages": deciding_versions(DECIDING),
            "code": code("neuronio.surrogate.ablation", *sorted(families)),
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
        made = [self.mechanisms, *self.splits.values(), self.manifest, self.quality]
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

    @property
    def current(self) -> Path:
        """The mark that the links show this very plan; one that is missing where they do not."""
        named = digest([product.folder.name for product in self.products])
        marks = [self.results / CURRENT / f"{named}{again}.json" for again in ("", "-again")]
        there = [mark for mark in marks if mark.exists()]
        shown = all(
            (path := self.results / name).is_symlink() and path.resolve() == target.resolve()
            for name, target in self.links.items()
        )
        return there[0] if there and shown else next(m for m in marks if m not in there[:1])


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


def scripts(*names: str) -> dict[str, str]:
    """Hashes of scripts of the workflow; what they import of the packages is named beside them."""
    return {name: python_hash(SCRIPTS / name) for name in names}


def published() -> dict[str, str]:
    """Hashes of the published figures that ours are shown beside."""
    return {path.name: file_sha256(path) for path in sorted(REFERENCE.glob("*.csv"))}


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
