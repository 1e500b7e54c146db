"""Presets of the training settings: they fill what is not given, and nothing else."""

import pytest
from pydantic import ValidationError

from neuronio.config import validate_config
from neuronio.errors import NeuronIOError
from neuronio.surrogate.fit_settings import fit_settings
from neuronio.training import PRESETS, TrainingConfig

RUN = {"name": "x", "dataset": {"trials": {"train": 1, "valid": 1, "test": 1}}}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_the_keys_that_are_not_given(name):
    settings = TrainingConfig(preset=name, steps=7)
    assert settings.steps == 7
    for key, value in PRESETS[name].items():
        if key != "steps":
            assert getattr(settings, key) == value
    # As a checkpoint or a receipt gives them back: every key by name.
    assert TrainingConfig.model_validate(settings.model_dump()) == settings


def test_the_published_preset_sees_as_much_as_was_published():
    assert TrainingConfig(preset="published").exposure_s == 980_000
    assert TrainingConfig(preset="published-best").exposure_s == 2_800_000


def test_presets_say_the_same_keys_so_that_none_keeps_a_setting_of_another():
    (said,) = {frozenset(preset) for preset in PRESETS.values()}
    assert said >= {"steps", "learning_rate", "optimizer", "select_by"}


def test_a_preset_of_one_model_comes_before_the_common_settings():
    fits = [
        {"model": "elm", "sizes": [1], "training": {"preset": "published", "batch_size": 2}},
        {"model": "tcn", "sizes": [1], "training": {"steps": 5, "validate_every": 5}},
    ]
    common = {"learning_rate": 0.1, "steps": 3, "threads": 2}
    run = validate_config({**RUN, "training": common, "fits": fits})
    first, second = (run.training_of(fit) for fit in run.fits)
    assert (first.learning_rate, first.steps, first.batch_size, first.threads) == (
        5e-4,
        350_000,
        2,
        2,
    )
    assert (second.learning_rate, second.steps) == (0.1, 5)


def test_a_preset_on_the_command_line():
    *_, settings, _ = fit_settings(None, "elm", 1, {}, {"preset": "demo", "steps": 2}, 12)
    assert (settings.learning_rate, settings.steps) == (3e-3, 2)
    with pytest.raises(NeuronIOError, match="'preset' is 'demmo', but it should be"):
        fit_settings(None, "elm", 1, {}, {"preset": "demmo"}, 12)


def test_a_configurations_fit_is_that_without_a_label_or_that_of_the_label(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "name: x\n"
        "dataset: {trials: {train: 1, valid: 1, test: 1}}\n"
        "fits:\n"
        "  - {model: linear, sizes: [2], label: one, options: {rank: 1}}\n"
        "  - {model: linear, sizes: [2]}\n"
    )

    def rank(label):
        return fit_settings(path, "linear", 2, {}, {}, 12, label)[1].rank

    assert (rank(None), rank("one")) == (0, 1)
    with pytest.raises(NeuronIOError, match=r"no fit of model 'elm' .* has the label 'one'"):
        fit_settings(path, "elm", 2, {}, {}, 12, "one")
    with pytest.raises(NeuronIOError, match="no fit of the configuration has the label 'two'"):
        fit_settings(path, None, 2, {}, {}, 12, "two")


@pytest.mark.parametrize("wrong", [[], {}, 3])
def test_what_is_no_name_of_a_preset_is_refused(wrong):
    with pytest.raises(ValidationError):
        TrainingConfig(preset=wrong)
