"""What decides a fit and what decides its evaluation: the recipes that name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuronio.config import EvaluationConfig
from neuronio.recipe import code, deciding_versions
from neuronio.surrogate.families import FAMILIES
from neuronio.training import TrainingConfig

PACKAGES = ("torch", "numpy", "neuronio")
FIT_PACKAGES = ("torch", "numpy")
EVALUATION_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")
# Settings that say how fast a fit is computed, not what: another value may go on with it.
ONLY_SPEED = ("threads", "cache_mib", "device")
# What a recipe says otherwise: a preset by its settings, the number of trials by their names.
SAID_OTHERWISE = ("preset", "train_trials")


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
        "packages": deciding_versions(FIT_PACKAGES),
        "code": fit_code(model),
    }


def fit_code(model: str) -> dict[str, str]:
    """Hashes of the modules that fit a model."""
    return code("neuronio.surrogate.train", *FAMILIES[model].modules)


def evaluation_recipe(
    model: str, fit: str, test: Mapping[str, Any], settings: EvaluationConfig
) -> dict[str, Any]:
    """Everything that decides an evaluation, as JSON.

    Args:
        model: family of the fit; fit: digest of its recipe.
        test: what names the trials.
    """
    return {
        "fit": fit,
        "data": {"test": dict(test)},
        "settings": settings.model_dump(mode="json"),
        "packages": deciding_versions(EVALUATION_PACKAGES),
        "code": evaluation_code(model),
    }


def evaluation_code(model: str) -> dict[str, str]:
    """Hashes of the modules that score a model."""
    return code("neuronio.surrogate.evaluate", *FAMILIES[model].modules)
