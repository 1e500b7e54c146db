"""The subcommands that simulate, and those on files, one after another as a user types them."""

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from neuronio.command.app import main
from neuronio.command.options import spread
from neuronio.command.simulation import with_overrides
from neuronio.config import validate_config
from neuronio.data.shard import Shard

ROOT = Path(__file__).parents[2]
CONFIG = """
name: small
seed: 5
inputs: {generator: ergodic, parameters: {keep_silent: 0.3}}
dataset: {duration_ms: 40, trials: {train: 6, valid: 1, test: 1}}
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A folder with a dataset of short, silent trials, some of them redrawn."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "small.yaml").write_text(CONFIG)
    command = ["dataset", "--config", str(folder / "small.yaml"), "--out", str(folder / "data")]
    assert main([*command, "--workers", "1"]) == 0
    return folder / "data"


def rows(dataset):
    with (dataset / "manifest.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_dataset_says_where_its_list_is(dataset, capsys):
    config = dataset.parent / "small.yaml"
    assert main(["dataset", "--config", str(config), "--out", str(dataset)]) == 0
    assert "manifest.csv lists the trials" in capsys.readouterr().out
    assert len(rows(dataset)) == 8


@pytest.mark.parametrize("attempt_given", [True, False])
def test_any_trial_can_be_made_again_alone_redrawn_ones_too(dataset, tmp_path, attempt_given):
    redrawn = max((row for row in rows(dataset) if row["split"] == "train"), key=attempts)
    assert attempts(redrawn) > 0, "no trial was redrawn; take another seed"
    out = tmp_path / "again.npz"
    command = ["trial", "--generator", "ergodic", "--set", "keep_silent=0.3", "--seed", "5"]
    command += ["--index", redrawn["trial"]]
    command += ["--attempt", redrawn["attempt"]] if attempt_given else []
    command += ["--engine", "ensemble", "--precision", "float32", "--duration-ms", "40"]
    assert main([*command, "--out", str(out)]) == 0
    with Shard(dataset / "train" / "shard-000.h5") as shard, np.load(out) as again:
        place = int(np.flatnonzero(shard.trial_index == int(redrawn["trial"]))[0])
        np.testing.assert_array_equal(shard.soma_mV(place), again["soma_mV"])
        packed = shard.inputs(place).packed()
        for key in ("excitatory", "inhibitory"):
            np.testing.assert_array_equal(packed[key], again[key])


def test_a_trial_takes_the_inputs_of_another(tmp_path):
    first, second = str(tmp_path / "first.npz"), str(tmp_path / "second.npz")
    trial = ["trial", "--duration-ms", "60", "--engine", "ensemble"]
    assert main([*trial, "--split", "test", "--out", first]) == 0
    assert main([*trial, "--inputs", first, "--gate-tables", "--t0-artefact", "--out", second]) == 0
    with np.load(first) as one, np.load(second) as other:
        np.testing.assert_array_equal(one["excitatory"], other["excitatory"])
        assert other["t0_artefact"]
        assert not np.array_equal(one["soma_mV"], other["soma_mV"])


def attempts(row):
    return int(row["attempt"])


def test_another_engine_takes_its_own_defaults():
    config = validate_config(
        {"name": "x", "dataset": {"trials": {"train": 1, "valid": 1, "test": 1}}}
    )
    changed = with_overrides(config, "neuron", 2.0)
    assert (changed.engine.name, changed.engine.precision) == ("neuron", "float64")
    assert changed.dataset.scale == 2.0


def test_what_leaves_neuron_takes_the_other_engines_own_precision():
    trials = {"trials": {"train": 1, "valid": 1, "test": 1}}
    config = validate_config({"name": "a", "engine": {"name": "neuron"}, "dataset": trials})
    assert with_overrides(config, "ensemble", None).engine.precision == "float32"


def test_sequences_take_numbers_where_other_commands_take_lists():
    assert spread(["sequences", "--train", "100", "listops"]) == [
        *("sequences", "--train", "100", "listops")
    ]


def test_what_is_in_a_shard_and_whether_it_is_sound(dataset, tmp_path, capsys):
    shard = str(dataset / "train" / "shard-000.h5")
    assert main(["info", shard]) == 0
    assert "6 of 40 ms" in capsys.readouterr().out
    assert main(["verify", shard]) == 0
    assert main(["compare", shard, shard, "--plot", str(tmp_path / "c.png")]) == 0
    assert "soma difference    0.000000 mV rms" in capsys.readouterr().out
    assert main(["quality", "--out", str(tmp_path / "quality"), shard]) == 0
    assert (tmp_path / "quality" / "quality.json").is_file()
    damaged = tmp_path / "damaged.h5"
    content = bytearray((dataset / "train" / "shard-000.h5").read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert main(["verify", shard, str(damaged)]) == 1
    assert "1 of 2 files are damaged" in capsys.readouterr().err
    assert main(["verify", str(dataset / "train")]) == 0
    assert "shard-000.h5: sound" in capsys.readouterr().out
    assert main(["quality", "--out", str(tmp_path / "whole"), str(dataset / "train")]) == 0
    read = [tmp_path / folder / "quality.json" for folder in ("quality", "whole")]
    assert read[0].read_bytes() == read[1].read_bytes()


def test_out_to_a_published_pickle_and_back(dataset, tmp_path):
    pickle, back = tmp_path / "out.p", tmp_path / "back.h5"
    shard = dataset / "train" / "shard-000.h5"
    assert main(["export-neuronio", str(shard), "--out", str(pickle), "--no-half"]) == 0
    first = ["--first-excitatory", "0", "--first-inhibitory", "0"]
    assert main(["import-neuronio", str(pickle), "--out", str(back), *first]) == 0
    with Shard(shard) as before, Shard(back) as after:
        np.testing.assert_array_equal(before.soma_mV(3), after.soma_mV(3))


@pytest.mark.parametrize("given", [False, True], ids=["drawn", "given"])
def test_a_trial_says_the_command_that_makes_it_again(given, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = "--engine ensemble --precision float32 --order 1 --gate-tables --t0-artefact"
    drawn = "--generator ergodic --set keep_silent=0.5 --seed 7 --split valid --index 3 --attempt 1"
    if given:
        assert (
            main(["trial", "--duration-ms", "30", "--engine", "ensemble", "--out", "inputs.npz"])
            == 0
        )
        drawn = "--inputs inputs.npz"
    command = f"trial --variant synapses=ampa {settings} {drawn} --duration-ms 20 --out first.npz"
    assert main(command.split()) == 0
    first = Path("first.npz").read_bytes()
    capsys.readouterr()
    assert main(["provenance", "first.npz", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["precision"], facts["order"], facts["gate_tables"]) == ("float32", 1, True)
    assert ("generator" in facts) is not given
    program, *again = shlex.split(facts["command"])
    assert program == "neuronio"
    assert {'synapses="ampa"', *settings.split()} <= set(again)
    Path("first.npz").unlink()
    assert main(again) == 0
    assert Path("first.npz").read_bytes() == first


def test_a_cell_tells_its_facts(tmp_path, capsys):
    assert main(["cell", "--json", "--plot", str(tmp_path / "cell.png")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["synapses"] == 2 * facts["dendritic_segments"]
    assert (tmp_path / "cell.png").stat().st_size > 0


def test_fetch_lists_and_fetches(capsys):
    assert main(["fetch"]) == 0
    assert "C060114A7.asc" in capsys.readouterr().out
    assert main(["fetch", "C060114A7.asc"]) == 0
    assert "sha256 ecd128245dcf" in capsys.readouterr().out


BAD = [
    ("trial --out {tmp}/t.txt", "must end in .npz"),
    ("trial --out {tmp}/t.npz --plot {tmp}/t.txt", "must end in .png or .svg or .pdf"),
    ("trial --out {tmp}/t.npz --cell pakaged", "did you mean 'packaged'"),
    ("trial --out {tmp}/t.npz --generator ergodix", "did you mean 'ergodic'"),
    ("trial --out {tmp}/t.npz --set sigma=3", "sigma"),
    ("trial --out {tmp}/t.npz --dt-ms 0.03", "dt_ms"),
    ("trial --out {tmp}/t.npz --engine ensemble --integrator cvode", "needs engine neuron"),
    ("cell --variant nmda_ration=2", "did you mean 'nmda_ratio'"),
    ("cell --color-by gIhbarr --plot {tmp}/c.png", "did you mean 'gIhbar'"),
    ("cell --mod {tmp}", "--mod goes with --import"),
    ("cell --import a.py:f --mod {tmp}/none --cell {tmp}/a.yaml", "there is no MOD file at"),
    ("dataset --config {tmp}/none.yaml --out {tmp}", "cannot read the configuration"),
    ("integrate-again {tmp}/none.h5 --out {tmp}", "does not exist"),
    ("info {tmp}/none.h5", "does not exist"),
    ("info {tmp}", "is a folder; give the .h5 files in it"),
    ("export-neuronio {tmp} --out {tmp}/x.p", "is a folder; give the .h5 files in it"),
    *(
        (f"trial --out {{tmp}}/t.npz --inputs a.npz {idle}", "cannot be given with --inputs")
        for idle in ("--generator ergodic", "--set sigma=3", "--seed 0", "--split test")
    ),
    ("trial --out {tmp}/t.npz --inputs a.npz --index 0", "--index cannot be given with"),
    ("trial --out {tmp}/t.npz --inputs a.npz --attempt 0", "--attempt cannot be given with"),
    ("trial --out {tmp}/t.npz --inputs {text}", "it is no such file, or cut off"),
    ("trial --out {tmp}/t.npz --inputs {objects}", "it holds Python objects, which could be code"),
    ("verify {tmp}/none.h5", "there is no file"),
    ("verify {tmp}", "holds no shard"),
    ("verify {text}", "1 of 1 files are damaged or of another kind"),
    ("quality --out {tmp} {tmp}/none.h5", "does not exist"),
    ("import-neuronio {tmp}/none.p --out {tmp}/x.h5", "cannot read"),
    ("fetch cell9.asc", "nothing called cell9.asc to fetch; did you mean 'cell1.asc'"),
    ("fetch nosuch", "nothing called nosuch to fetch; neuronio fetch lists"),
    ("dataset --config {tasks} --out {tmp}/d", "is of long-horizon tasks, not of a neuron"),
]


@pytest.mark.parametrize(("command", "expected"), BAD)
def test_bad_input_is_one_sentence_and_exit_code_1(command, expected, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no data")
    arrays = dict.fromkeys(("excitatory", "inhibitory", "shape"), np.array([{}]))
    np.savez(tmp_path / "objects.npz", **arrays)
    names = {"{tmp}": tmp_path, "{text}": tmp_path / "notes.txt"}
    names |= {"{objects}": tmp_path / "objects.npz", "{tasks}": ROOT / "config/longhorizon.yaml"}
    for name, path in names.items():
        command = command.replace(name, str(path))
    assert main(command.split()) == 1
    printed = capsys.readouterr().err
    *checked, told = printed.splitlines()
    assert told.startswith("error: ")
    assert not checked or command.startswith("verify")
    assert expected in told


def test_a_default_that_a_small_dataset_does_not_fit_is_no_wish():
    small = {"name": "small", "dataset": {"trials": {"train": 2, "valid": 1, "test": 1}}}
    run = validate_config({**small, "fits": [{"model": "elm", "sizes": [2]}]})
    assert with_overrides(run, None, None) == run
    assert with_overrides(run, "neuron", None).engine.name == "neuron"
