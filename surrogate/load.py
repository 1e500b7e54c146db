"""A fitted or published model, ready to predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronio.data.shard import TrialName
from neuronio.errors import NeuronIOError
from neuronio.recipe import digest
from neuronio.surrogate.checkpoint import load_weights, read_record, read_tensors
from neuronio.surrogate.families import option_values, parse_options
from neuronio.surrogate.further_targets import FILE, FurtherTargets
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.published import MODEL_NAME, is_published, load_published


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to predict, and what is known of it.

    Attributes:
        name: of the model family.
        module: the model with its weights, in evaluation mode.
        source: 'fit' or 'published'.
        seed: of the fit, if it is one.
        threshold: logit that a peak, the largest within 2 ms, must reach to be called a spike,
            chosen on the fit's validation data.
        config: config.json of the fit; None for published weights.
        further: what it was fitted to beside spikes and soma, if anything.
        summary: summary.json of the fit; None for published weights.
    """

    name: str
    module: Surrogate
    source: str
    seed: int | None = None
    threshold: float | None = None
    config: dict[str, Any] | None = None
    further: FurtherTargets | None = None
    summary: dict[str, Any] | None = None

    @property
    def further_names(self) -> list[str]:
        """What it was fitted to beside spikes and soma."""
        return self.further.names if self.further else []

    def describe(self) -> dict[str, Any]:
        """Name, size, options and cost of use and of training, for the record.

        `fitted_to` is a digest of what names the training and the validation trials.
        """
        options, summary = self.module.options, self.summary or {}
        data = (self.config or {}).get("data", {})
        fitted_to = (self.config or {}).get("recipe", {}).get("data")
        training = (self.config or {}).get("training")
        return {
            "name": self.name,
            "size": options.size,
            "seed": self.seed,
            "source": self.source,
            "parameters": self.module.count_parameters(),
            "multiply_adds_per_ms": self.module.count_multiply_adds(),
            "state_size": self.module.state_size(),
            "train_trials": data.get("train", {}).get("trials"),
            "fitted_to": digest(fitted_to) if fitted_to else None,
            "exposure_s": summary.get("exposure_s"),
            "training_seconds": summary.get("training_seconds"),
            "options": option_values(options),
            "training": training,
        }


def load_model(folder: str | Path) -> LoadedModel:
    """The model of a fit directory or of a folder with published ELM weights.

    >>> model = neuronio.load_model("fits/linear-2-seed0")
    >>> model.name, model.module.count_parameters()
    ('linear', 53)

    Raises:
        NeuronIOError: the folder is neither, or its files are damaged or do not fit together.
    """
    folder = Path(folder)
    if is_published(folder):
        return LoadedModel(MODEL_NAME, load_published(folder), "published")
    if not (folder / "config.json").is_file():
        raise NeuronIOError(
            f"{folder} is neither a fit directory (it has no config.json) nor a folder with "
            "published weights; give the --out of `neuronio fit`"
        )
    config = read_record(folder / "config.json")
    try:
        name, values, seed = config["model"], config["options"], config["seed"]
        known = config["format"] == 1 and config["target"] == SomaScale().as_dict()
    except KeyError as error:
        raise NeuronIOError(f"{folder}/config.json lacks {error}; fit again") from error
    if not known:
        raise NeuronIOError(f"{folder} was fitted to another target or format; fit again")
    _check_record(folder, config)
    module = build_model(name, parse_options(name, values))
    advice = "the fit has not come to its first validation; run it again"
    load_weights(module, read_tensors(folder / "best.pt", advice), folder / "best.pt")
    path = folder / "summary.json"
    summary = read_record(path) if path.exists() else {}
    threshold = summary.get("spike_threshold_logit")
    if not isinstance(threshold, int | float | None):
        raise NeuronIOError(
            f"the spike_threshold_logit in {path} is {threshold!r}, but must be a number; fit again"
        )
    further = _further_targets(folder, module.options.outputs)
    return LoadedModel(name, module.eval(), "fit", seed, threshold, config, further, summary)


def fitted_trials(config: Mapping[str, Any]) -> tuple[set[str], set[TrialName]]:
    """Checksums of the files that config.json names, and the trials in those that have a recipe."""
    splits = config.get("data", {}).values()
    files = [file for split in splits for file in split["files"]]
    names = {
        (file["recipe"], index)
        for file in files
        if file.get("recipe") and file.get("first_trial") is not None
        for index in range(file["first_trial"], file["first_trial"] + file["trials"])
    }
    return {file["content_sha256"] for file in files}, names


def _check_record(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a config.json whose record of the data cannot be read."""
    wrong = None if isinstance(config.get("recipe", {}), dict) else "recipe"
    try:
        fitted_trials(config)
    except (AttributeError, KeyError, TypeError):
        wrong = "data"
    if not isinstance(config["model"], str):
        wrong = "model"
    if wrong:
        raise NeuronIOError(
            f"{folder}/config.json is damaged: its '{wrong}' is not what a fit writes; fit again"
        )


def _further_targets(folder: Path, outputs: int) -> FurtherTargets | None:
    """What the model of a fit directory was fitted to beside spikes and soma."""
    further = FurtherTargets.load(folder)
    found = len(further.names) if further else 0
    if found != outputs - 2:
        raise NeuronIOError(
            f"{folder / FILE} is of {found} further targets, but the model has {outputs - 2}; "
            "put the fit's own file there, or fit again"
        )
    return further
