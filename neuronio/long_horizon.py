"""The configuration of a run on long-horizon tasks: a YAML file, validated before anything runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from neuronio.classification import ClassifierEvaluation, ClassifierTraining
from neuronio.config import Name, Seed
from neuronio.made import MADE
from neuronio.sections import Section, sentence, validate

MOST_SAMPLES = 100_000_000
BinWidth = Annotated[float, Field(gt=0, le=1000)]


class SampleCounts(Section):
    """Samples of each split at scale 1."""

    train: int = Field(ge=1, le=MOST_SAMPLES, description="Samples of an epoch of fitting.")
    valid: int = Field(ge=1, le=MOST_SAMPLES, description="Samples that choose the best weights.")
    test: int = Field(ge=1, le=MOST_SAMPLES, description="Samples that are reported on.")


class RecordingCounts(Section):
    """Recordings at scale 1."""

    train: int = Field(
        4000, ge=40, le=MOST_SAMPLES, description="Of training; a fifth of its speakers validate."
    )
    test: int = Field(1000, ge=20, le=MOST_SAMPLES, description="Of speakers who are not heard.")


class TaskFitConfig(Section):
    """One model family on one task: a fit for every seed and, where there are, every bin width."""

    model: str = Field(
        description="Surrogate: elm, elm_embedded, lstm, chrono_lstm, gru, lif_network, ssm, ..."
    )
    size: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Its size; null: that with most nearly the task's number of parameters.",
    )
    seeds: list[Seed] = Field([0], min_length=1, description="One fit for each seed.")
    label: Name | None = Field(
        None, description="What sets these fits apart from others of the same model, in names."
    )
    options: dict[str, Any] = Field({}, description="Options of the model other than its size.")
    training: dict[str, Any] = Field(
        {}, description="Keys of `training` that differ for this model."
    )


class TaskConfig(Section):
    """One task: its data and what is fitted to it."""

    task: Name = Field(
        description="Of the tasks that can be made (listops, pathfinder, ...), or are published."
    )
    published: str | None = Field(
        None,
        min_length=1,
        description="Folder of the published files of a task of the Long Range Arena, of which "
        "`samples` are drawn by the seed; null: samples are made.",
    )
    bins_ms: list[BinWidth] = Field(
        [], description="Bin widths, ms, of a task of spikes: all is fitted at each of them."
    )
    samples: SampleCounts = Field(
        description="How many samples; of published files, no more than they hold."
    )
    recordings: RecordingCounts = Field(
        RecordingCounts(),
        description="How many digits are spoken, of a task of synthetic ones.",
    )
    parameters: int = Field(
        50_000,
        ge=100,
        le=1_000_000_000,
        description="Parameters that models without a size have most nearly.",
    )
    training: dict[str, Any] = Field(
        {}, description="Keys of `training` that differ for this task."
    )
    fits: list[TaskFitConfig] = Field(min_length=1, description="The models to fit.")


class LongHorizonConfig(Section):
    """A whole run on long-horizon tasks, from the data to the figure."""

    name: Name = Field(description="Name of the run: its results go to results/<name>.")
    seed: Seed = Field(1, description="Seed of the data.")
    scale: float = Field(
        1.0,
        ge=1e-6,
        le=1000,
        description="Multiplies the samples of every split (at least 16) and the recordings of "
        "each file (at least 40 for training, 20 for testing).",
    )
    training: ClassifierTraining = Field(
        ClassifierTraining(), description="How classifiers are fitted."
    )
    evaluation: ClassifierEvaluation = Field(
        ClassifierEvaluation(), description="How they are judged."
    )
    tasks: list[TaskConfig] = Field(min_length=1, description="The tasks.")
    leave_out: list[str] = Field(
        [],
        description="Fits by name, such as listops-elm-100-seed0, that are not made: `make run` "
        "names here those that failed, to draw the figures of the others.",
    )

    def training_of(self, task: TaskConfig, fit: TaskFitConfig | None) -> ClassifierTraining:
        """The training settings of a family: the common ones, the task's, and its own, if any."""
        own = fit.training if fit else {}
        values = {**self.training.model_dump(), **task.training, **own}
        return ClassifierTraining.model_validate(values)

    def samples(self, task: TaskConfig) -> dict[str, int]:
        """Samples of each split at this scale."""
        least = 16
        counts = task.samples.model_dump()
        return {split: max(least, round(self.scale * count)) for split, count in counts.items()}

    def recordings(self, task: TaskConfig) -> dict[str, int]:
        """Recordings of each file at this scale."""
        least = {"train": 40, "test": 20}
        counts = task.recordings.model_dump()
        return {f: max(least[f], round(self.scale * count)) for f, count in counts.items()}

    @model_validator(mode="after")
    def _possible(self) -> LongHorizonConfig:
        for i, task in enumerate(self.tasks):
            for what, counts in (("samples", self.samples), ("recordings", self.recordings)):
                for part, count in counts(task).items():
                    if count > MOST_SAMPLES:
                        raise ValueError(
                            f"scale {self.scale:g} makes {count:.3g} {what} of {part} in "
                            f"tasks.{i}, but there are at most {MOST_SAMPLES:,}"
                        )
        return self

    @model_validator(mode="after")
    def _name(self) -> LongHorizonConfig:
        if self.name == MADE:
            raise ValueError(f"name is {MADE}, but results/{MADE} holds the products of every run")
        return self

    @model_validator(mode="after")
    def _trainings(self) -> LongHorizonConfig:
        for i, task in enumerate(self.tasks):
            own = [(f"tasks.{i}.fits.{j}", fit) for j, fit in enumerate(task.fits)]
            for where, fit in [(f"tasks.{i}", None), *own]:
                try:
                    self.training_of(task, fit)
                except ValidationError as error:
                    told = sentence(error, ClassifierTraining, f"{where}.training")
                    raise ValueError(f"!{told}") from error
        return self

    @model_validator(mode="after")
    def _tasks(self) -> LongHorizonConfig:
        named = [task.task for task in self.tasks]
        if again := {name for name in named if named.count(name) > 1}:
            raise ValueError(
                f"tasks lists {min(again)} more than once; list its fits together, or make another "
                "run of them"
            )
        return self


def is_long_horizon(document: Any) -> bool:
    """Whether a configuration is of tasks, not of a neuron."""
    return isinstance(document, dict) and "tasks" in document


def validate_long_horizon(document: Any, name: str = "the configuration") -> LongHorizonConfig:
    """Validate a configuration that is already read; `name` stands in the error."""
    return validate(LongHorizonConfig, document, name)
