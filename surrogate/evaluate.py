"""A fitted or published model against trials it has not seen: one JSON document.

Who is scored, from when and how is the protocol's (protocol.py). Soma errors are against the
voltage clipped at -55 mV. Spikes are called at the logit threshold with the best F1 (within 2 ms)
on validation data, never on the data that is reported, unless there is no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from neuronio.config import EvaluationConfig
from neuronio.errors import NeuronIOError
from neuronio.recipe import code, deciding_versions, made_with, module_of
from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.fit_directory import PACKAGES
from neuronio.surrogate.inference import (
    check_scored,
    predict_trials,
    predictions,
)
from neuronio.surrogate.load import LoadedModel, load_model
from neuronio.surrogate.matching import TOLERANCES_MS, best_threshold
from neuronio.surrogate.metrics import legacy_scores, score
from neuronio.surrogate.models import FAMILIES
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.protocol import Protocol, SomaScale
from neuronio.surrogate.store import TrialStore

DECIDING = ("torch", "numpy", "scipy", "scikit-learn")
FROM_FIT = "validation data of the fit"
FROM_GIVEN = "validation data given to the evaluation"
FROM_SAME = "the evaluated data itself: F1 is optimistic"


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
        "packages": deciding_versions(DECIDING),
        "code": evaluation_code(model),
    }


def evaluation_code(model: str) -> dict[str, str]:
    """Hashes of the modules that score a model."""
    return code("neuronio.surrogate.evaluate", module_of(FAMILIES[model].model))


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
        A JSON-like document: model, data, settings, scores (value, low, high), legacy, versions.

    Raises:
        NeuronIOError: model and data do not fit, or no trial is left to score.
    """
    model = load_model(folder)
    model.module.to(device)
    store, protocol = _open_for(model, data), Protocol.of(settings)
    trials = scored_trials(store, protocol)
    seen, legacy = _predicted(model, store, trials, protocol, device)
    threshold, chosen_on = model.threshold, FROM_FIT
    if valid:
        threshold, chosen_on = _threshold_on(model, valid, protocol, device), FROM_GIVEN
    elif threshold is None:
        threshold, chosen_on = best_threshold(seen.spikes, seen.logit), FROM_SAME
    draws = Resamples.draw(len(trials), settings.bootstrap, settings.confidence, settings.seed)
    return {
        "format": 2,
        "name": folder.absolute().name,
        "model": model.describe(),
        "settings": settings.model_dump(),
        "protocol": protocol.words(),
        "data": _describe_data(model, store, trials, seen.spikes),
        "spike_threshold": {
            "logit": threshold,
            "probability": None if threshold is None else float(expit(threshold)),
            "chosen_on": chosen_on,
            "files": [str(path) for path in valid],
        },
        "scores": score(seen, threshold, draws),
        "legacy": legacy,
        **made_with(*PACKAGES),
        "code": evaluation_code(model.name),
    }


def scored_trials(store: TrialStore, protocol: Protocol) -> list[int]:
    """The trials that a protocol scores.

    Raises:
        NeuronIOError: there are none, or they end before scores begin.
    """
    check_scored(store, protocol)
    return protocol.kept([store.n_spikes(i) for i in range(len(store))])


def _predicted(
    model: LoadedModel, store: TrialStore, trials: list[int], protocol: Protocol, device: str
) -> tuple[Predictions, dict[str, float | None]]:
    """Predictions that are scored, and the legacy scores where the protocol has them."""
    if not protocol.rescaled:
        return predictions(model.module, store, trials, protocol, device), {}
    whole = predictions(model.module, store, range(len(store)), protocol, device, whole=True)
    legacy = legacy_scores(whole, store.file_numbers(), trials, protocol.ignore_ms)
    return whole.select(trials, protocol.ignore_ms), legacy


def _open_for(model: LoadedModel, paths: Sequence[Path]) -> TrialStore:
    store = TrialStore(paths)
    wanted = model.module.options.inputs
    if store.n_synapses != wanted:
        raise NeuronIOError(
            f"{store.paths[0]} has {store.n_synapses} synapses, but the model takes {wanted}; "
            "give data of the cell that it was fitted to"
        )
    return store


def _threshold_on(
    model: LoadedModel, paths: Sequence[Path], protocol: Protocol, device: str
) -> float | None:
    store = _open_for(model, paths)
    trials = scored_trials(store, protocol)
    seen = predictions(model.module, store, trials, protocol, device)
    return best_threshold(seen.spikes, seen.logit)


def _describe_data(
    model: LoadedModel, store: TrialStore, trials: Sequence[int], spikes: np.ndarray
) -> dict[str, Any]:
    """What was scored, and whether the fit has seen any of it."""
    provenance = store.provenance()
    known = {
        shard["content_sha256"]
        for split in ((model.config or {}).get("data") or {}).values()
        for shard in split["files"]
    }
    scored_s = spikes.size / 1000
    return {
        "trials_scored": len(trials),
        "trials_left_out": len(store) - len(trials),
        "scored_s": scored_s,
        "spikes": int(spikes.sum()),
        "spike_rate_hz": float(spikes.sum() / scored_s),
        "seen_in_fit": any(shard["content_sha256"] in known for shard in provenance["files"]),
        **provenance,
    }


def headline(document: dict[str, Any]) -> list[str]:
    """The scores of an evaluation as lines for a terminal."""
    data = document["data"]
    lines = [
        f"{document['name']}: {document['model']['parameters']:,} parameters; scored: "
        f"{data['trials_scored']} of {data['trials']} trials, {data['spikes']} spikes "
        f"({document['protocol']})"
    ]
    labels = {
        "auc": "ROC AUC",
        "average_precision": "average precision",
        "tp_at_fp_0.0025": "true positives at 0.25% false",
        "tp_at_fp_0.01": "true positives at 1% false",
        **{f"spike_f1_{ms}ms": f"spike F1 within {ms} ms" for ms in TOLERANCES_MS},
        "soma_rmse_mV": "soma RMSE, mV",
        "soma_mae_mV": "soma MAE, mV",
        "soma_explained_variance": "soma explained variance",
    }
    for name, label in labels.items():
        entry = document["scores"][name]
        text = "undefined" if entry["value"] is None else f"{entry['value']:.4f}"
        if entry["low"] is not None:
            text += f"  [{entry['low']:.4f}, {entry['high']:.4f}]"
        if name in document["legacy"] and document["legacy"][name] is not None:
            text += f"  legacy {document['legacy'][name]:.4f}"
        lines.append(f"  {label:<30} {text}")
    return lines


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
        (clipped at -55 mV), `true_spikes` (bool).

    Raises:
        NeuronIOError: the trial does not exist, or the data does not fit the model.
    """
    model = load_model(folder)
    model.module.to(device)
    store = _open_for(model, data)
    truth = store[trial]
    ((_, logit, soma_mV),) = predict_trials(
        model.module, store, [trial], Protocol.of(settings), device
    )
    return {
        "spike_logit": logit,
        "spike_probability": expit(logit),
        "soma_mV": soma_mV,
        "true_soma_mV": SomaScale().clipped(truth.soma_mV),
        "true_spikes": truth.spikes,
    }
