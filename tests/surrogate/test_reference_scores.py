"""What chance and a constant score, worked out, and drawn at random."""

import json

import numpy as np
import pytest

from neuronio.surrogate.matching import matched_per_trial, spike_list
from neuronio.surrogate.points import Predictions, detection_points, soma_points
from neuronio.surrogate.reference_scores import (
    _own_bins,
    chance_f1,
    reference_documents,
    reference_scores,
)


def made_up(spikes, soma):
    return Predictions(spikes, np.zeros(spikes.shape), soma, soma)


def values(scores):
    return {name: entry["value"] for name, entry in scores.items()}


def test_chance_scores_what_a_random_logit_scores():
    rng = np.random.default_rng(0)
    spikes = rng.random((40, 5000)) < 0.01
    p = Predictions(spikes, rng.random(spikes.shape), spikes, spikes)
    chance, drawn = values(reference_scores(p)["chance"]), detection_points(p)
    assert chance["auc"] == 0.5
    assert chance["average_precision"] == spikes.mean()
    for name, value in drawn.items():
        assert chance[name] == pytest.approx(value, abs=0.02 if name == "auc" else 0.005)


def test_chance_f1_of_one_spike_is_worked_out():
    spikes = np.zeros((1, 100), bool)
    spikes[0, 50] = True
    assert chance_f1(spikes, 0) == pytest.approx(0.01)
    assert chance_f1(spikes, 2) == pytest.approx(1 - 0.99**5)


def test_bins_at_an_edge_and_between_two_spikes_count_once():
    spikes = np.zeros((3, 40), bool)
    spikes[0, [0, 4]] = spikes[1, 39] = spikes[2, [20, 33]] = True
    # bins 0-1 and 2-6 of the first, 37-39 of the second, 18-22 and 31-35 of the third
    assert _own_bins(spike_list(spikes), 40, 2).tolist() == [3, 4, 3, 5, 5]
    assert _own_bins(spike_list(spikes), 40, 5).sum() == 10 + 6 + 22


@pytest.mark.parametrize("tolerance", [0, 1, 2, 5])
def test_chance_f1_is_the_mean_over_random_calls(tolerance):
    rng = np.random.default_rng(2)
    spikes = rng.random((20, 1000)) < 0.004
    spikes[:, 3:] |= spikes[:, :-3]  # doublets, whose windows overlap
    true, found = spike_list(spikes), []
    for _ in range(300):
        flat = np.zeros(spikes.size, bool)
        flat[rng.choice(spikes.size, spikes.sum(), replace=False)] = True
        called = spike_list(flat.reshape(spikes.shape))
        found.append(matched_per_trial(true, called, tolerance).sum() / spikes.sum())
    error = np.std(found) / np.sqrt(len(found))
    assert chance_f1(spikes, tolerance) == pytest.approx(
        np.mean(found), abs=4 * error + 0.03 * np.mean(found)
    )


def test_no_constant_is_better_than_the_reference():
    rng = np.random.default_rng(3)
    soma = (-70 + rng.exponential(4, (3, 200))).astype(np.float32)
    p = made_up(np.zeros(soma.shape, bool), soma)
    reference = reference_scores(p)
    assert reference["chance"] == {}
    best = values(reference["mean_voltage"])
    scores = [
        soma_points(Predictions(p.spikes, p.logit, soma, np.full_like(soma, c)))
        for c in np.linspace(-70, -60, 401)
    ]
    for name in ("soma_rmse_mV", "soma_mae_mV"):
        assert min(s[name] for s in scores) == pytest.approx(best[name], rel=1e-3)
        assert min(s[name] for s in scores) >= best[name] - 1e-5
    assert best["soma_explained_variance"] == 0.0
    assert all(s["soma_explained_variance"] == pytest.approx(0, abs=1e-6) for s in scores)


def test_references_of_the_same_trials_are_listed_once():
    spikes = np.eye(3, 50, dtype=bool)
    reference = reference_scores(made_up(spikes, np.zeros((3, 50), np.float32)))

    def document(trials, source="fit"):
        data = {"trials_scored": trials, "trials_left_out": 0, "spikes": 3}
        of = {"model": {"source": source}, "settings": {}, "protocol": "all", "data": data}
        return {**of, "reference": reference}

    old = {"name": "of an older version", "model": {"source": "fit"}}
    found = reference_documents([document(3), document(3), old, document(2, "floor")])
    assert [d["model"]["name"] for d in found] == ["chance", "mean_voltage"]
    assert {d["model"]["source"] for d in found} == {"reference"}
    assert len(reference_documents([document(3), document(4)])) == 4
    assert json.loads(json.dumps(found, allow_nan=False)) == found
