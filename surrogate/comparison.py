"""Two fits on the same trials: every score's difference, with paired bootstrap intervals.

Both fits are resampled with the same draws of trials. What makes a trial easy or hard makes it so
for both, so that the difference is known far better than either score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuronio.config import EvaluationConfig
from neuronio.errors import NeuronIOError
from neuronio.recipe import code, made_with
from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.device import check_device
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.inference import predictions
from neuronio.surrogate.load import LoadedModel, load_model
from neuronio.surrogate.measure import Measure
from neuronio.surrogate.metrics import measures
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.protocol import Protocol
from neuronio.surrogate.recipes import PACKAGES
from neuronio.surrogate.scored import described, open_for, scored_trials, seen_in_fit
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.threshold import Threshold, threshold_for

Difference = dict[str, float | bool | None]


def compare_fits(
    a: Path,
    b: Path,
    data: Sequence[Path],
    settings: EvaluationConfig,
    *,
    valid: Sequence[Path] = (),
    device: str = "cpu",
) -> dict[str, Any]:
    """Score two models on the trials of `data`, and the differences B - A.

    Args:
        a, b: fit directories, or folders with published weights.
        data, settings, valid, device: as for an evaluation (evaluate.py).

    Returns:
        A JSON-like document: both models, data, settings and scores: a, b, difference, low, high,
        and whether the interval excludes 0.

    Raises:
        NeuronIOError: a model and the data do not fit, or no trial is left to score.
    """
    check_device(device)
    protocol, models = Protocol.of(settings), {"a": load_model(a), "b": load_model(b)}
    _check_same_inputs(models["a"], models["b"], a, b)
    store = open_for(models["a"], data)
    trials, found, told = scored_trials(store, protocol), {}, {}
    for side, model in models.items():
        found[side], threshold, seen = measured(model, store, protocol, device, valid)
        scored = described(store, trials, seen.spikes)
        told[side] = _side({"a": a, "b": b}[side], model, threshold, seen_in_fit(model, store))
    draws = Resamples.draw(len(trials), settings.bootstrap, settings.confidence, settings.seed)
    families = {module for model in models.values() for module in FAMILIES[model.name].modules}
    return {
        "format": 1,
        **told,
        "settings": settings.model_dump(),
        "protocol": protocol.words(),
        "data": scored,
        "scores": differences(found["a"], found["b"], draws),
        **made_with(*PACKAGES),
        "code": code("neuronio.surrogate.comparison", *sorted(families)),
    }


def measured(
    model: LoadedModel,
    store: TrialStore,
    protocol: Protocol,
    device: str,
    valid: Sequence[Path] = (),
) -> tuple[list[Measure], Threshold, Predictions]:
    """The measures of a model on the trials of a store, its threshold, and what it predicts.

    Args:
        valid: shards to choose the threshold on, if not the fit's own validation data.

    Raises:
        NeuronIOError: no trial is left to score, or `valid` does not do.
    """
    model.module.to(device)
    seen = predictions(model.module, store, scored_trials(store, protocol), protocol, device)
    threshold = threshold_for(model, store, seen, valid, protocol, device)
    return measures(seen, threshold.called(seen)), threshold, seen


def differences(
    a: Sequence[Measure], b: Sequence[Measure], resamples: Resamples
) -> dict[str, Difference]:
    """Each score of both and B - A with its interval; the same draws of trials serve both.

    The interval is the difference more or less Student's t times its bootstrap standard error.
    """
    out: dict[str, Difference] = {}
    for mine, other in zip(a, b, strict=True):
        less = other.less(mine)
        halves = resamples.half_widths(less.weighted) if less.weighted else {}
        for name, value in less.points.items():
            both = {"a": mine.points[name], "b": other.points[name]}
            out[name] = both | _interval(value, halves.get(name))
    return out


def _interval(value: float | None, half: float | None) -> Difference:
    """A difference and its interval; None where it has none."""
    if value is None or half is None:
        return {"difference": value, "low": None, "high": None, "excludes_0": False}
    ends = {"low": value - half, "high": value + half}
    return {"difference": value, **ends, "excludes_0": abs(value) > half}


def _check_same_inputs(a: LoadedModel, b: LoadedModel, folder_a: Path, folder_b: Path) -> None:
    inputs = [model.module.options.inputs for model in (a, b)]
    if inputs[0] != inputs[1]:
        raise NeuronIOError(
            f"{folder_a} takes {inputs[0]} synapses and {folder_b} takes {inputs[1]}, so that no "
            "trial suits both; give fits to the same cell"
        )


def _side(folder: Path, model: LoadedModel, threshold: Threshold, seen: bool) -> dict[str, Any]:
    return {
        "name": folder.absolute().name,
        "model": model.describe(),
        "spike_threshold": threshold.document(),
        "seen_in_fit": seen,
    }
