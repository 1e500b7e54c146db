"""Trials are told apart by recipe and index, so that no other file of them passes for new ones."""

import json

import pytest

from neuronio.config import EvaluationConfig
from neuronio.data.shard import Shard, write_shard
from neuronio.errors import NeuronIOError
from neuronio.surrogate.evaluate import evaluate
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.load import load_model
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.train import FitSpec, fit
from neuronio.training import TrainingConfig

SETTINGS = EvaluationConfig(ignore_ms=100, bootstrap=0)


@pytest.fixture(scope="module")
def parted(make_shard, tmp_path_factory):
    """parted(chosen, recipe) -> a file of some of 6 trials, which says their recipe."""
    folder = tmp_path_factory.mktemp("parted")

    def part(chosen, recipe="r"):
        with Shard(make_shard(1, n_trials=6)) as whole:
            trials = [(i, whole.inputs(i), whole.recording(i)) for i in chosen]
            info = {"recipe": recipe, "first_trial": chosen[0]}
            path = folder / f"{recipe}-{'-'.join(map(str, chosen))}.h5"
            return write_shard(path, trials, info, whole.segments)

    return part


def spec_of(train, valid, out):
    training = TrainingConfig(steps=4, validate_every=4, window_ms=100, burn_in_ms=20)
    options = sized_options("linear", 2, {"inputs": 12})
    return FitSpec("linear", options, 0, training, train, valid, out, 100)


@pytest.fixture(scope="module")
def fitted(parted, make_shard, tmp_path_factory):
    """A fit to the first four of the trials."""
    out = tmp_path_factory.mktemp("fits") / "linear-2-seed0"
    fit(spec_of([parted([0, 1, 2, 3])], [make_shard(3)], out))
    return out


def test_a_store_holds_a_trial_once(parted, make_shard):
    whole, part = parted([0, 1, 2, 3]), parted([3, 4])
    with pytest.raises(NeuronIOError, match=r"4\.h5 holds trial 3, which another shard"):
        TrialStore([whole, part])
    with pytest.raises(NeuronIOError, match="holds trial 0, which another shard"):
        TrialStore([make_shard(2), make_shard(2)])
    assert len(TrialStore([whole, part], first=4)) == 4
    assert len(TrialStore([whole, parted([4, 5])])) == len(TrialStore([part, make_shard(2)])) == 6
    assert len(TrialStore([whole, parted([3, 4], "other")])) == 6


def test_no_trial_is_validated_on_that_is_fitted_to(parted, tmp_path):
    with pytest.raises(NeuronIOError, match=r"holds the same trials as .* \(trial 3\)"):
        fit(spec_of([parted([0, 1, 2, 3])], [parted([3, 4])], tmp_path / "fit"))


def test_a_trial_of_the_fit_in_another_file_is_seen(fitted, parted):
    for chosen, seen in (([3, 4], True), ([4, 5], False)):
        document = evaluate(fitted, [parted(chosen)], SETTINGS)
        assert document["data"]["seen_in_fit"] is seen


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("summary.json", [], "summary.json is damaged"),
        ("summary.json", {"spike_threshold_logit": "x"}, "is 'x', but must be a number"),
        ("config.json", [], "config.json is damaged"),
        ("config.json", {"data": []}, "its 'data' is not"),
        ("config.json", {"data": {"train": {"files": ["a.h5"]}}}, "its 'data' is not"),
        ("config.json", {"recipe": []}, "its 'recipe' is not"),
        ("config.json", {"model": 3}, "its 'model' is not"),
        ("config.json", {"options": []}, "must hold keys and values"),
    ],
)
def test_a_damaged_record_is_one_sentence(fitted, name, content, said):
    path = fitted / name
    before = path.read_text()
    changed = {**json.loads(before), **content} if content else content
    path.write_text(json.dumps(changed))
    try:
        with pytest.raises(NeuronIOError, match=said) as error:
            load_model(fitted)
    finally:
        path.write_text(before)
    assert "\n" not in str(error.value)


def test_a_fit_beside_a_damaged_record_is_one_sentence(parted, make_shard, tmp_path):
    for content in ([], {"recipe": 3}):
        (tmp_path / "config.json").write_text(json.dumps(content))
        with pytest.raises(NeuronIOError, match=r"config\.json is damaged"):
            fit(spec_of([parted([0, 1])], [make_shard(3)], tmp_path))
    (tmp_path / "config.json").unlink()
    (tmp_path / "summary.json").write_text("[]")
    with pytest.raises(NeuronIOError, match=r"summary\.json is damaged"):
        fit(spec_of([parted([0, 1])], [make_shard(3)], tmp_path))
