"""What a model that knows nothing would score on the same trials: the floor of every table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from neuronio.surrogate.matching import SpikeList, spike_list
from neuronio.surrogate.measure import NO_INTERVAL, Scores
from neuronio.surrogate.points import FALSE_POSITIVE_RATES, Predictions
from neuronio.surrogate.spike_trains import F1_NAMES

SOURCE, FLOOR_SOURCE = "reference", "floor"
OF_USE = ("parameters", "multiply_adds_per_ms", "state_size")
COSTS = (*OF_USE, "train_trials", "exposure_s", "training_seconds")


def reference_scores(p: Predictions) -> dict[str, Scores]:
    """Scores of chance and of a constant voltage; a score that is undefined for them is left out.

    `chance` is a logit that knows nothing, and as many spikes as there are called at random. The
    `mean_voltage` has the least RMSE of all constants; the MAE beside it is of the constant with
    the least MAE, the median. Both constants are taken from the scored trials themselves.
    """
    chance = _chance(p.spikes) if p.spikes.any() and not p.spikes.all() else {}
    return {
        name: {key: {"value": float(value), **NO_INTERVAL} for key, value in values.items()}
        for name, values in {"chance": chance, "mean_voltage": _constant(p.soma_mV)}.items()
    }


def _chance(spikes: np.ndarray) -> dict[str, float]:
    share = spikes.mean()
    return {
        "auc": 0.5,
        "average_precision": share,
        **{f"tp_at_fp_{rate}": rate for rate in FALSE_POSITIVE_RATES},
        **{name: chance_f1(spikes, within) for name, within in F1_NAMES.items()},
    }


def chance_f1(spikes: np.ndarray, tolerance_ms: int) -> float:
    """The expected F1 of spikes called in every bin with the probability of a true one.

    A true spike is matched if one is called in its own bins: those within the tolerance that are
    nearer to it than to another. That is exact for spikes more than twice the tolerance apart. Of
    closer ones it leaves out that of two calls beside one spike the other may serve its neighbour,
    a share of some tolerance times probability.

    Args:
        spikes: (trials, ms) bool, the truth, not without any.
    """
    bins = _own_bins(spike_list(spikes), spikes.shape[1], tolerance_ms)
    return float((1.0 - (1.0 - spikes.mean()) ** bins).mean())


def _own_bins(true: SpikeList, duration_ms: int, tolerance_ms: int) -> np.ndarray:
    """(spikes,) number of bins within a tolerance of each spike, none counted for two spikes."""
    t, new_trial = true.bin_ms, np.diff(true.trial) != 0
    shared = np.minimum(2 * tolerance_ms, np.diff(t) - 1)
    to_start, to_end = (np.minimum(tolerance_ms, x) for x in (t, duration_ms - 1 - t))
    after = np.append(np.where(new_trial, to_end[:-1], (shared + 1) // 2), to_end[-1])
    before = np.append(to_start[0], np.where(new_trial, to_start[1:], shared // 2))
    return before + 1 + after


def _constant(soma_mV: np.ndarray) -> dict[str, float]:
    true = soma_mV.astype(np.float64)
    return {
        "soma_rmse_mV": true.std(),
        "soma_mae_mV": np.abs(true - np.median(true)).mean(),
        "soma_explained_variance": 0.0,
    }


def reference_documents(evaluations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reference scores that evaluations hold, each as a document of its own, none twice.

    Those of a noise floor are left out: it may have fewer trials than the fits beside it.
    """
    found: dict[str, dict[str, Any]] = {}
    for document in fits_among(evaluations):
        for name, scores in document.get("reference", {}).items():
            of = {key: document[key] for key in ("settings", "protocol", "data")}
            counts = [of["data"][key] for key in ("trials_scored", "spikes")]
            key = json.dumps([name, of["protocol"], counts, scores])
            model = without_model(name, SOURCE)
            found.setdefault(key, {"name": name, "model": model, **of, "scores": scores})
    return sorted(found.values(), key=lambda document: document["name"])


def fits_among(evaluations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Evaluations of models, without that of a noise floor."""
    return [e for e in evaluations if e["model"]["source"] != FLOOR_SOURCE]


def without_model(name: str, source: str) -> dict[str, Any]:
    """What an evaluation says of its model, for scores that no model made."""
    found = {"name": name, "size": None, "seed": None, "source": source, **dict.fromkeys(COSTS)}
    return found | {"options": {}, "training": None}
