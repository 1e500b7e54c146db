import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronio.config import (
    DatasetConfig,
    EngineConfig,
    FitConfig,
    InputsConfig,
    RunConfig,
    RunEvaluationConfig,
    TrialCounts,
    Variant,
    load_config,
    validate_config,
)
from neuronio.errors import NeuronIOError
from neuronio.sections import key_values, read_yaml
from neuronio.training import TrainingConfig

GOOD = {
    "name": "test",
    "dataset": {"trials": {"train": 2, "valid": 1, "test": 1}},
    "fits": [{"model": "branch_elm", "sizes": [3], "training": {"steps": 5, "validate_every": 5}}],
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
        (
            ("cell",),
            {"variant": {"sk": 2.0}},
            "unknown key 'cell.variant.sk'; take one of synapses,",
        ),
        (("training",), {"burn_in_ms": 500}, "must be less than window_ms"),
        (("training",), {"dendrites": 3}, "set dataset.record_segments to true"),
        (("name",), "a b", "'name' is 'a b', but must be of letters, digits, _ . and -, and begin"),
        (("fits", 0, "sizes"), 3, "'fits.0.sizes' is 3, but must be a list, such as [3]"),
        (("seed",), 1.5, "'seed' is 1.5"),
        (("a\nb",), 1, "unknown key 'a b'"),
        (("engine",), {"name": "neuron", "gate_tables": True}, "gate_tables needs engine ensemble"),
        (("engine",), {"name": "neuron", "precision": "float32"}, "NEURON computes in float64"),
        (("fits", 0, "training", "validate_every"), 6, "but there are only 5 steps"),
        (("training",), {"validation_trials": 2}, "but dataset.trials.valid is 1"),
        (("engine",), {"dt_ms": 1e-9}, "'engine.dt_ms' is 1e-09"),
        (("dataset", "scale"), 1e-300, "'dataset.scale' is 1e-300"),
        (("dataset", "scale"), float("inf"), "'dataset.scale' is inf"),
        (("dataset", "trial_limit_s"), float("inf"), "'dataset.trial_limit_s' is inf"),
        (("dataset", "trials"), {"train": 10**7, "valid": 1, "test": 10**10}, "is 10000000000"),
        (("dataset", "duration_ms"), 400, "nothing would be scored"),
        (("dataset", "duration_ms"), 900, "only 400 come after ignore_ms"),
        (("training",), {"window_ms": 5600}, "window_ms of branch_elm is 5600"),
        (("training",), {"learning_rate": 1.0}, "'training.learning_rate' is 1.0"),
        (("training",), {"gradient_clip": float("nan")}, "'training.gradient_clip' is nan"),
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
    with pytest.raises(NeuronIOError, match="but is empty"):
        load_config(path)


def test_a_key_given_twice_is_told_with_its_line(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("name: x\ndataset:\n  scale: 1\n  duration_ms: 9\n  scale: 2\n")
    with pytest.raises(NeuronIOError, match="line 5 gives the key 'scale' again; keep one"):
        load_config(path)
    with pytest.raises(NeuronIOError, match="cannot be read"):
        key_values(["a={b: 1, b: 2}"])


def test_what_is_merged_may_be_overridden(tmp_path):
    path = tmp_path / "merged.yaml"
    path.write_text("a: {deep: [&y {k: 1, l: 2}, &x {<<: *y, k: 3}]}\nb: {<<: *x, l: 4}\n")
    assert read_yaml(path, "file")["b"] == {"k": 3, "l": 4}


def test_no_scale_makes_more_trials_than_a_split_holds():
    dataset = {"trials": {"train": 10**6, "valid": 1, "test": 1}, "scale": 100.0}
    with pytest.raises(NeuronIOError, match=r"makes 1e\+08 trials of train"):
        validate_config(GOOD | {"dataset": dataset})


@pytest.mark.parametrize(
    "text",
    [
        "name: " + "9" * 5000,
        "name: " + "[" * 20_000,
        "name: 2026-99-99",
        "name: !!python/object/apply:os.system [ls]",
        "name: !unknown 3",
        "name: &a [*a, *b]",
        "? [a, b]\n: c",
        "name: \x07",
        "- 1",
        "3",
    ],
)
def test_no_text_is_more_than_one_sentence(tmp_path, text):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(NeuronIOError) as error:
        load_config(path)
    assert "\n" not in str(error.value)
    with pytest.raises(NeuronIOError, match="cannot read the configuration"):
        load_config("odd\0.yaml")


PLACES = [
    *((key,) for key in RunConfig.model_fields),
    *(("dataset", key) for key in DatasetConfig.model_fields),
    *(("dataset", "trials", key) for key in TrialCounts.model_fields),
    *(("engine", key) for key in EngineConfig.model_fields),
    *(("cell", "variant", key) for key in Variant.model_fields),
    *(("inputs", key) for key in InputsConfig.model_fields),
    *(("training", key) for key in TrainingConfig.model_fields),
    *(("evaluation", key) for key in RunEvaluationConfig.model_fields),
    *(("fits", 0, key) for key in FitConfig.model_fields),
    *(("fits", 0, "training", key) for key in TrainingConfig.model_fields),
]
NUMBERS = st.one_of(
    st.integers(-(10**39), 10**39), st.floats(), st.sampled_from([0, 1, -1, 1e-300, 10**10])
)
ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def put(document, where, value):
    """Put a value at a place, with sections on the way to it; nothing where a list has none."""
    section = document
    for key in where[:-1]:
        if isinstance(section, list) != isinstance(key, int) or (key == 0 and not section):
            return
        inside = section[key] if key == 0 else section.get(key)
        if not isinstance(inside, dict | list):
            section[key] = {}
        section = section[key]
    if isinstance(section, dict):
        section[where[-1]] = value


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=3))
def test_any_configuration_is_valid_or_one_sentence(changes):
    document = copy.deepcopy(GOOD)
    for where, value in changes:
        put(document, where, value)
    try:
        run, said = validate_config(document), ""
    except NeuronIOError as error:
        run, said = None, str(error)
    assert run or said.startswith("the configuration")
    assert len(said.splitlines()) <= 1
    for fit in run.fits if run else ():
        assert run.training_of(fit).window_ms <= run.dataset.duration_ms


def test_a_model_overrides_the_common_training_settings():
    run = validate_config(GOOD)
    assert run.training_of(run.fits[0]).steps == 5
    assert run.training_of(run.fits[0]).batch_size == run.training.batch_size


def test_a_run_cannot_have_the_name_of_the_store():
    document = {"name": "made", "dataset": {"trials": {"train": 1, "valid": 1, "test": 1}}}
    with pytest.raises(NeuronIOError, match="results/made holds the products of every run"):
        validate_config(document)
