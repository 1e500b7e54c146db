"""The configuration of a run: one YAML file, validated strictly before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from neuronio.conventions import IGNORE_MS, OVERLAP_MS, SAMPLES_PER_MS, WINDOW_MS
from neuronio.errors import NeuronIOError
from neuronio.made import MADE
from neuronio.sections import NAME_PATTERN, Section, read_yaml, sentence, validate
from neuronio.training import TrainingConfig, with_preset

MOST_SEED = 2**63 - 1
Seed = Annotated[int, Field(ge=0, lt=MOST_SEED + 1)]
MOST_TRIALS = 10_000_000
FINEST_MS = 5e-4
"""Least time step of a run, which trials that failed and the noise floor take half of."""
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]


class Variant(Section):
    """Changes to a cell model that the field uses."""

    synapses: Literal["ampa_nmda", "ampa"] = Field(
        "ampa_nmda", description="Excitatory synapses: AMPA with NMDA, or AMPA alone."
    )
    nmda_ratio: float = Field(
        1.0, ge=0, le=100, description="NMDA conductance as a multiple of the cell's own."
    )
    passive_dendrites: bool = Field(
        False, description="Leave the active channels out of the basal and apical dendrites."
    )
    sk_multiplier: float = Field(
        1.0, ge=0, le=100, description="SK_E2 conductance as a multiple of the cell's own."
    )
    ih_vshift_mV: float = Field(
        0.0, ge=-50, le=50, description="Shift of the Ih kinetics along the voltage axis, mV."
    )
    gaba_b: bool = Field(False, description="Give inhibitory synapses a GABA_B component too.")
    morphology: str | None = Field(
        None, description="Path of a morphology (.asc or .swc) to use in place of the cell's own."
    )


class CellConfig(Section):
    """Which neuron is simulated."""

    model: str = Field(
        "packaged",
        description="A cell of docs/cells.md (packaged, neuronio, ...) or a YAML file.",
    )
    variant: Variant = Field(Variant(), description="Changes to the cell.")


class InputsConfig(Section):
    """How the input spikes are generated."""

    generator: str = Field(
        "published",
        description="The generator of input rates and spikes: published, published_test, ergodic, "
        "subthreshold, constant, ood, one of an installed package, or FILE.py:NAME.",
    )
    parameters: dict[str, Any] = Field(
        {}, description="Parameters of the generator that differ from its defaults."
    )


class EngineConfig(Section):
    """What integrates the cell."""

    name: Literal["neuron", "ensemble"] = Field(
        "ensemble", description="NEURON itself (the reference), or many trials in lockstep."
    )
    integrator: Literal["fixed", "cvode"] = Field(
        "fixed", description="Fixed time step, or NEURON's variable step (engine neuron only)."
    )
    dt_ms: float = Field(
        0.025,
        ge=FINEST_MS / 2,
        le=1 / SAMPLES_PER_MS,
        description="Time step, ms; 0.125 ms must be a whole number of steps.",
    )
    order: Literal[1, 2] = Field(2, description="Order of the fixed step in time.")
    cvode_atol: float = Field(
        1e-3, gt=0, le=1e-1, description="Absolute tolerance of the variable step."
    )
    precision: Literal["float32", "float64"] = Field(
        "float32", description="Arithmetic of the ensemble engine."
    )
    gate_tables: bool = Field(
        False, description="Take gate kinetics from tabulated polynomials in the ensemble engine."
    )
    threads: int = Field(0, ge=0, le=1024, description="Threads or processes; 0 means every core.")

    @model_validator(mode="before")
    @classmethod
    def _arithmetic(cls, given: Any) -> Any:
        """NEURON computes in float64, and need not be told."""
        if not isinstance(given, dict) or given.get("name") != "neuron":
            return given
        if given.get("precision", "float64") == "float32":
            raise ValueError("precision float32 needs engine ensemble; NEURON computes in float64")
        return {"precision": "float64", **given}

    @model_validator(mode="after")
    def _consistent(self) -> EngineConfig:
        steps = 1 / SAMPLES_PER_MS / self.dt_ms
        if abs(steps - round(steps)) > 1e-9:
            raise ValueError(
                f"dt_ms is {self.dt_ms}, but 0.125 ms (the 8 kHz sampling) must hold a whole "
                "number of steps: take 0.025, 0.0125, 0.0625 or 0.125"
            )
        if self.name == "neuron" and self.gate_tables:
            raise ValueError(
                "gate_tables needs engine ensemble; NEURON computes its gates from the MOD files"
            )
        if self.name == "ensemble" and self.integrator == "cvode":
            raise ValueError(
                "integrator cvode needs engine neuron; the ensemble engine takes fixed steps"
            )
        return self


class TrialCounts(Section):
    """Trials of each split at scale 1."""

    train: int = Field(ge=1, le=MOST_TRIALS, description="Trials to fit on.")
    valid: int = Field(ge=1, le=MOST_TRIALS, description="Trials that choose the best weights.")
    test: int = Field(ge=1, le=MOST_TRIALS, description="Trials that are reported on.")


class DatasetConfig(Section):
    """How many trials, how long, and what is kept of them."""

    duration_ms: int = Field(6000, ge=10, le=60_000, description="Length of a trial, ms.")
    trials: TrialCounts = Field(description="Trials of each split at scale 1.")
    scale: float = Field(
        1.0,
        ge=1e-6,
        le=1000,
        description="Multiplies the trials of every split (at least one each).",
    )
    trials_per_shard: int = Field(128, ge=1, le=10_000, description="Trials in one HDF5 file.")
    test_generator: InputsConfig | None = Field(
        None, description="Inputs of the test split where they differ from the others'."
    )
    record_soma_8khz: bool = Field(False, description="Keep the soma voltage at 8 kHz too.")
    record_segments: bool = Field(False, description="Keep the voltage of every segment too.")
    trial_limit_s: float = Field(
        600.0, gt=0, description="Longest wall time of one trial in NEURON, s; then it failed."
    )


class FitConfig(Section):
    """One model family: a fit for every size and seed."""

    model: str = Field(
        description="Surrogate: branch_elm, elm, tcn, lstm, gru, lif, linear, ..., one of an "
        "installed package, or FILE.py:NAME."
    )
    sizes: list[Annotated[int, Field(ge=1, le=100_000)]] = Field(
        min_length=1, description="Memory units of an ELM, width of a TCN, hidden units, ..."
    )
    seeds: list[Seed] = Field([0], min_length=1, description="One fit for each seed.")
    label: Name | None = Field(
        None,
        description="What sets these fits apart from others of the same model and size, as tau50: "
        "part of their names, in tables and figures; null for those that others are compared with.",
    )
    options: dict[str, Any] = Field({}, description="Options of the model other than its size.")
    training: dict[str, Any] = Field(
        {}, description="Keys of `training` that differ for this model."
    )


class EvaluationConfig(Section):
    """How a fitted surrogate is judged on the test split."""

    mode: Literal["streaming", "published"] = Field(
        "streaming",
        description="Our protocol, all trials, each in one pass; or the published one, trials of "
        "at most 24 output spikes, in overlapping windows, with rescaled soma scores besides.",
    )
    ignore_ms: int = Field(
        IGNORE_MS,
        ge=0,
        le=60_000,
        description="Start of every trial that neither training, validation nor any score uses, "
        "ms.",
    )
    window_ms: int = Field(
        WINDOW_MS, ge=2, le=60_000, description="Windows of the published mode, ms."
    )
    overlap_ms: int = Field(
        OVERLAP_MS, ge=0, lt=60_000, description="Overlap (burn-in) of those windows, ms."
    )
    max_spikes_per_trial: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="Trials with more output spikes are left out; null means none in streaming "
        "mode, and those with more than 24 in published mode.",
    )
    bootstrap: int = Field(
        1000, ge=0, le=100_000, description="Bootstrap resamples of trials; 0 means no intervals."
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Coverage of the intervals.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the bootstrap.")

    @model_validator(mode="after")
    def _consistent(self) -> EvaluationConfig:
        if self.overlap_ms >= self.window_ms:
            raise ValueError(
                f"overlap_ms is {self.overlap_ms} but must be less than window_ms, {self.window_ms}"
            )
        return self


class RunEvaluationConfig(EvaluationConfig):
    """How surrogates are judged on the test split, and what they are set beside."""

    floor_trials: int = Field(
        32,
        ge=0,
        le=1_000_000,
        description="First test trials that are integrated again with half the time step and "
        "scored as a prediction of themselves, the integrator's noise floor; 0 means none.",
    )

    @property
    def scoring(self) -> EvaluationConfig:
        """How one surrogate is judged, which the floor does not change."""
        return EvaluationConfig(**self.model_dump(exclude={"floor_trials"}))


class RunConfig(Section):
    """A whole run, from the cell to the figure."""

    name: Name = Field(description="Name of the run: its results go to results/<name>.")
    seed: Seed = Field(1, description="Seed of the dataset: every trial's inputs follow from it.")
    cell: CellConfig = Field(CellConfig(), description="Which neuron is simulated.")
    inputs: InputsConfig = Field(InputsConfig(), description="How inputs are generated.")
    t0_artefact: bool = Field(
        False, description="Silence synapses with a spike in the first ms, as in NeuronIO."
    )
    engine: EngineConfig = Field(EngineConfig(), description="What integrates the cell.")
    dataset: DatasetConfig = Field(description="How many trials, and what is kept of them.")
    training: TrainingConfig = Field(TrainingConfig(), description="How surrogates are fitted.")
    fits: list[FitConfig] = Field([], description="The surrogates to fit.")
    evaluation: RunEvaluationConfig = Field(
        RunEvaluationConfig(), description="How they are judged."
    )
    leave_out: list[str] = Field(
        [],
        description="Fits by name, such as tcn-8-seed0, that are not made: `make run` names here "
        "those that failed, to draw the figures of the others.",
    )

    def training_of(self, fit: FitConfig) -> TrainingConfig:
        """The training settings of one model family: the common ones and its own."""
        values = {**self.training.model_dump(), **with_preset(fit.training)}
        return TrainingConfig.model_validate(values)

    @model_validator(mode="after")
    def _possible(self) -> RunConfig:
        trials = self.dataset.trials.model_dump()
        for split, count in trials.items():
            if count * self.dataset.scale > MOST_TRIALS:
                raise ValueError(
                    f"dataset.scale {self.dataset.scale:g} makes {count * self.dataset.scale:.3g} "
                    f"trials of {split}, but a split holds at most {MOST_TRIALS:,}"
                )
        if self.engine.dt_ms < FINEST_MS:
            raise ValueError(
                f"engine.dt_ms is {self.engine.dt_ms:g}, but must be at least {FINEST_MS:g}: "
                "trials that fail are tried again with half of it"
            )
        duration_ms, ignore_ms = self.dataset.duration_ms, self.evaluation.ignore_ms
        if self.fits and ignore_ms >= duration_ms:
            raise ValueError(
                f"evaluation.ignore_ms is {ignore_ms}, but trials last dataset.duration_ms, "
                f"{duration_ms}: nothing would be scored"
            )
        return self

    @model_validator(mode="after")
    def _name(self) -> RunConfig:
        if self.name == MADE:
            raise ValueError(f"name is {MADE}, but results/{MADE} holds the products of every run")
        return self

    @model_validator(mode="after")
    def _trainings(self) -> RunConfig:
        for i, fit in enumerate(self.fits):
            try:
                training = self.training_of(fit)
            except ValidationError as error:
                message = sentence(error, TrainingConfig, f"fits.{i}.training")
                raise ValueError(f"!{message}") from error
            left_ms = self.dataset.duration_ms - self.evaluation.ignore_ms
            if training.window_ms > left_ms:
                raise ValueError(
                    f"training.window_ms of {fit.model} is {training.window_ms}, but of a trial's "
                    f"{self.dataset.duration_ms} ms only {left_ms} come after ignore_ms, "
                    f"{self.evaluation.ignore_ms}: take a shorter window or longer trials"
                )
            if training.validate_every > training.steps:
                raise ValueError(
                    f"training.validate_every of {fit.model} is {training.validate_every}, but "
                    f"there are only {training.steps} steps: validate more often"
                )
            asked = {**self.training.model_dump(exclude_unset=True), **fit.training}
            valid = self.dataset.trials.valid
            if asked.get("validation_trials", 0) > valid:
                raise ValueError(
                    f"training.validation_trials of {fit.model} is {training.validation_trials}, "
                    f"but dataset.trials.valid is {valid}"
                )
            if training.dendrites and not self.dataset.record_segments:
                raise ValueError(
                    f"training.dendrites of {fit.model} is {training.dendrites}, but no dendritic "
                    "voltage is kept; set dataset.record_segments to true"
                )
        return self


def load_config(path: str | Path) -> RunConfig:
    """Read and validate a configuration file.

    >>> neuronio.load_config("run.yaml").dataset.trials.train
    3

    Raises:
        NeuronIOError: one sentence that names the file and the first key that is wrong.
    """
    return validate_config(read_yaml(path, "configuration"), name=str(path))


def validate_config(document: Any, name: str = "the configuration") -> RunConfig:
    """Validate a configuration that is already read; `name` stands in the error."""
    if isinstance(document, dict) and "tasks" in document and "dataset" not in document:
        raise NeuronIOError(
            f"{name} is of long-horizon tasks, not of a neuron; make run CONFIG=... takes it"
        )
    return validate(RunConfig, document, name)
