"""Spoken digits as a task: on made-up recordings of the published form."""

from types import SimpleNamespace

import numpy as np
import pytest

from neuronio.classification import ClassifierEvaluation, ClassifierTraining
from neuronio.data.digits.adding import Pairs
from neuronio.data.digits.binned import held_out_speakers
from neuronio.data.digits.shd import write_shd
from neuronio.data.digits.voices import draw_take, generator
from neuronio.data.sequences import SPLITS
from neuronio.errors import NeuronIOError
from neuronio.surrogate.tasks.classify.data import task_data
from neuronio.surrogate.tasks.classify.evaluate import evaluate_classifier
from neuronio.surrogate.tasks.classify.fit import ClassifierSpec, fit_classifier
from neuronio.surrogate.tasks.classify.recipes import classifier_options
from neuronio.surrogate.tasks.classify.source import Facts
from neuronio.surrogate.tasks.classify.spoken import NAMES, Spoken

RECORDINGS = {"train": 60, "test": 40}


def write(path, n, seed, kind="synthetic-digits"):
    """Each label has channels of its own; spikes all over the first second. Speakers of ten."""
    rng, label = np.random.default_rng(seed), np.arange(n) % 20
    times, units = np.sort(rng.uniform(0, 0.9, (n, 30))), rng.integers(0, 30, (n, 30))
    rows = list(zip(times, 30 * label[:, None] + units, strict=True))
    made_from = {} if kind == "shd" else {"task": kind}
    write_shd(path, rows, label, np.arange(n) // 10, ["m"] * (n // 10), made_from)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    write(folder / "digits_train.h5", 60, 0)
    write(folder / "digits_test.h5", 40, 1)
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bin_ms", [1.0, 20.0])
def test_what_models_are_told_is_what_the_samples_are(name, bin_ms, tmp_path):
    data = task_data(name, bin_ms, RECORDINGS)
    files = "shd" if data.kind == "shd" else "digits"
    for seed, (split, n) in enumerate(RECORDINGS.items()):
        write(tmp_path / f"{files}_{split}.h5", n, seed, data.kind)
    for split in ("train", "valid", "test"):
        source = data.source(tmp_path, split, 10, 3)
        assert len(source) == 10
        assert source.about.task == name
        assert Facts.of(source) == data.facts()


def test_a_part_of_the_recordings_has_all_digits_whatever_their_order(tmp_path):
    rng, label = np.random.default_rng(0), np.repeat(np.arange(20), 20)
    rows = [(np.sort(rng.uniform(0, 0.9, 5)), np.full(5, digit)) for digit in label]
    write_shd(
        tmp_path / "digits_test.h5", rows, label, np.zeros(400, int), ["m"], {"task": "digits"}
    )
    data = task_data("synthetic-digits", 20.0, RECORDINGS)
    parts = [data.source(tmp_path, "test", 100, seed) for seed in (3, 3, 4)]
    assert len(set(parts[0].set.label.tolist())) > 15
    assert parts[0].name() == parts[1].name() != parts[2].name()


def test_training_pairs_are_new_and_nobody_who_validates_is_in_training(folder):
    data = task_data("synthetic-digits-adding", 20.0, RECORDINGS)
    train, valid, test = (data.source(folder, s, 200, 3) for s in ("train", "valid", "test"))
    assert all(isinstance(source, Pairs) for source in (train, valid, test))
    speakers = [set(source.recordings.group.tolist()) for source in (train, valid)]
    assert speakers[0].isdisjoint(speakers[1])
    assert (train.label(0) != train.label(1)).any()
    for source in (valid, test):
        np.testing.assert_array_equal(source.label(0), source.label(1))
        assert source.about.trivial_scores["always 9"] == np.mean(source.label() == 9)


def test_recordings_are_one_product_whatever_is_made_of_them():
    adding, single = (
        task_data(name, bin_ms, RECORDINGS)
        for name, bin_ms in (("synthetic-digits-adding", 2.0), ("synthetic-digits", 20.0))
    )
    for split in ("train", "valid", "test"):
        assert adding.product(split) == single.product(split)
        assert adding.amount(split, 7) == RECORDINGS["test" if split == "test" else "train"]
    assert adding.drawn("train", 7, 1) != single.drawn("train", 7, 1)
    assert adding.drawn("train", 7, 1) != adding.drawn("train", 8, 1)


@pytest.mark.parametrize(
    ("name", "bin_ms", "said"),
    [
        ("shd", None, "bins_ms of task 'shd' is nothing; take some of 1, 2, 5, 10, 20"),
        ("synthetic-digits", 3.0, "is 3; take some of"),
        ("synthetic-digits-addin", 2.0, "did you mean 'synthetic-digits-adding'"),
    ],
)
def test_what_cannot_be_is_one_sentence(name, bin_ms, said):
    with pytest.raises(NeuronIOError, match=said):
        task_data(name, bin_ms, RECORDINGS)


def test_more_digits_than_there_are_is_one_sentence(folder):
    data = task_data("synthetic-digits", 20.0, RECORDINGS)
    with pytest.raises(NeuronIOError, match=r"has 40 recordings .*, or speak more in tasks\[\]\."):
        data.source(folder, "test", 41, 0)
    with pytest.raises(NeuronIOError, match=r"9,999 are wanted; .* in tasks\[\]\.samples$"):
        task_data("shd", 20.0, RECORDINGS).recipe("train", 9999, 0)


def test_more_digits_than_will_be_spoken_are_refused_before_any_is():
    data = task_data("synthetic-digits", 20.0, {"train": 130, "test": 40})
    speakers = np.array(
        [draw_take("train", i, generator(3, "train", i)).speaker for i in range(130)]
    )
    held_out = np.isin(speakers, held_out_speakers(speakers, np.random.default_rng(3)))
    for split, there in (("train", (~held_out).sum()), ("valid", held_out.sum()), ("test", 40)):
        assert data.recipe(split, there, 3)["rows"] == data.amount(split, there)
        with pytest.raises(NeuronIOError, match=f"has {there} recordings for {split}, but"):
            data.recipe(split, there + 1, 3)
    pairs = task_data("synthetic-digits-adding", 20.0, {"train": 130, "test": 40})
    assert pairs.recipe("test", 4000, 3) == data.recipe("test", 1, 3)


def test_recordings_that_are_there_are_counted_whatever_the_configuration_says(monkeypatch):
    assert [task_data("shd", 20.0, RECORDINGS).amount(split, 7) for split in SPLITS] == [
        8156,
        8156,
        2264,
    ]
    monkeypatch.setattr(Spoken, "_speech", lambda self: SimpleNamespace(rows={"train": 9}.get))
    assert task_data("recorded-digits", 20.0, RECORDINGS).amount("valid", 7) == 9


def fitted_and_judged(name, folder, out, epochs, **samples):
    data = task_data(name, 20.0, RECORDINGS)
    train, valid, test = (data.source(folder, split, n, 0) for split, n in samples.items())
    training = ClassifierTraining(epochs=epochs, learning_rate=0.01)
    options = classifier_options("elm", 16, {}, data.facts())
    fit_classifier(ClassifierSpec("elm", options, 0, training, train, valid, out))
    return evaluate_classifier(out, test, ClassifierEvaluation(bootstrap=50))


def test_digits_are_learned(folder, tmp_path):
    name = "synthetic-digits"
    found = fitted_and_judged(name, folder, tmp_path / "fit", 100, train=50, valid=10, test=40)
    accuracy = found["scores"]["accuracy"]
    assert accuracy["value"] > 5 * found["reference"]["chance"]
    assert accuracy["low"] is None  # of four speakers


def test_intervals_of_pairs_are_over_recordings(folder, tmp_path):
    name = "synthetic-digits-adding"
    found = fitted_and_judged(name, folder, tmp_path / "fit", 1, train=50, valid=10, test=400)
    assert found["data"]["samples"] == 400
    accuracy = found["scores"]["accuracy"]
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
