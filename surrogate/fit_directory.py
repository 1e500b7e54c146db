"""A fit on disk: what it was asked to do, and where it stands (checkpoint.py lists the files)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from neuronio.conventions import IGNORE_MS
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_csv, write_json
from neuronio.recipe import code, deciding_versions, differences, made_with, module_of
from neuronio.surrogate.checkpoint import copy_state, load_weights, read_tensors, write_tensors
from neuronio.surrogate.device import check_device
from neuronio.surrogate.further_targets import FurtherTargets, further_targets
from neuronio.surrogate.inference import check_scored
from neuronio.surrogate.models import FAMILIES, ModelOptions, option_values
from neuronio.surrogate.protocol import Protocol, SomaScale
from neuronio.surrogate.store import TrialStore, trials_named
from neuronio.surrogate.windows import WindowSampler
from neuronio.training import TrainingConfig

PACKAGES = ("torch", "numpy", "neuronio")
DECIDING = ("torch", "numpy")
# Settings that say how fast a fit is computed, not what: another value may go on with it.
ONLY_SPEED = ("threads", "cache_mib", "device")
# What a recipe says otherwise: a preset by its settings, the number of trials by their names.
SAID_OTHERWISE = ("preset", "train_trials")


@dataclass(frozen=True)
class FitSpec:
    """Everything that a fit depends on.

    Attributes:
        model: name of the model.
        options: its options; `inputs` must be the synapses of the data.
        seed: of the first weights and of the windows.
        training: settings of the loop.
        train, valid: shards to fit on and to choose the best weights by.
        out: the fit directory.
        ignore_ms: start of every trial that neither training nor validation uses, ms.
    """

    model: str
    options: ModelOptions
    seed: int
    training: TrainingConfig
    train: list[Path]
    valid: list[Path]
    out: Path
    ignore_ms: int = IGNORE_MS

    @property
    def protocol(self) -> Protocol:
        """Who is validated on, and from when: ours."""
        return Protocol(self.ignore_ms)


@dataclass
class FitState:
    """Where a fit stands: what a checkpoint holds beside model and optimiser."""

    step: int = 0
    best_score: float = math.inf
    best_step: int = 0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def fit_recipe(
    model: str,
    options: Mapping[str, Any],
    seed: int,
    training: TrainingConfig,
    ignore_ms: int,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that decides a fit's weights, as JSON.

    Args:
        options: of the model, defaults included.
        data: what names the training and the validation trials.
    """
    return {
        "model": FAMILIES[model].name,
        "options": dict(options),
        "seed": seed,
        "training": training.model_dump(mode="json", exclude={*ONLY_SPEED, *SAID_OTHERWISE}),
        "ignore_ms": ignore_ms,
        "data": dict(data),
        "packages": deciding_versions(DECIDING),
        "code": fit_code(model),
    }


def fit_code(model: str) -> dict[str, str]:
    """Hashes of the modules that fit a model."""
    return code("neuronio.surrogate.train", module_of(FAMILIES[model].model))


def open_data(spec: FitSpec) -> tuple[TrialStore, TrialStore, FurtherTargets | None]:
    """The training and the validation trials, and what they are fitted to beside spikes and soma.

    Raises:
        NeuronIOError: they do not fit the model or the settings, or share trials.
    """
    t = spec.training
    further = further_targets(spec.train, t.nexus, t.dendrites, spec.ignore_ms, t.train_trials)
    train = TrialStore(spec.train, t.cache_mib, further, t.train_trials)
    valid = TrialStore(spec.valid, t.cache_mib)
    if spec.options.outputs != t.outputs:
        raise NeuronIOError(
            f"the model has {spec.options.outputs} outputs, but the targets of training are "
            f"{t.outputs}; set outputs={t.outputs}"
        )
    for store, split in ((train, "training"), (valid, "validation")):
        if store.n_synapses != spec.options.inputs:
            raise NeuronIOError(
                f"the {split} data has {store.n_synapses} synapses, but the model has inputs "
                f"{spec.options.inputs}; set inputs={store.n_synapses}"
            )
    check_scored(valid, spec.protocol)
    WindowSampler(train, 1, t.window_ms, 1, spec.seed, spec.ignore_ms)
    seen = {shard["content_sha256"]: shard["file"] for shard in train.provenance()["files"]}
    for shard in valid.provenance()["files"]:
        if shard["content_sha256"] in seen:
            raise NeuronIOError(
                f"validation file {shard['file']} holds the same trials as training file "
                f"{seen[shard['content_sha256']]}; give other trials to validate on"
            )
    check_device(t.device)
    return train, valid, further


def claim_directory(spec: FitSpec, train: TrialStore, valid: TrialStore) -> dict[str, Any]:
    """Write config.json, or see that the one there is of this very fit."""
    data = {"train": train.provenance(), "valid": valid.provenance()}
    options = option_values(spec.options)
    trials = {split: trials_named(found) for split, found in data.items()}
    recipe = fit_recipe(spec.model, options, spec.seed, spec.training, spec.ignore_ms, trials)
    path = spec.out / "config.json"
    if path.exists():
        there = read_json(path)
        made = there.get("recipe", {})
        if different := list(differences(made, recipe)):
            raise NeuronIOError(
                f"{spec.out} holds another fit ({_in_words(different, made, recipe)}); give "
                "another directory"
            )
        return there
    document = {
        "format": 1,
        "model": spec.model,
        "size": spec.options.size,
        "options": options,
        "seed": spec.seed,
        "training": spec.training.model_dump(),
        "ignore_ms": spec.ignore_ms,
        "target": SomaScale().as_dict(),
        "data": data,
        "recipe": recipe,
        **made_with(*PACKAGES),
    }
    write_json(path, document)
    return document


def _in_words(different: list[str], there: dict[str, Any], wanted: dict[str, Any]) -> str:
    """A difference of two fits: a setting with both its values before code, versions or data."""
    key = min(different, key=lambda name: name.startswith(("code", "packages", "data")))
    section, _, name = key.partition(".")
    if section in ("code", "packages", "data"):
        return f"{key} differs"
    values = [recipe.get(section) for recipe in (there, wanted)]
    if name:
        values = [(value or {}).get(name) for value in values]
    return f"{key} is {str(values[0])[:60]} there and {str(values[1])[:60]} here"


def save_checkpoint(
    spec: FitSpec, model: nn.Module, optimizer: torch.optim.Optimizer, state: FitState
) -> None:
    """Write checkpoint.pt, then history.csv."""
    document = {"model": copy_state(model), "optimizer": optimizer.state_dict(), **vars(state)}
    write_tensors(spec.out / "checkpoint.pt", document)
    write_csv(spec.out / "history.csv", state.history)


def resume(spec: FitSpec, model: nn.Module, optimizer: torch.optim.Optimizer) -> FitState:
    """Load the last checkpoint, if there is one, and return where it stands."""
    path = spec.out / "checkpoint.pt"
    if not path.exists():
        return FitState()
    document = read_tensors(path)
    try:
        load_weights(model, document.pop("model"), path)
        optimizer.load_state_dict(document.pop("optimizer"))
        return FitState(**document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NeuronIOError(f"{path} is not a checkpoint of this fit; delete it") from error
