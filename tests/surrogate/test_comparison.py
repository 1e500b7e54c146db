"""Two fits on the same trials: differences are of the scores, and draws of trials are shared."""

import json

import numpy as np
import pytest

from neuronio.config import EvaluationConfig, TrainingConfig
from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.surrogate.comparison import compare_fits
from neuronio.surrogate.evaluate import evaluate
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.load import load_model
from neuronio.surrogate.score_words import LABELS, difference_lines
from neuronio.surrogate.threshold import FROM_FIT, FROM_GIVEN
from neuronio.surrogate.train import FitSpec, fit

SETTINGS = EvaluationConfig(ignore_ms=100, bootstrap=100)


@pytest.fixture(scope="module")
def fits(make_shard, tmp_path_factory):
    """Linear models after hardly any and after some training."""
    folder, made = tmp_path_factory.mktemp("fits"), []
    for steps in (2, 80):
        training = TrainingConfig(
            steps=steps, validate_every=steps, window_ms=100, burn_in_ms=20, learning_rate=0.02
        )
        made.append(folder / f"linear-2-{steps}")
        options = sized_options("linear", 2, {"inputs": 12})
        fit(
            FitSpec("linear", options, 0, training, [make_shard(1)], [make_shard(3)], made[-1], 100)
        )
    return made


def test_differences_are_those_of_the_two_evaluations(fits, make_shard):
    data = [make_shard(4, n_trials=12)]
    document = compare_fits(*fits, data, SETTINGS)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    a, b = (evaluate(folder, data, SETTINGS) for folder in fits)
    assert set(document["scores"]) == set(a["scores"]) == set(LABELS)
    for name, entry in document["scores"].items():
        before, after = a["scores"][name]["value"], b["scores"][name]["value"]
        assert (entry["a"], entry["b"]) == pytest.approx((before, after))
        assert entry["difference"] == pytest.approx(after - before, abs=1e-12)
        assert entry["low"] <= entry["high"]
        assert entry["excludes_0"] == (not entry["low"] <= 0 <= entry["high"])
    assert document["scores"]["soma_rmse_mV"]["excludes_0"]
    assert document["a"]["name"] == "linear-2-2"
    assert document["b"]["spike_threshold"]["chosen_on"] == FROM_FIT


def test_a_fit_does_not_differ_from_itself(fits, make_shard):
    document = compare_fits(fits[1], fits[1], [make_shard(4)], SETTINGS)
    for entry in document["scores"].values():
        assert (entry["difference"], entry["low"], entry["high"]) == (0.0, 0.0, 0.0)
        assert not entry["excludes_0"]
    assert difference_lines(document)[-1].endswith("excludes 0: none")


def test_swapping_the_fits_swaps_the_sign(fits, make_shard):
    data = [make_shard(4)]
    there, back = (compare_fits(*pair, data, SETTINGS) for pair in (fits, fits[::-1]))
    for name, entry in there["scores"].items():
        assert entry["difference"] == pytest.approx(-back["scores"][name]["difference"])
        assert entry["excludes_0"] == back["scores"][name]["excludes_0"]


def test_the_table_says_what_is_compared_and_which_differences_are_clear(fits, make_shard):
    document = compare_fits(*fits, [make_shard(4, n_trials=12)], SETTINGS)
    lines = difference_lines(document)
    assert lines[0].startswith("A linear-2-2, B linear-2-80; scored: 12 of 12 trials")
    clear = [LABELS[name] for name, entry in document["scores"].items() if entry["excludes_0"]]
    assert lines[-1] == f"* differences whose interval excludes 0: {', '.join(clear)}"
    assert sum(line.endswith(" *") for line in lines) == len(clear)


def test_without_intervals_nothing_is_said_of_them(fits, make_shard):
    document = compare_fits(*fits, [make_shard(4)], SETTINGS.model_copy(update={"bootstrap": 0}))
    assert not any(entry["excludes_0"] for entry in document["scores"].values())
    assert "excludes" not in difference_lines(document)[-1]


def test_a_fit_says_to_which_trials(fits, make_shard, tmp_path):
    training = TrainingConfig(steps=1, validate_every=1, window_ms=100, burn_in_ms=20)
    options = sized_options("linear", 2, {"inputs": 12})
    other = FitSpec("linear", options, 0, training, [make_shard(2)], [make_shard(3)], tmp_path, 100)
    fit(other)
    a, b, c = (load_model(folder).describe()["fitted_to"] for folder in (*fits, tmp_path))
    assert a == b != c


def test_thresholds_can_come_from_given_validation_data(fits, make_shard):
    document = compare_fits(*fits, [make_shard(4)], SETTINGS, valid=[make_shard(5)])
    for side in "ab":
        threshold = document[side]["spike_threshold"]
        assert threshold["chosen_on"] == FROM_GIVEN
        assert threshold["files"] == [str(make_shard(5))]


def test_trials_of_the_fit_are_reported(fits, make_shard):
    document = compare_fits(*fits, [make_shard(1)], SETTINGS)
    assert document["a"]["seen_in_fit"]
    assert document["b"]["seen_in_fit"]


def five_segments(path, seed):
    """A shard of noise of a cell with 10 synapses."""
    rng = np.random.default_rng(seed)
    segments = SegmentTable(np.array(["basal"] * 5), np.ones(5), np.ones(5), np.arange(5))
    inputs = InputEvents.from_dense(*(rng.random((2, 5, 400)) < 0.05))
    soma = rng.normal(-70, 1, 400).astype(np.float32)
    recording = Recording(soma, soma, np.array([150.75, 300.75]))
    return write_shard(path, [(seed, inputs, recording)], {"cell": "other"}, segments)


def test_data_that_does_not_suit_both_is_refused(fits, make_shard, tmp_path):
    other = tmp_path / "other"
    training = TrainingConfig(steps=1, validate_every=1, window_ms=100, burn_in_ms=20)
    data = [five_segments(tmp_path / f"{seed}.h5", seed) for seed in (0, 1)]
    options = sized_options("linear", 2, {"inputs": 10})
    fit(FitSpec("linear", options, 0, training, data[:1], data[1:], other, 100))
    with pytest.raises(NeuronIOError, match=r"takes 12 synapses and .*other takes 10"):
        compare_fits(fits[0], other, [make_shard(4)], SETTINGS)
    with pytest.raises(NeuronIOError, match="has 10 synapses, but the model takes 12"):
        compare_fits(*fits, data[:1], SETTINGS)
