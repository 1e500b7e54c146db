"""A fitted or published model against trials it has not seen: one JSON document.

Who is scored, from when and how is the protocol's (protocol.py). Soma errors are against the
voltage clipped at -55 mV. Where a spike is called is the threshold's (threshold.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from neuronio.config import EvaluationConfig
from neuronio.recipe import made_with
from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.detection_curves import detection_curves
from neuronio.surrogate.device import check_device
from neuronio.surrogate.inference import predict_trials, predictions
from neuronio.surrogate.legacy import legacy_scores
from neuronio.surrogate.load import LoadedModel, load_model
from neuronio.surrogate.matching import SpikeList
from neuronio.surrogate.metrics import score
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.protocol import Protocol, SomaScale
from neuronio.surrogate.recipes import PACKAGES, evaluation_code
from neuronio.surrogate.reference_scores import reference_scores
from neuronio.surrogate.scored import described, open_for, scored_trials, seen_in_fit
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.threshold import threshold_for


def evaluate(
    folder: Path,
    data: Sequence[Path],
    settings: EvaluationConfig,
    *,
    valid: Sequence[Path] = (),
    device: str = "cpu",
) -> dict[str, Any]:
    """Evaluate the model in `folder` on the trials of `data`.

    Args:
        folder: a fit directory or a folder with published weights.
        data: shards to report on.
        settings: mode, what to leave out, and intervals.
        valid: shards on which to choose the spike threshold instead of the fit's own.
        device: 'cpu' or 'cuda'.

    Returns:
        A JSON-like document: model, data, settings, scores (value, low, high), reference (chance
        and mean voltage on the same trials), curves (ROC, precision-recall), legacy, versions.

    Raises:
        NeuronIOError: model and data do not fit, or no trial is left to score.
    """
    check_device(device)
    model = load_model(folder)
    model.module.to(device)
    store, protocol = open_for(model, data, model.further), Protocol.of(settings)
    trials = scored_trials(store, protocol)
    seen, legacy = _predicted(model, store, trials, protocol, device)
    threshold = threshold_for(model, store, seen, valid, protocol, device)
    scored = described(store, trials, seen.spikes)
    return {
        "format": 3,
        "name": folder.absolute().name,
        "model": model.describe(),
        "settings": settings.model_dump(),
        "protocol": protocol.words(),
        "data": {**scored, "seen_in_fit": seen_in_fit(model, store)},
        "spike_threshold": threshold.document(),
        **scores_of(seen, threshold.called(seen), settings, model.further_names),
        "legacy": legacy,
        **made_with(*PACKAGES),
        "code": evaluation_code(model.name),
    }


def scores_of(
    seen: Predictions,
    called: SpikeList | None,
    settings: EvaluationConfig,
    further: Sequence[str] = (),
) -> dict[str, Any]:
    """The scores of predictions with their intervals, reference scores, and curves."""
    draws = Resamples.draw(len(seen.spikes), settings.bootstrap, settings.confidence, settings.seed)
    return {
        "scores": score(seen, called, draws, further),
        "reference": reference_scores(seen),
        "curves": detection_curves(seen),
    }


def _predicted(
    model: LoadedModel, store: TrialStore, trials: list[int], protocol: Protocol, device: str
) -> tuple[Predictions, dict[str, float | None]]:
    """Predictions that are scored, and the legacy scores where the protocol has them."""
    if not protocol.rescaled:
        return predictions(model.module, store, trials, protocol, device), {}
    whole = predictions(model.module, store, range(len(store)), protocol, device, whole=True)
    legacy = legacy_scores(whole, store.file_numbers(), trials, protocol.ignore_ms)
    return whole.select(trials, protocol.ignore_ms), legacy


def predict_one(
    folder: Path,
    data: Sequence[Path],
    trial: int,
    settings: EvaluationConfig,
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """One trial predicted from its first ms to its last, beside the truth.

    Returns:
        (T,) arrays: `spike_logit`, `spike_probability`, `soma_mV` (predicted), `true_soma_mV`
        (clipped at -55 mV), `true_spikes` (bool), and likewise further targets of the fit.

    Raises:
        NeuronIOError: the trial does not exist, or the data does not fit the model.
    """
    check_device(device)
    model = load_model(folder)
    model.module.to(device)
    store = open_for(model, data, model.further)
    truth = store[trial]
    ((_, logit, soma_mV, further),) = predict_trials(
        model.module, store, [trial], Protocol.of(settings), device
    )
    beside: dict[str, np.ndarray] = {}
    if model.further:
        shown = zip(model.further_names, model.further.in_mV(truth.further).T, strict=True)
        predicted = model.further.in_mV(further).T
        for (name, true_mV), predicted_mV in zip(shown, predicted, strict=True):
            beside |= {f"{name}_mV": predicted_mV, f"true_{name}_mV": true_mV}
    return {
        "spike_logit": logit,
        "spike_probability": expit(logit),
        "soma_mV": soma_mV,
        "true_soma_mV": SomaScale().clipped(truth.soma_mV),
        "true_spikes": truth.spikes,
        **beside,
    }
