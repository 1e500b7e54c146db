import copy

import pytest

from neuronio.config import load_config, validate_config
from neuronio.errors import NeuronIOError

GOOD = {
    "name": "test",
    "dataset": {"trials": {"train": 2, "valid": 1, "test": 1}},
    "fits": [{"model": "branch_elm", "sizes": [3], "training": {"steps": 5}}],
}


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("sead",), 1, "unknown key 'sead'; did you mean 'seed'"),
        (("dataset", "trails"), {}, "unknown key 'dataset.trails'; did you mean 'trials'"),
        (("dataset", "trials", "test"), 0, "'dataset.trials.test' is 0"),
        (("dataset", "duration_ms"), "6 s", "'dataset.duration_ms' is '6 s'"),
        (("fits", 0, "sizes"), [], "'fits.0.sizes' is []"),
        (("fits", 0, "training", "step"), 5, "unknown key 'fits.0.training.step'"),
        (("engine",), {"name": "neurone"}, "'engine.name' is 'neurone'"),
        (("engine",), {"dt_ms": 0.03}, "dt_ms is 0.03"),
        (("engine",), {"integrator": "cvode"}, "cvode needs engine neuron"),
        (("cell",), {"variant": {"sk": 2.0}}, "unknown key 'cell.variant.sk'"),
        (("training",), {"burn_in_ms": 500}, "must be less than window_ms"),
        (("training",), {"dendrites": 3}, "set dataset.record_segments to true"),
        (("name",), "a b", "'name' is 'a b'"),
        (("seed",), 1.5, "'seed' is 1.5"),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_the_key(where, value, said):
    document = copy.deepcopy(GOOD)
    section = document
    for key in where[:-1]:
        section = section[key]
    section[where[-1]] = value
    with pytest.raises(NeuronIOError) as error:
        validate_config(document)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_key_and_an_unreadable_file_are_told(tmp_path):
    with pytest.raises(NeuronIOError, match="'dataset' is missing"):
        validate_config({"name": "x"})
    with pytest.raises(NeuronIOError, match="cannot read the configuration"):
        load_config(tmp_path / "none.yaml")
    path = tmp_path / "bad.yaml"
    path.write_text("a: [1,\n b: 2")
    with pytest.raises(NeuronIOError, match="not valid YAML"):
        load_config(path)
    path.write_text("")
    with pytest.raises(NeuronIOError, match="empty file"):
        load_config(path)


def test_a_model_overrides_the_common_training_settings():
    run = validate_config(GOOD)
    assert run.training_of(run.fits[0]).steps == 5
    assert run.training_of(run.fits[0]).batch_size == run.training.batch_size


def test_a_run_cannot_have_the_name_of_the_store():
    document = {"name": "made", "dataset": {"trials": {"train": 1, "valid": 1, "test": 1}}}
    with pytest.raises(NeuronIOError, match="results/made holds the products of every run"):
        validate_config(document)
