"""Which model a fit is of, with which options and training: a configuration and what changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuronio.config import FitConfig, load_config
from neuronio.conventions import IGNORE_MS
from neuronio.errors import NeuronIOError
from neuronio.sections import validate
from neuronio.surrogate.families import FAMILIES, ModelOptions, sized_options
from neuronio.training import FOLLOWS, TrainingConfig, with_preset


def fit_settings(
    config: Path | None,
    model: str | None,
    size: int | None,
    options: Mapping[str, Any],
    training: Mapping[str, Any],
    inputs: int,
    label: str | None = None,
) -> tuple[str, ModelOptions, TrainingConfig, int]:
    """Model, options, training and ignored start (ms) of a fit.

    A configuration gives the common training settings, and for each model its own training
    settings and options: those without a label where there are such, or those with the label that
    is asked for. What the command line says comes last and wins.

    Raises:
        NeuronIOError: a key or value is wrong, or there is neither a model nor a configuration.
    """
    run = load_config(config) if config else None
    asked_for = [fit for fit in run.fits if label in (None, fit.label)] if run else []
    if label and not any(model in (None, fit.model) for fit in asked_for):
        of_model = f" of model '{model}'" if model else ""
        raise NeuronIOError(
            f"no fit{of_model} of the configuration has the label '{label}'; give one that is in "
            "'fits'"
        )
    asked_for.sort(key=lambda fit: fit.label is not None)
    model = model or _first_model(asked_for)
    FAMILIES[model]
    sections = [fit for fit in asked_for if fit.model == model]
    chosen = next((fit for fit in sections if size in fit.sizes), next(iter(sections), None))
    common = (run.training if run else TrainingConfig()).model_dump()
    if chosen:
        size = chosen.sizes[0] if size is None else size
        options = {**chosen.options, **options}
        common |= with_preset(chosen.training)
    settings = validate(TrainingConfig, {**common, **with_preset(training)}, "training")
    ignore_ms = run.evaluation.ignore_ms if run else IGNORE_MS
    return model, fitted_options(model, size, options, settings, inputs), settings, ignore_ms


def fitted_options(
    model: str,
    size: int | None,
    options: Mapping[str, Any],
    training: TrainingConfig,
    inputs: int,
) -> ModelOptions:
    """Options of a model whose inputs and outputs follow from the data and the targets.

    Raises:
        NeuronIOError: an option is wrong, or says what follows from elsewhere.
    """
    if options.get("outputs", training.outputs) != training.outputs:
        raise NeuronIOError(
            f"'outputs' of model '{model}' is {options['outputs']}, but training asks for "
            f"{training.outputs}; leave it out, and set training.nexus or training.dendrites"
        )
    if options.get("inputs", inputs) != inputs:
        raise NeuronIOError(
            f"'inputs' of model '{model}' is {options['inputs']}, but the trials have {inputs} "
            "synapses; leave it out"
        )
    for key in FOLLOWS:
        if key in options:
            raise NeuronIOError(
                f"'{key}' of model '{model}' follows from the data, trials in steps of 1 ms; leave "
                "it out"
            )
    return sized_options(model, size, {**options, "inputs": inputs, "outputs": training.outputs})


def _first_model(fits: Sequence[FitConfig]) -> str:
    if not fits:
        raise NeuronIOError("no model given; add --model, such as --model branch_elm --size 20")
    return fits[0].model
