"""Fits to labelled sequences: batches, learning, repeatable to the last bit, scores."""

import json
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pytest
import torch
from made_up_sequences import CHANNELS, CLASSES, sequences, source

from neuronio.classification import ClassifierEvaluation, ClassifierTraining
from neuronio.data.sequences import About, SequenceSet
from neuronio.errors import NeuronIOError
from neuronio.files import read_csv, read_json
from neuronio.sections import validate
from neuronio.surrogate.bootstrap import LEAST_TRIALS
from neuronio.surrogate.families import FAMILIES, nearest_size
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.tasks.classify.batches import (
    SORTED_TOGETHER,
    BatchSampler,
    in_turn,
    kept_entries,
    sequence_batch,
)
from neuronio.surrogate.tasks.classify.evaluate import (
    blocks,
    evaluate_classifier,
    scores,
)
from neuronio.surrogate.tasks.classify.fit import OPTIMIZERS, ClassifierSpec, fit_classifier, rate
from neuronio.surrogate.tasks.classify.recipes import classifier_options
from neuronio.surrogate.tasks.classify.source import Facts, FixedSource
from neuronio.surrogate.tasks.classify.table import summary_rows

MEASURED = ("seconds", "data_wait_fraction")


@pytest.fixture
def make_spec(tmp_path):
    def make(out="fit", model="elm", size=8, options=None, seed=0, train=None, **training):
        settings = {"epochs": 2, "batch_size": 8, "validations": 3, **training}
        train = train or source("train")
        parsed = classifier_options(model, size, options or {}, Facts.of(train))
        t = ClassifierTraining(**settings)
        return ClassifierSpec(model, parsed, seed, t, train, source("valid", 48), tmp_path / out)

    return make


def history_without_clock(folder):
    rows = read_csv(folder / "history.csv")
    return [{k: v for k, v in row.items() if k not in MEASURED} for row in rows]


def test_an_epoch_has_every_sample_once_in_batches_of_about_one_length():
    train = source("train", 1000)
    sampler = BatchSampler(train, 8, seed=3)
    first, second = sampler.of_epoch(0), sampler.of_epoch(1)
    for epoch in (first, second):
        assert sorted(np.concatenate(epoch).tolist()) == list(range(1000))
        assert len(epoch) == 125
    assert [part.tolist() for part in first] != [part.tolist() for part in second]
    spread = [np.ptp(train.set.length[part]) for part in first]
    assert np.mean(spread) < 2.0  # of 20: drawn at random it is about 16
    places = np.argsort([part.min() for part in first])  # the long ones do not all come last
    assert (places[:SORTED_TOGETHER] != np.arange(SORTED_TOGETHER)).any()


def test_a_batch_depends_on_its_step_alone():
    train = source("train", 50)
    one, other = (BatchSampler(train, 8, seed=3, dropout=0.5) for _ in range(2))
    assert len(one.batch(6).label) == len(other.batch(6).label)
    for step in (12, 3, 7):
        a, b = one.batch(step), other.batch(step)
        other.batch(step + 1)
        assert torch.equal(a.events.synapse, b.events.synapse)
        assert torch.equal(a.events.offset, b.events.offset)
        assert torch.equal(a.label, b.label)
    assert sum(len(one.batch(step).label) for step in range(7, 14)) == 50


def test_batches_hold_what_the_set_holds():
    train = source("train", 20)
    for samples, batch in in_turn(train):
        dense = batch.events.dense()
        for row, sample in enumerate(samples):
            alone = train.set.rows([sample])
            wanted = np.zeros((CHANNELS, batch.events.steps), np.float32)
            np.add.at(wanted, (alone.channel, alone.step), alone.value)
            assert np.array_equal(dense[row].numpy(), wanted)
            assert batch.events.length[row] == train.set.length[sample]
        assert batch.label.tolist() == train.set.label[samples].tolist()


def test_dropout_takes_whole_entries_and_keeps_the_mean():
    rng = np.random.default_rng(0)
    step = np.sort(rng.integers(40, size=4000))
    about = About("noise", "train", 6, 2, "token")
    one = SequenceSet.from_rows(about, [0], [(step, rng.integers(6, size=4000))], [40])
    rows = one.rows([0])
    kept = kept_entries(rows, 6, 0.3, np.random.default_rng(1))
    entry = rows.step * 6 + rows.channel
    share = [kept[entry == e].mean() for e in np.unique(entry)]
    assert set(share) == {0.0, 1.0}
    assert 0.6 < np.mean(share) < 0.8
    batch = sequence_batch(rows, 6, 0.3, np.random.default_rng(1))
    torch.testing.assert_close(batch.events.value, torch.full((kept.sum(),), 1 / 0.7))
    assert sequence_batch(rows, 6).events.value is None


@pytest.mark.parametrize("model", ["elm", "ssm"])
def test_a_fit_learns_to_remember(make_spec, model):
    train = source("train", 256)
    spec = make_spec(model=model, size=12, train=train, epochs=8, learning_rate=0.01)
    summary = fit_classifier(spec)
    assert summary["validation"]["accuracy"] > 0.7
    rows = read_csv(spec.out / "history.csv")
    assert [row["step"] for row in rows] == [*range(10, 256, 10), 256]
    best = max(row["valid_accuracy"] for row in rows)
    assert summary["validation"]["accuracy"] == pytest.approx(best)
    config = read_json(spec.out / "config.json")
    assert config["options"]["inputs"] == CHANNELS
    assert config["options"]["outputs"] == CLASSES
    assert config["options"]["signed"] is False


class StopError(Exception):
    pass


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", ["elm", "lif_network"])
def test_a_fit_stopped_at_a_validation_goes_on_as_if_it_were_not(make_spec, model, optimizer):
    def stop(done, total, detail):
        if done == 8:
            raise StopError

    given = {"model": model, "optimizer": optimizer, "input_dropout": 0.2, "warm_up_steps": 5}
    whole, broken = make_spec("whole", **given), make_spec("broken", **given)
    fit_classifier(whole)
    with pytest.raises(StopError):
        fit_classifier(broken, progress=stop)
    assert not (broken.out / "summary.json").exists()
    fit_classifier(broken)
    assert (whole.out / "best.pt").read_bytes() == (broken.out / "best.pt").read_bytes()
    assert history_without_clock(whole.out) == history_without_clock(broken.out)


def test_every_optimiser_is_another_fit_and_learns_and_others_are_one_sentence(make_spec):
    assert list(OPTIMIZERS) == list(
        get_args(ClassifierTraining.model_fields["optimizer"].annotation)
    )
    train, weights = source("train", 256), set()
    for optimizer in OPTIMIZERS:
        spec = make_spec(optimizer, train=train, epochs=6, learning_rate=0.01, optimizer=optimizer)
        assert fit_classifier(spec)["validation"]["accuracy"] > 0.6
        weights.add((spec.out / "best.pt").read_bytes())
    assert len(weights) == len(OPTIMIZERS)
    with pytest.raises(NeuronIOError, match="optimizer is adam there and soap here"):
        fit_classifier(
            make_spec("adam", train=train, epochs=6, learning_rate=0.01, optimizer="soap")
        )
    with pytest.raises(NeuronIOError, match="'optimizer' is 'sope', but it should be 'adam', 'ad"):
        validate(ClassifierTraining, {"optimizer": "sope"}, "training")


def test_another_seed_or_smoothing_is_another_fit_and_speed_is_not(make_spec):
    summary = fit_classifier(make_spec("a"))
    assert fit_classifier(make_spec("a", threads=2)) == summary
    with pytest.raises(NeuronIOError, match=r"label_smoothing is 0\.0 there and 0\.1 here"):
        fit_classifier(make_spec("a", label_smoothing=0.1))
    with pytest.raises(NeuronIOError, match="seed is 0 there and 1 here"):
        fit_classifier(make_spec("a", seed=1))
    with pytest.raises(NeuronIOError, match=r"data\.train differs"):
        fit_classifier(make_spec("a", train=source("train", seed=1)))


@dataclass(frozen=True)
class NewEveryEpoch:
    """Samples that are made anew each epoch, as pairs of digits are."""

    made: tuple

    @property
    def about(self):
        return self.made[0].about

    def __len__(self):
        return len(self.made[0])

    def lengths(self, epoch):
        return self.made[epoch].length

    def rows(self, indices, epoch):
        return self.made[epoch].rows(indices)

    def name(self):
        return "pairs"


def test_a_source_may_have_new_samples_every_epoch(make_spec):
    sets = tuple(sequences("train", seed=seed) for seed in (0, 7))
    fresh, same = (NewEveryEpoch(made) for made in (sets, (sets[0], sets[0])))
    sampler, fixed = (BatchSampler(s, 8, seed=0) for s in (fresh, same))
    assert torch.equal(sampler.batch(3).label, fixed.batch(3).label)
    assert any(not torch.equal(sampler.batch(i).label, fixed.batch(i).label) for i in (12, 13, 14))
    fits = [make_spec(out, train=train) for out, train in (("new", fresh), ("same", same))]
    for spec in fits:
        fit_classifier(spec)
    assert history_without_clock(fits[0].out)[:3] == history_without_clock(fits[1].out)[:3]
    assert history_without_clock(fits[0].out) != history_without_clock(fits[1].out)


def test_the_learning_rate_rises_and_falls():
    t = ClassifierTraining(learning_rate=0.01, warm_up_steps=9)
    rates = [rate(t, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.001)
    assert np.argmax(rates) == 9
    assert rates[500] == pytest.approx(0.005)
    assert 0 < rates[-1] < 1e-7


def test_an_evaluation_says_what_was_called_what(make_spec):
    spec = make_spec(epochs=4, learning_rate=0.01)
    fit_classifier(spec)
    test = source("test", 60)
    document = evaluate_classifier(spec.out, test, ClassifierEvaluation(bootstrap=200))
    json.dumps(document)
    confusion = np.array(document["confusion"])
    assert confusion.sum(1).tolist() == np.bincount(test.set.label).tolist()
    accuracy = document["scores"]["accuracy"]
    assert accuracy["value"] == pytest.approx(np.trace(confusion) / 60)
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    often = np.bincount(test.set.label).max() / 60
    assert document["reference"] == {"chance": 1 / 3, "one answer": often, "none": 0.4}
    model = build_model("elm", spec.options)
    assert document["model"]["parameters"] == model.count_parameters()
    dropped = evaluate_classifier(spec.out, test, ClassifierEvaluation(input_dropout=0.5))
    assert dropped["scores"] != document["scores"]


def test_intervals_are_over_groups_and_both_members_of_a_pair():
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=400)
    settings = ClassifierEvaluation(bootstrap=400)

    def width(groups, right):
        called = np.where(right, label, 1 - label)
        logit = np.eye(2)[called].astype(np.float32)
        found = scores(logit, label, groups, settings)["accuracy"]
        assert found["value"] == pytest.approx(right.mean())
        return found["high"] - found["low"]

    group = np.arange(400) // 20
    by_group = rng.random(20)[group] < 0.6  # a whole group is right or wrong
    assert width(group[:, None], by_group) > 3 * width(np.arange(400)[:, None], by_group)
    pairs = rng.integers(20, size=(400, 2))
    by_either = (rng.random(20) < 0.7)[pairs].all(axis=1)
    assert width(pairs, by_either) > 1.7 * width(np.arange(400)[:, None], by_either)


@pytest.mark.parametrize("of_recordings", [True, False])
def test_intervals_over_pairs_cover_what_they_say(of_recordings):
    """Wherever errors come from: pairs are right where both recordings are, or at random."""
    rng, hits, repeats = np.random.default_rng(1), 0, 60
    label = np.zeros(300, np.int64)
    for _ in range(repeats):
        pairs = rng.integers(60, size=(300, 2))
        easy, alone = rng.random(60) < 0.7, rng.random(300) < 0.49
        right = easy[pairs].all(axis=1) if of_recordings else alone
        logit = np.eye(2)[np.where(right, 0, 1)].astype(np.float32)
        found = scores(logit, label, pairs, ClassifierEvaluation(bootstrap=200))["accuracy"]
        hits += found["low"] <= 0.49 <= found["high"]
    assert hits >= 52  # of 60; chance makes fewer than that of 57 in 1 of 300 tries


def test_a_few_speakers_have_no_interval():
    label = np.arange(60) % 2
    logit = np.eye(2)[np.where(np.arange(60) % 7 < 5, label, 1 - label)].astype(np.float32)
    settings = ClassifierEvaluation(bootstrap=100)
    for speakers, told in ((1, False), (LEAST_TRIALS - 1, False), (LEAST_TRIALS, True)):
        found = scores(logit, label, (np.arange(60) % speakers)[:, None], settings)
        assert all((score["low"] is not None) == told for score in found.values())


def test_very_many_groups_are_drawn_in_blocks():
    number, count = blocks(np.arange(10_000)[:, None])
    assert count == 3000
    assert np.bincount(number.ravel()).min() >= 3
    # Whatever the order of the file, a block holds no class more than chance gives it.
    sorted_by_class = np.repeat([0, 1], 5000)
    shares = np.bincount(number.ravel(), weights=sorted_by_class) / np.bincount(number.ravel())
    assert 0.2 < np.var(shares) / (0.25 * 3000 / 10_000) < 2.0
    number, count = blocks(np.array([[7, 9], [9, 30]]))
    assert number.tolist() == [[0, 1], [1, 2]]
    assert count == 3


@pytest.mark.parametrize("model", [name for name in FAMILIES if name != "pooled_elm"])
def test_families_of_equal_parameters(model):
    train = source("train")
    values = {"tcn": {"kernels": (5, 3), "depth": 2}, "branch_elm": {"num_branch": 3}}
    values["branch_elm_v2"] = values["branch_elm"]

    def count(size):
        options = classifier_options(model, size, values.get(model, {}), Facts.of(train))
        return build_model(model, options).count_parameters()

    size = nearest_size(model, count, 5000)
    below, here, above = (abs(count(s) - 5000) for s in (size - 1, size, size + 1))
    assert below > here <= above


def test_time_constants_reach_over_the_longest_sequence_unless_given():
    binned = source("train", bin_ms=20.0)
    longest = float(binned.set.longest)
    options = classifier_options("elm", 4, {}, Facts.of(binned))
    assert (options.step_ms, options.tau_min_ms) == (20.0, 20.0)
    assert options.tau_max_ms == 20.0 * longest
    assert classifier_options("elm", 4, {"tau_max_ms": 150.0}, Facts.of(binned)).tau_max_ms == 150.0
    assert classifier_options("chrono_lstm", 4, {}, Facts.of(binned)).longest == longest


def test_what_does_not_fit_is_one_sentence(make_spec, tmp_path):
    with pytest.raises(NeuronIOError, match="'inputs' of model 'elm' follows from the data"):
        make_spec(options={"inputs": 3})
    spec = make_spec()
    with pytest.raises(NeuronIOError, match="validation samples are the training samples"):
        fit_classifier(replace(spec, valid=spec.train))
    fit_classifier(spec)
    binned = source("test", bin_ms=5.0)
    with pytest.raises(NeuronIOError, match=r"step_ms is 5\.0, but the model in .* fitted to 1\.0"):
        evaluate_classifier(spec.out, binned, ClassifierEvaluation())
    with pytest.raises(NeuronIOError, match=r"no summary\.json"):
        evaluate_classifier(tmp_path, source("test"), ClassifierEvaluation())
    two = replace(sequences("train").about, rows_per_label=2)
    paired = FixedSource(replace(sequences("train"), about=two, label=np.zeros(48, np.int16)))
    told = "rows_per_label is 1, but of the training samples it is 2"
    with pytest.raises(NeuronIOError, match=told):
        fit_classifier(make_spec("two", train=paired))
    with pytest.raises(NeuronIOError, match="rows_per_label is 2, but the model"):
        evaluate_classifier(spec.out, paired, ClassifierEvaluation())


def test_seeds_that_were_fitted_at_another_speed_are_one_row(make_spec):
    documents = []
    for seed in (0, 1):
        spec = make_spec(f"fit{seed}", seed=seed, epochs=1, threads=1 + seed)
        fit_classifier(spec)
        scored = evaluate_classifier(spec.out, source("test", 60), ClassifierEvaluation())
        documents.append(scored)
    (row,) = summary_rows(documents)
    assert row["seeds"] == "0 1"
    documents[1]["model"]["training"]["epochs"] = 2
    assert len(summary_rows(documents)) == 2


def test_events_shared_otherwise_between_rows_are_other_samples():
    about = About("tokens", "train", 5, 3, "token")
    events = np.array([0, 1, 2]), np.array([1, 2, 3])  # steps, channels

    def parted(at):
        rows = [tuple(part[piece] for part in events) for piece in (slice(at), slice(at, None))]
        return FixedSource(SequenceSet.from_rows(about, [0, 1], rows, 3))

    assert parted(1).name() == parted(1).name() != parted(2).name()


def test_the_classes_of_a_linear_model_are_alike():
    options = classifier_options("linear", 2, {}, Facts("made up", CHANNELS, 3, 1.0, 20))
    model = build_model("linear", options, seed=0)
    shares = [name for name, _ in model.named_parameters() if not name.startswith("bank.")]
    assert shares == ["bias"]
    evidence = torch.tensor([[1.0, 6.0, 2.0], [6.0, 1.0, 2.0]])
    first, second = model._outputs(evidence)
    assert torch.equal(first, second[[1, 0, 2]])
    assert first.argmax() == 1


def test_a_seed_below_0_is_one_sentence(make_spec):
    with pytest.raises(NeuronIOError, match="seed is -1; give 0 or more"):
        fit_classifier(replace(make_spec(), seed=-1))


def test_a_model_of_another_step_is_refused_before_it_is_fitted(make_spec):
    spec = make_spec()
    wide = spec.options.model_copy(update={"step_ms": 7.0})
    with pytest.raises(NeuronIOError, match="step_ms of the model is"):
        fit_classifier(replace(spec, options=wide))


def test_the_schedule_is_in_the_recipe_of_a_fit():
    from neuronio.recipe import code
    from neuronio.surrogate.tasks.classify import fit as module

    assert module.rate.__module__ in code(module.__name__)
