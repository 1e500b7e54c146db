"""A fit to trials: all that it depends on, and its config.json (checkpoint.py lists the files)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronio.conventions import IGNORE_MS
from neuronio.errors import NeuronIOError
from neuronio.recipe import made_with
from neuronio.surrogate.checkpoint import claimed
from neuronio.surrogate.device import check_device
from neuronio.surrogate.families import ModelOptions, option_values
from neuronio.surrogate.further_targets import FurtherTargets, further_targets
from neuronio.surrogate.inference import check_scored
from neuronio.surrogate.protocol import Protocol, SomaScale
from neuronio.surrogate.recipes import PACKAGES, fit_recipe
from neuronio.surrogate.store import TrialStore, trials_named
from neuronio.surrogate.windows import WindowSampler
from neuronio.training import TrainingConfig


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

    def __post_init__(self) -> None:
        for name in ("seed", "ignore_ms"):
            if (value := getattr(self, name)) < 0:
                raise NeuronIOError(f"{name} is {value}, but must not be negative")

    @property
    def protocol(self) -> Protocol:
        """Who is validated on, and from when: ours."""
        return Protocol(self.ignore_ms)


def open_data(spec: FitSpec) -> tuple[TrialStore, TrialStore, FurtherTargets | None]:
    """The training and the validation trials, and what they are fitted to beside spikes and soma.

    Raises:
        NeuronIOError: they do not fit the model or the settings, or share trials.
    """
    t = spec.training
    if t.nexus or t.dendrites:  # which are scaled by what is left of the trials
        plain = TrialStore(spec.train, t.cache_mib, None, t.train_trials)
        WindowSampler(plain, 1, t.window_ms, 1, spec.seed, spec.ignore_ms)
    further = FurtherTargets.load(spec.out)  # an interrupted fit goes on with its own
    if further is None or (further.nexus, len(further.component)) != (t.nexus, t.dendrites):
        further = further_targets(spec.train, t.nexus, t.dendrites, spec.ignore_ms, t.train_trials)
    train = TrialStore(spec.train, t.cache_mib, further, t.train_trials)
    valid = TrialStore(spec.valid, t.cache_mib)
    if spec.options.outputs != t.outputs:
        raise NeuronIOError(
            f"the model has {spec.options.outputs} outputs, but the targets of training are "
            f"{t.outputs}; set outputs={t.outputs}"
        )
    if spec.options.step_ms != 1.0 or not spec.options.signed:
        raise NeuronIOError(
            f"the model has step_ms {spec.options.step_ms} and signed {spec.options.signed}, but "
            "trials have steps of 1 ms and synapses of two signs; leave both options out"
        )
    for store, split in ((train, "training"), (valid, "validation")):
        if store.n_synapses != spec.options.inputs:
            raise NeuronIOError(
                f"the {split} data has {store.n_synapses} synapses, but the model has inputs "
                f"{spec.options.inputs}; set inputs={store.n_synapses}"
            )
    check_scored(valid, spec.protocol)
    WindowSampler(train, 1, t.window_ms, 1, spec.seed, spec.ignore_ms)
    seen = dict(zip(train.names, train.trial_paths(), strict=True))
    for name, path in zip(valid.names, valid.trial_paths(), strict=True):
        if name in seen:
            raise NeuronIOError(
                f"validation file {path.name} holds the same trials as training file "
                f"{seen[name].name} (trial {name[1]}); give other trials to validate on"
            )
    check_device(t.device)
    return train, valid, further


def claim_directory(spec: FitSpec, train: TrialStore, valid: TrialStore) -> dict[str, Any]:
    """Write config.json, or see that the one there is of this very fit."""
    data = {"train": train.provenance(), "valid": valid.provenance()}
    options = option_values(spec.options)
    trials = {split: trials_named(found) for split, found in data.items()}
    recipe = fit_recipe(spec.model, options, spec.seed, spec.training, spec.ignore_ms, trials)
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
    return claimed(spec.out, document)
