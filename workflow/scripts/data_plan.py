"""What a configuration asks for of data, named by its recipe; the rules of data need no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from neuronio.config import RunConfig, validate_config
from neuronio.data.fetch import sources
from neuronio.data.reference import REFERENCE
from neuronio.made import CacheMark, Product
from neuronio.recipe import code, deciding_versions, file_sha256, python_hash
from neuronio.simulation.engines.registry import ENGINES
from neuronio.simulation.inputs.splits import SPLITS, shard_path, shard_trials, trial_counts
from neuronio.simulation.jobs import Job
from neuronio.simulation.second_job import SecondJob, finer

SCRIPTS = Path(__file__).parent
DRAWING = "neuronio.drawing"
FLOOR = "integrator-floor"


class DataPlan:
    """The products of a run that are made of no fit.

    Args:
        run: the validated configuration.
        name: of the configuration, for errors.

    Raises:
        NeuronIOError: the cell or a generator is wrong, or there are too many shards.
    """

    def __init__(self, run: RunConfig, name: str = "the configuration"):
        self.run, self.name = run, name
        self.results = Path("results") / run.name
        self.jobs = {split: Job.of(run, split) for split in SPLITS}
        for split in SPLITS:
            shard_trials(run, split)  # refuses what is too many
        # What names a split's trials, however they are parted into shards.
        self._trials: dict[str, dict[str, Any]] = {
            split: {"trials": trials, "recipe": self.jobs[split].digest()}
            for split, trials in trial_counts(run).items()
        }

    @classmethod
    def of(cls, snakemake: Any) -> Self:
        """The plan of the run that a rule's script works for, made again."""
        return cls(validate_config(snakemake.config))

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

    def counts(self, split: str) -> list[int]:
        """How many trials each shard of a split holds."""
        return [len(trials) for trials in shard_trials(self.run, split)]

    def wanted(self) -> Iterator[tuple[str, str, int, int]]:
        """Every shard's path, its trials' recipe, its first trial and how many it holds."""
        for split in SPLITS:
            ranges = shard_trials(self.run, split)
            for path, trials in zip(self.shards[split], ranges, strict=True):
                yield path, self._trials[split]["recipe"], trials[0], len(trials)

    @cached_property
    def fetched(self) -> CacheMark | None:
        """The mark that what the cell needs of sources.tsv is at hand; None where it is nothing."""
        spec, known = self.jobs["train"].spec, sources()
        wanted = [spec.morphology, *spec.mod_files]
        names = [n for n in known for name in wanted if n == name or _is_in(n, name)]
        return fetched(names)

    @cached_property
    def kernels(self) -> CacheMark:
        """The mark that everything is compiled that jobs need."""
        job = self.jobs["train"]
        recursion = ["neuronio.surrogate.recurrence.compiled"] if self.run.fits else []
        recipe = {
            "cell": job.spec.digest(),
            "morphology": job.morphology_sha256,
            "engine": job.engine.model_dump(mode="json", exclude={"threads"}),
            "code": code("neuronio.simulation.mechanisms", ENGINES[job.engine.name][0], *recursion),
        }
        return CacheMark("kernels", recipe)

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
    def floor(self) -> Product | None:
        """The first test trials integrated again with a finer step; None where none are wanted."""
        trials = min(self.run.evaluation.floor_trials, self._trials["test"]["trials"])
        if not trials or not self.run.fits or FLOOR in self.run.leave_out:
            return None
        test = self.jobs["test"]
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


def fetched(names: Iterable[str]) -> CacheMark | None:
    """The mark that files of sources.tsv are at hand; None where there are none."""
    files = {name: sources()[name].sha256 for name in names}
    return CacheMark("fetched", {"files": files}) if files else None


def _is_in(source: str, folder: str) -> bool:
    return folder.endswith("/") and source.startswith(folder) and source.endswith(".mod")


def scripts(*names: str) -> dict[str, str]:
    """Hashes of scripts of the workflow; what they import of the packages is named beside them."""
    return {name: python_hash(SCRIPTS / name) for name in names}


def published() -> dict[str, str]:
    """Hashes of the published figures that ours are shown beside."""
    return {path.name: file_sha256(path) for path in sorted(REFERENCE.glob("*.csv"))}
