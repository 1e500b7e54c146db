"""Samples of two sequences: the head, its gradient, and fits to whether both begin alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_up_sequences import CHANNELS, pairs, source
from small_classifiers import CLASSES, MODELS, batch_of, small_options

from neuronio.classification import ClassifierEvaluation, ClassifierTraining
from neuronio.errors import NeuronIOError
from neuronio.files import read_json
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.tasks.classify.batches import BatchSampler, in_turn
from neuronio.surrogate.tasks.classify.evaluate import evaluate_classifier
from neuronio.surrogate.tasks.classify.fit import ClassifierSpec, fit_classifier, predicted
from neuronio.surrogate.tasks.classify.pairs import PairClassifier, build_classifier
from neuronio.surrogate.tasks.classify.recipes import ENCODING, classifier_options
from neuronio.surrogate.tasks.classify.source import Facts, FixedSource

ENCODED = 6


def pair_classifier(name):
    return build_classifier(name, small_options(name, outputs=ENCODED), 2, CLASSES, seed=1)


def encoded(encoder, dense_tn):
    """The last readout of one row, a step after the other in plain torch, (ENCODED,)."""
    state = encoder.first_state(1)
    for current_c in dense_tn @ encoder.input_kernel():
        out_bo, state = encoder.advance(current_c[None], state)
    return out_bo[0]


@pytest.mark.parametrize("name", MODELS)
def test_logits_and_gradients_are_those_of_plain_torch(name):
    model = pair_classifier(name).double().eval()
    batch = batch_of(25, 40, 1, 33, valued=False)
    dense_bnt = batch.dense().double()
    rows = [dense_bnt[b, :, :n].T for b, n in enumerate(batch.length.tolist())]
    weights = [model.head[i].weight for i in (0, 2, 4)], [model.head[i].bias for i in (0, 2, 4)]
    wanted = []
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        e1, e2 = encoded(model.encoder, one), encoded(model.encoder, other)
        x = torch.cat([e1, e2, e1 * e2, e1 - e2])
        for layer, (weight, bias) in enumerate(zip(*weights, strict=True)):
            x = weight @ (x if layer == 0 else x.clamp(min=0.0)) + bias
        wanted.append(x)
    found, wanted = model.at_last(batch), torch.stack(wanted)
    torch.testing.assert_close(found, wanted)
    learned = list(model.parameters())
    missing = {"materialize_grads": True, "allow_unused": True}
    out_weights = torch.linspace(-1.0, 1.0, found.numel()).double().view_as(found)
    ours, theirs = (
        torch.autograd.grad((out * out_weights).sum(), learned, **missing)
        for out in (found, wanted)
    )
    assert all(any(part.abs().max() > 0 for part in grads) for grads in (ours, theirs))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_all_that_is_learned_is_counted_and_follows_from_the_seed():
    model = pair_classifier("elm")
    encoder = build_model("elm", model.options, seed=1)
    head = 4 * ENCODED * ENCODED + ENCODED + 3 * ENCODED + 3 + 3 * CLASSES + CLASSES
    assert model.count_parameters() == encoder.count_parameters() + head
    assert model.count_multiply_adds() == encoder.count_multiply_adds()
    assert model.state_size() == encoder.state_size()
    again = pair_classifier("elm").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())
    assert isinstance(build_classifier("elm", model.options, 1, ENCODED), type(encoder))


def test_an_encoding_may_have_any_width_but_the_classes_follow_from_the_data():
    two, one = Facts.of(pairs()), Facts.of(source())
    assert classifier_options("elm", 4, {}, two).outputs == ENCODING
    assert classifier_options("elm", 4, {"outputs": 5}, two).outputs == 5
    with pytest.raises(NeuronIOError, match="'outputs' of model 'elm' follows from the data"):
        classifier_options("elm", 4, {"outputs": 5}, one)


def test_batches_hold_both_rows_of_each_sample():
    train = pairs(samples=50)
    lengths = train.set.length.reshape(50, 2)
    assert train.lengths(0).tolist() == lengths.max(axis=1).tolist()
    sampler = BatchSampler(train, 8, seed=3, dropout=0.3)
    for place, samples in enumerate(sampler.of_epoch(0)):
        batch = sampler.batch(place)
        assert batch.events.length.tolist() == lengths[samples].ravel().tolist()
        assert batch.label.tolist() == train.set.label[samples].tolist()
    for samples, batch in in_turn(train):
        dense = batch.events.dense()
        for row, (sample, of_two) in enumerate((s, k) for s in samples for k in (0, 1)):
            alone = train.set.rows([sample])
            mine = alone.row == of_two
            wanted = np.zeros((CHANNELS, batch.events.steps), np.float32)
            np.add.at(wanted, (alone.channel[mine], alone.step[mine]), 1.0)
            assert np.array_equal(dense[row].numpy(), wanted)
    grouped = FixedSource(replace(train.set, group=np.arange(100, dtype=np.int32) // 3))
    assert grouped.groups().tolist() == (np.arange(100) // 3).reshape(50, 2).tolist()
    assert train.groups().tolist() == [[i] for i in range(50)]


@pytest.fixture
def make_spec(tmp_path):
    def make(out, samples=600, **training):
        train, valid = (
            pairs(split, n, longest=8) for split, n in (("train", samples), ("valid", 80))
        )
        options = classifier_options("elm", 12, {"outputs": 8}, Facts.of(train))
        t = ClassifierTraining(**{"epochs": 2, "validations": 3, "learning_rate": 0.02, **training})
        return ClassifierSpec("elm", options, 0, t, train, valid, tmp_path / out)

    return make


def test_a_fit_learns_whether_two_sequences_begin_alike(make_spec):
    spec = make_spec("fit", epochs=20)
    summary = fit_classifier(spec)
    assert summary["validation"]["accuracy"] > 0.8
    test = pairs("test", 60, longest=8)
    document = evaluate_classifier(spec.out, test, ClassifierEvaluation(bootstrap=50))
    assert document["scores"]["accuracy"]["value"] > 0.75
    assert np.array(document["confusion"]).sum() == 60
    model = build_classifier("elm", spec.options, 2, 2)
    assert isinstance(model, PairClassifier)
    assert document["model"]["parameters"] == summary["parameters"] == model.count_parameters()
    assert read_json(spec.out / "config.json")["about"]["rows_per_label"] == 2
    with pytest.raises(NeuronIOError, match="rows_per_label is 1, but the model"):
        evaluate_classifier(spec.out, source("test"), ClassifierEvaluation())


def test_a_fit_to_pairs_that_is_stopped_goes_on_as_if_it_were_not(make_spec):
    class StopError(Exception):
        pass

    def stop(done, total, detail):
        if done == 9:
            raise StopError

    whole, broken = (make_spec(out, samples=96, input_dropout=0.2) for out in ("a", "b"))
    fit_classifier(whole)
    with pytest.raises(StopError):
        fit_classifier(broken, progress=stop)
    fit_classifier(broken)
    assert (whole.out / "best.pt").read_bytes() == (broken.out / "best.pt").read_bytes()


def test_outputs_that_are_not_finite_are_no_scores():
    samples = pairs("test", 4)
    options = classifier_options("elm", 4, {"outputs": 8}, Facts.of(samples))
    model = build_classifier("elm", options, 2, 2)
    torch.nn.init.constant_(next(model.head.parameters()), torch.nan)
    with pytest.raises(NeuronIOError, match="outputs are not finite"):
        predicted(model, samples, "cpu")
