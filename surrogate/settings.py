"""From what a user writes on a command line to checked settings, and small files out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from neuronio.config import RunConfig, TrainingConfig, load_config, validate
from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.surrogate.options import ModelOptions, options_class, parse_options, sized_options


def typed(section: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """Values of `key=value` texts (1, 5e-4, true, word) for a section of the configuration.

    Whole numbers stand for fractions where the section wants one.
    """
    values: dict[str, Any] = {}
    for key, text in texts.items():
        value = _number(text)
        field = section.model_fields.get(key)
        if field is not None and field.annotation is float and isinstance(value, int):
            value = float(value)
        values[key] = value
    return values


def _number(text: str) -> Any:
    """A number, true or false, else the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)


def model_options(model: str, size: int | None, values: Mapping[str, object]) -> ModelOptions:
    """Options of a model whose size is given as such, or by its own name, or not at all."""
    if size is None:
        return parse_options(model, values)
    return sized_options(model, size, values)


def fit_settings(
    config: Path | None,
    model: str | None,
    size: int | None,
    options: Mapping[str, object],
    training: Mapping[str, str],
    inputs: int,
) -> tuple[str, ModelOptions, TrainingConfig]:
    """Model, options and training settings of a fit.

    A configuration gives the common training settings, and for each model its own training
    settings and options; what the command line says comes last and wins.

    Raises:
        NeuronIOError: a key or value is wrong, or there is neither a model nor a configuration.
    """
    run = load_config(config) if config else None
    model = model or _first_model(run)
    options_class(model)
    sections = [fit for fit in run.fits if fit.model == model] if run else []
    chosen = next((fit for fit in sections if size in fit.sizes), next(iter(sections), None))
    common: dict[str, Any] = run.training.model_dump() if run else {}
    if chosen:
        size = chosen.sizes[0] if size is None else size
        options = {**chosen.options, **options}
        common |= chosen.training
    settings = validate(TrainingConfig, common | typed(TrainingConfig, training), "training")
    return model, model_options(model, size, {**options, "inputs": inputs}), settings


def _first_model(run: RunConfig | None) -> str:
    if run is None or not run.fits:
        raise NeuronIOError("no model given; add --model, such as --model branch_elm --size 20")
    return run.fits[0].model


def check_device(device: str) -> None:
    """Reject a device that does not exist."""
    if device not in ("cpu", "cuda"):
        raise NeuronIOError(f"device is '{device}' but must be cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise NeuronIOError("device is cuda, but torch sees no GPU here; set device to cpu")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an npz file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(path, buffer.getvalue())
