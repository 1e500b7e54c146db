"""What decides a classifier's size, fit and evaluation; nothing here needs torch but to count."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from neuronio.classification import ONLY_SPEED, ClassifierEvaluation, ClassifierTraining
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_json
from neuronio.native import cache_dir
from neuronio.recipe import code, deciding_versions, digest
from neuronio.surrogate.families import (
    FAMILIES,
    ModelOptions,
    nearest_size,
    option_values,
    sized_options,
)
from neuronio.surrogate.tasks.classify.source import Facts

TASK = "classify"
ENCODING = 32
"""Numbers that a sequence of a pair is encoded in, unless the model's `outputs` says another."""
PACKAGES = ("torch", "numpy", "neuronio")
FIT_PACKAGES = ("torch", "numpy")
EVALUATION_PACKAGES = ("torch", "numpy", "scipy")


def classifier_options(
    model: str, size: int | None, values: Mapping[str, Any], facts: Facts
) -> ModelOptions:
    """Options of a model for sequences.

    Inputs, outputs, step width and signs follow from them, and the longest time constants, where
    they are not given, from the longest of them. Of samples of two sequences the outputs are an
    encoding, of any width (`pairs.py`).

    Raises:
        NeuronIOError: an option is wrong, or says what follows from the data.
    """
    of_data = {"inputs": facts.channels, "step_ms": facts.step_ms, "signed": False}
    if facts.rows_per_label == 1:
        of_data["outputs"] = facts.classes
    if given := [key for key in of_data if key in values]:
        raise NeuronIOError(
            f"'{given[0]}' of model '{model}' follows from the data of {facts.task}; leave it out"
        )
    reach = FAMILIES[model].options.reaching(facts.steps, facts.step_ms)
    return sized_options(model, size, {"outputs": ENCODING, **reach, **values, **of_data})


def size_with(model: str, values: Mapping[str, Any], facts: Facts, parameters: int) -> int:
    """The size at which a classifier has most nearly so many parameters.

    To count them takes torch, so that sizes are remembered in the cache, where it can be written.

    Raises:
        NeuronIOError: as `classifier_options` and `nearest_size`.
    """
    options = option_values(classifier_options(model, 1, values, facts))
    shape = {"rows": facts.rows_per_label, "classes": facts.classes}
    counted = code("neuronio.surrogate.tasks.classify.pairs", *FAMILIES[model].modules)
    asked = {"options": options, **shape, "parameters": parameters, "code": counted}
    kept = cache_dir() / "sizes" / f"{FAMILIES[model].name}-{digest(asked)}.json"
    with suppress(NeuronIOError, KeyError, TypeError, ValueError):
        if (size := int(read_json(kept)["size"])) > 0:
            return size

    from neuronio.surrogate.tasks.classify.pairs import build_classifier

    def count(size: int) -> int:
        sized = classifier_options(model, size, values, facts)
        return build_classifier(model, sized, **shape).count_parameters()

    size = nearest_size(model, count, parameters)
    with suppress(NeuronIOError):
        write_json(kept, {"size": size, "asked": asked})
    return size


def classifier_recipe(
    model: str, options: Mapping[str, Any], seed: int, training: ClassifierTraining, data: Any
) -> dict[str, Any]:
    """Everything that decides a fit's weights, as JSON; `data` names the samples."""
    return {
        "task": TASK,
        "model": FAMILIES[model].name,
        "options": dict(options),
        "seed": seed,
        "training": training.model_dump(mode="json", exclude=set(ONLY_SPEED)),
        "data": data,
        "packages": deciding_versions(FIT_PACKAGES),
        "code": code("neuronio.surrogate.tasks.classify.fit", *FAMILIES[model].modules),
    }


def evaluation_recipe(
    model: str, fit: str, test: Any, settings: ClassifierEvaluation
) -> dict[str, Any]:
    """Everything that decides an evaluation, as JSON.

    Args:
        model: family of the fit; fit: digest of its recipe; test: what names the samples.
    """
    return {
        "fit": fit,
        "data": test,
        "settings": settings.model_dump(mode="json"),
        "packages": deciding_versions(EVALUATION_PACKAGES),
        "code": evaluation_code(model),
    }


def evaluation_code(model: str) -> dict[str, str]:
    """Hashes of the modules that score a model."""
    return code("neuronio.surrogate.tasks.classify.evaluate", *FAMILIES[model].modules)
