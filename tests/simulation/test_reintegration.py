"""Trials integrated again: the very same inputs, other settings, and nothing mixed up."""

import os
import shlex
import shutil

import numpy as np
import pytest

from neuronio.command.app import main
from neuronio.config import EngineConfig, validate_config
from neuronio.data.shard import Shard, write_shard
from neuronio.data.trial import Recording
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.recipe import digest
from neuronio.simulation.again import trial_command
from neuronio.simulation.compare import compare_shards
from neuronio.simulation.dataset import simulate_shard
from neuronio.simulation.engines.base import TrialFailure
from neuronio.simulation.jobs import Job, careful
from neuronio.simulation.parts import Parts, put_by
from neuronio.simulation.queue import Draw
from neuronio.simulation.reintegration import again_to_folder, held_trials, integrate_again
from neuronio.simulation.second_job import SecondJob, effective, finer, recipe_of, second_job

CONFIG = validate_config(
    {
        "name": "test",
        "seed": 3,
        "inputs": {
            "generator": "published",
            "parameters": {
                "excitation_basal_per_100ms": [780.0, 800.0],
                "inhibition_offset_basal_per_100ms": [-600.0, -590.0],
            },
        },
        "dataset": {
            "duration_ms": 150,
            "trials": {"train": 1, "valid": 1, "test": 3},
            "trials_per_shard": 2,
        },
    }
)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The two shards of the test split."""
    folder = tmp_path_factory.mktemp("first")
    names = ("shard-000.h5", "shard-001.h5")
    return [simulate_shard(CONFIG, "test", i, folder / name) for i, name in enumerate(names)]


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """Their trials with half the time step."""
    return again_to_folder(first, tmp_path_factory.mktemp("second"), {})


def test_the_same_inputs_at_half_the_step_agree_closely_and_not_to_the_bit(first, second):
    assert [path.name for path in second] == [path.name for path in first]
    for a, b in zip(first, second, strict=True):
        found = compare_shards(a, b)  # raises where inputs differ
        assert found.unshared == 0
        assert found.coincidence(1.0) == 1.0
        assert 0 < found.rms_before_mV < 0.1
    assert sum(compare_shards(*pair).n_spikes[0] for pair in zip(first, second, strict=True)) > 0


def test_the_shards_say_what_was_done(first, second):
    with Shard(first[1]) as before, Shard(second[1]) as shard:
        info = shard.info
        assert list(shard.trial_index) == [2]
        assert info["integrator"] == {**before.info["integrator"], "dt_ms": 0.0125}
        assert info["inputs_from"] == {
            key: before.info[key] for key in ("recipe", "engine", "integrator")
        }
        same = ("split", "dataset_seed", "cell_digest", "generator_parameters", "t0_artefact")
        assert all(info[key] == before.info[key] for key in same)
        assert info["recipe"] == digest(recipe_of(shard)) != before.info["recipe"]
    assert [verify_shard(path) for path in second] == [[], []]


def test_a_run_knows_the_recipe_before_there_is_a_shard(first):
    job = Job.of(CONFIG, "test")
    planned = SecondJob.after(job, finer(job.engine))
    assert second_job(first[0], {}).recipe() == planned.recipe()
    assert second_job(first[0], {"precision": "float64"}).digest() != planned.digest()


def test_one_trial_is_made_again_by_the_command_that_its_shard_gives(second, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Shard(second[1]) as shard:
        assert main(shlex.split(trial_command(shard, 2))[1:]) == 0
        with np.load("trial-2.npz") as again:
            np.testing.assert_array_equal(again["soma_mV"], shard.soma_mV(0))
            np.testing.assert_array_equal(again["spike_ms"], shard.spike_ms(0))


def test_another_engine_at_the_same_step_and_the_first_trials_only(first, tmp_path, capsys):
    command = ["integrate-again", *map(str, first), "--out", str(tmp_path)]
    assert main([*command, "--engine", "neuron", "--trials", "1"]) == 0
    made = tmp_path / "shard-000.h5"
    assert f"neuronio compare {first[0]} {made}" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
    with Shard(made) as shard:
        assert list(shard.trial_index) == [0]
        assert (shard.info["engine"], shard.info["integrator"]["dt_ms"]) == ("neuron", 0.025)
    assert compare_shards(first[0], made).coincidence(1.0) == 1.0
    assert main(["provenance", str(made), "--all"]) == 0
    told = capsys.readouterr().out
    assert "what: test trials integrated again\n" in told
    assert "recipe.inputs_from: " in told
    assert main(["info", str(made)]) == 0
    assert "inputs_from     recipe " in capsys.readouterr().out


def test_what_is_finished_is_kept(first, second, tmp_path):
    stamp = second[1].stat().st_mtime_ns
    job, trials = second_job(first[1], {}), held_trials(first)
    assert integrate_again(job, trials[2:], second[1]) == second[1]
    assert second[1].stat().st_mtime_ns == stamp
    # Trials that a killed run has finished are not integrated anew.
    out = tmp_path / "shard.h5"
    parts = Parts(tmp_path / f".shard.{job.digest()}.parts")
    flat = np.full(150, -70, np.float32)
    for trial in trials[:2]:
        parts.save(Draw(trial.index), trial.inputs(), Recording(flat, flat, np.array([9.5])))
    told = []
    integrate_again(job, trials, out, progress=lambda done, total, _: told.append((done, total)))
    assert told == [(2, 3), (3, 3)]
    with Shard(out) as shard, Shard(second[1]) as alone:
        assert [list(shard.spike_ms(i)) for i in (0, 1)] == [[9.5], [9.5]]
        np.testing.assert_array_equal(shard.soma_mV(2), alone.soma_mV(0))
    assert not parts.folder.exists()


def test_a_failed_trial_is_tried_once_more_and_then_listed(tmp_path, random_inputs):
    parts, inputs = Parts(tmp_path), random_inputs(4, 10, 0.1)
    places, failure = [(range(1), parts)], TrialFailure("voltage became NaN")
    assert put_by(places, Draw(0), inputs, failure) == "voltage became NaN"
    assert not parts.verdicts()
    again = Draw(0, 2, "voltage became NaN")
    assert put_by(places, again, inputs, failure) == "done"
    parts.keep(again)
    wanted = {"attempt": 2, "retried": "voltage became NaN", "failed": "voltage became NaN"}
    assert parts.load(0)[0] == wanted


def test_the_finer_step_and_the_settings_that_count():
    fixed, variable = EngineConfig(dt_ms=0.0625), EngineConfig(name="neuron", integrator="cvode")
    assert finer(fixed).dt_ms == 0.03125
    assert not careful(EngineConfig(gate_tables=True, precision="float32")).gate_tables
    trials = {"trials": {"train": 1, "valid": 1, "test": 1}}
    document = {"name": "a", "engine": {"dt_ms": 0.0003125}, "dataset": trials}
    with pytest.raises(NeuronIOError, match=r"engine\.dt_ms is 0\.0003125, but must be at least"):
        validate_config(document)
    assert EngineConfig(dt_ms=0.0003125).dt_ms == 0.0003125
    assert finer(variable) == variable.model_copy(update={"cvode_atol": 1e-4})
    assert effective(variable) == {"name": "neuron", "integrator": "cvode", "cvode_atol": 1e-3}
    neuron = EngineConfig(name="neuron")
    assert effective(neuron) == effective(neuron.model_copy(update={"precision": "float64"}))
    ensemble = EngineConfig()
    assert effective(ensemble) != effective(ensemble.model_copy(update={"precision": "float64"}))


def changed(path, out, **facts):
    """A shard with other attributes, or without those that are None."""
    with Shard(path) as shard:
        info = {k: v for k, v in {**shard.info, **facts}.items() if v is not None}
        info.pop("content_sha256")
        trials = [
            (int(index), shard.inputs(i), shard.recording(i))
            for i, index in enumerate(shard.trial_index)
        ]
        return write_shard(out, trials, info, shard.segments)


def damaged(first, folder):
    path = folder / "damaged.h5"
    content = bytearray(first[0].read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return [path]


def of_cell(**model):
    def make(first, folder):
        with Shard(first[0]) as shard:
            cell = shard.info["cell_model"]
        return [changed(first[0], folder / "cell.h5", cell_model={**cell, **model})]

    return make


def other_morphology(first, folder):
    path = folder / "mine.swc"
    path.write_text("1 1 0 0 0 9 -1\n2 3 0 20 0 1 1\n3 4 0 0 20 1 1\n")
    return of_cell(morphology=os.fspath(path))(first, folder)


def same_name(first, folder):
    (folder / "other").mkdir()
    return [first[0], shutil.copy(first[1], folder / "other" / first[0].name)]


WRONG = {
    "the settings of the shard": (
        None,
        "--dt-ms 0.025",
        "these very settings (name ensemble, integrator fixed, dt_ms 0.025",
    ),
    "what the fixed step heeds not": (None, "--order 2 --atol 0.05", "these very settings"),
    "tables of NEURON": (None, "--gate-tables --engine neuron", "needs engine ensemble"),
    "too many trials": (None, "--trials 4", "4 trials were asked for, but the shards hold 3"),
    "no such step": (None, "--dt-ms 0.03", "dt_ms is 0.03"),
    "no such engine": (None, "--integrator cvode", "integrator cvode needs engine neuron"),
    "a shard that is not there": (lambda *_: ["none.h5"], "", "none.h5 does not exist"),
    "a damaged shard": (damaged, "", "damaged"),
    "a cell that is gone": (of_cell(morphology="gone.swc"), "", "no morphology gone.swc"),
    "another morphology": (other_morphology, "", "put that file in its place"),
    "other MOD files": (
        lambda first, folder: [changed(first[0], folder / "cell.h5", cell_digest="f00d")],
        "",
        "the MOD files or the code of the cell packaged are not those",
    ),
    "a wrong cell": (of_cell(celsius_degC="warm"), "", "'celsius_degC' is 'warm'"),
    "a shard that does not say its cell": (
        lambda first, folder: [changed(first[0], folder / "cell.h5", cell_model=None)],
        "",
        "does not say how its trials were made (it lacks cell_model)",
    ),
    "a trial twice": (
        lambda first, folder: [first[0], shutil.copy(first[0], folder / "copy.h5")],
        "",
        "trial 0 is in",
    ),
    "shards of other recipes": (
        lambda first, folder: [first[0], changed(first[1], folder / "other.h5", recipe="f00d")],
        "",
        "were made by different recipes",
    ),
    "two shards of one name": (same_name, "", "have one name"),
    "the shards' own folder": (None, "--out {first}", "choose another folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_sentence(case, first, tmp_path, capsys):
    make, options, expected = WRONG[case]
    paths = make(first, tmp_path) if make else first
    command = ["integrate-again", *map(str, paths), "--out", str(tmp_path / "out")]
    options = options.replace("{first}", str(first[0].parent))
    assert main([*command, *options.split()]) == 1
    printed = capsys.readouterr().err
    assert printed.splitlines()[-1].startswith("error: ")
    assert expected in printed.splitlines()[-1]
    assert not (tmp_path / "out").exists()
