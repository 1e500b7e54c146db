import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import neuronio
from neuronio.command.app import app, main
from neuronio.command.options import spread

SMALL = ["--set", "inputs=12", "num_branch=3", "synapses_per_branch=4"]
FAST = ["--training", "steps=20", "validate_every=10", "window_ms=100", "burn_in_ms=20"]
FAST += ["--ignore-ms", "100"]


@pytest.fixture
def files(make_shard):
    return {seed: str(make_shard(seed)) for seed in (1, 2, 3, 4)}


def test_fit_evaluate_predict_and_plot_work_one_after_another(files, tmp_path, capsys):
    folder = tmp_path / "branch_elm-3-seed0"
    fit = ["fit", "--model", "branch_elm", "--size", "3", "--train", files[1], files[2]]
    fit += ["--valid", files[3], "--out", str(folder), *SMALL[:1], *SMALL[2:], *FAST]
    assert main(fit) == 0
    model = ["--model", str(folder), "--data", files[4]]
    result = str(folder / "evaluation.json")
    small = ["--evaluation", "ignore_ms=100", "bootstrap=20"]
    assert main(["evaluate", *model, "--out", result, *small]) == 0
    assert "soma RMSE" in capsys.readouterr().out
    npz, png = tmp_path / "p.npz", tmp_path / "p.png"
    assert main(["predict", *model, "--trial", "2", "--out", str(npz), "--plot", str(png)]) == 0
    with np.load(npz) as arrays:
        assert arrays["soma_mV"].shape == (400,)
    (tmp_path / "none.json").write_text('{"rows": []}')
    plot = ["plot", "--evaluations", result, "--x", "seconds", "train_trials", "--no-published"]
    plot += ["--differences", str(tmp_path / "none.json")]
    assert main([*plot, "--out", str(tmp_path / "plots")]) == 0
    made = {path.name for path in (tmp_path / "plots").iterdir()}
    names = ("accuracy_seconds", "accuracy_train_trials", "curves", "learning")
    kinds = [f"{name}.{kind}" for name in names for kind in ("svg", "png")]
    assert made == {*kinds, "table.csv", "table.json", "summary.csv"}
    row = json.loads((tmp_path / "plots" / "table.json").read_text())[0]
    assert (row["size"], row["train_trials"]) == (3, 8)
    assert row["exposure_s"] == pytest.approx(20 * 8 * 0.08)
    assert row["state_size"] > 0 < row["training_seconds"]
    assert main(["plot", "--predictions", str(npz), "--out", str(tmp_path / "traces")]) == 0
    assert {path.name for path in (tmp_path / "traces").iterdir()} == {"traces.svg", "traces.png"}


@pytest.mark.parametrize("model", ["elm", "lstm"])
def test_a_fit_is_made_again_by_the_command_that_its_provenance_gives(
    model, files, tmp_path, capsys, monkeypatch
):
    fit = ["fit", "--model", model, "--size", "2", "--train", files[1], "--valid", files[3]]
    assert main([*fit, "--out", str(tmp_path / "first"), "--quiet", *FAST]) == 0
    capsys.readouterr()
    assert main(["provenance", str(tmp_path / "first"), "--json"]) == 0
    program, *again = shlex.split(json.loads(capsys.readouterr().out)["command"])
    assert program == "neuronio"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(again) == 0
    weights = [folder / "best.pt" for folder in (tmp_path / "first", Path("first"))]
    first, second = (torch.load(path, weights_only=True) for path in weights)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_compare_fits_prints_one_table_and_writes_json(files, tmp_path, capsys):
    folders = [str(tmp_path / f"linear-2-seed{seed}") for seed in (0, 1)]
    for seed, folder in enumerate(folders):
        fit = ["fit", "--model", "linear", "--size", "2", "--seed", str(seed), "--quiet"]
        fit += ["--train", files[1], "--valid", files[3], "--out", folder, *FAST]
        assert main(fit) == 0
    compare = ["compare-fits", *folders, "--evaluation", "ignore_ms=100", "bootstrap=20"]
    out = tmp_path / "difference.json"
    assert main([*compare, "--data", files[4], files[2], "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "A linear-2-seed0, B linear-2-seed1; scored: 8 of 8 trials" in printed.out
    assert "differences whose interval excludes 0" in printed.out
    assert not printed.err
    assert json.loads(out.read_text())["scores"]["auc"].keys() >= {"a", "b", "difference"}
    assert main([*compare, "--data", files[1], "--quiet"]) == 0
    warnings = "".join(f"warning: {x} was fitted to some of these trials\n" for x in "AB")
    assert tuple(capsys.readouterr()) == ("", warnings)


def test_a_configuration_gives_the_settings_and_the_command_line_wins(files, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(
        "name: x\n"
        "evaluation: {ignore_ms: 100}\n"
        "dataset: {trials: {train: 1, valid: 1, test: 1}}\n"
        "training: {steps: 50, batch_size: 2, window_ms: 100, burn_in_ms: 20}\n"
        "fits:\n"
        "  - {model: lif, sizes: [2], training: {steps: 20, validate_every: 20}}\n"
        "  - {model: linear, sizes: [2], label: mine, training: {steps: 30, validate_every: 30}}\n"
    )
    out = tmp_path / "fit"
    data = ["--train", files[1], "--valid", files[3]]
    command = ["fit", "--config", str(config), *data, "--out", str(out), "--quiet"]
    command += ["--label", "mine"]
    assert main([*command, "--training", "batch_size=3", "learning_rate=1e-3"]) == 0
    document = json.loads((out / "config.json").read_text())
    assert (document["model"], document["size"]) == ("linear", 2)
    training = document["training"]
    assert (training["steps"], training["batch_size"], training["window_ms"]) == (30, 3, 100)
    assert training["learning_rate"] == 1e-3


def test_count_prints_a_bare_integer(capsys):
    command = ["count", "--model", "branch_elm", "--set", "num_memory=20", "--inputs", "1278"]
    assert main([*command, "--parameters-only"]) == 0
    assert capsys.readouterr().out == "8002\n"
    assert main(command) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert words == "parameters 8,002 multiply-adds per ms 8,025 numbers remembered 65"


COMMANDS = (
    *("trial", "cell", "dataset", "integrate-again", "info", "verify", "compare", "quality"),
    *("import-neuronio", "export-neuronio", "fetch", "provenance", "clean"),
    *("fit", "predict", "count", "evaluate", "compare-fits", "plot", "export-model"),
    *("sequences", "digits", "digit-sequences"),
)


def test_the_program_has_these_commands():
    assert {command.name or command.callback.__name__ for command in app.registered_commands} == {
        *COMMANDS
    }


def test_version_and_completion(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"neuronio {neuronio.__version__}\n"
    command = [sys.executable, "-m", "neuronio"]
    words = {"_NEURONIO_COMPLETE": "complete_bash", "COMP_WORDS": "neuronio eva", "COMP_CWORD": "1"}
    result = subprocess.run(command, env={**os.environ, **words}, capture_output=True, text=True)
    assert result.stdout.strip() == "evaluate"


def test_count_without_a_model_lists_all(capsys):
    assert main(["count"]) == 0
    printed = capsys.readouterr().out
    assert "branch_elm_v2 (Branch-ELM v2), sized by num_memory" in printed
    assert "  kernels = (45, 19): Kernel length of each layer, ms" in printed
    assert main(["count", "--size", "3"]) == 1


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


SHORT = "--ignore-ms 50 --training window_ms=300"
BAD = [
    ("fit", "Missing option"),
    ("bogus", "No such command"),
    ("count --model elmo", "there is no model 'elmo'; did you mean 'elm'"),
    ("count --model tcn --set widht=3", "did you mean 'width'"),
    ("count --model tcn --set width", "not of the form key=value"),
    ("count --model tcn --set width=3 width=4", "given twice"),
    ("count --model tcn --size -3", "'--size'"),
    ("count --model tcn --size three", "--size"),
    ("count --model tcn --inputs 7", "multiple of 2"),
    ("count --model tcn --set inputs=8", "give --inputs in its place"),
    ("fit --model elm --set inputs=5 --train {1} --valid {3} --out {tmp}/f", "leave it out"),
    ("fit --seed 9223372036854775808 --train {1} --valid {3} --out {tmp}/f", "--seed"),
    (
        "evaluate --model {tmp} --data {1} --out {tmp}/a.json",
        "is a folder; give the name of a file",
    ),
    ("fit --model elm --train {1} --valid {3} --out {tmp}", "holds other things and no fit"),
    ("evaluate --model {tmp} --data {1}", "neither a fit directory"),
    ("fit --model linear --train {tmp}/x.h5 --valid {3} --out {tmp}/f", "does not exist"),
    ("fit --model linear --train {tmp} --valid {3} --out {tmp}/f", "holds no shard"),
    ("fit --model linear --train {text} --valid {3} --out {tmp}/f", "HDF5"),
    ("fit --model linear --train {1} {1} --valid {3} --out {tmp}/f", "which another shard"),
    ("fit --train {1} --valid {3} --out {tmp}/f", "add --model"),
    ("fit --model linear --train {1} --valid {3} --out {tmp}/f --training stesp=3", "'steps'"),
    ("fit --model linear --train {1} --valid {3} --out {tmp}/f --training steps=0", "steps"),
    ("fit --model linear --train {1} --valid {3} --out {tmp}/f --training steps=x", "steps"),
    ("fit --model linear --train {1} --valid {1} --out {tmp}/f " + SHORT, "same trials"),
    ("fit --model linear --train {1} --valid {3} --out {text} " + SHORT, "it is no folder"),
    ("plot --evaluations {text} --out {tmp}", "cannot read"),
    ("plot --predictions {text} --out {tmp}", "holds no prediction"),
    ("plot --predictions {cut} --out {tmp}", "holds no prediction"),
    ("plot --predictions {array} --out {tmp}", "holds no prediction"),
    ("plot --predictions {array} {cut} --out {tmp}", "have one name"),
    ("plot --out {tmp}", "nothing to draw"),
    ("plot --evaluations {half} --out {tmp}", "is not an evaluation"),
    ("plot --evaluations {summary} --out {tmp}", "is not an evaluation"),
    ("evaluate --model {tmp} --data {1} --out {tmp}/e.csv", "must end in .json"),
    ("compare-fits {tmp} {tmp} --data {1} --out {tmp}/e.csv", "must end in .json"),
    ("plot --predictions {cut} --differences {half} --out {tmp}", "holds no differences"),
    ("predict --model {tmp} --data {1} --out {tmp}/p.txt", "must end in .npz"),
    ("evaluate --model {tmp} --data {1} --mode streeming", "'streaming' or 'published'"),
    ("evaluate --model {tmp} --data {1} --device tpu", "must be cpu or cuda"),
    ("compare-fits {tmp} {tmp} --data {1}", "neither a fit directory"),
]


@pytest.mark.parametrize(("command", "expected"), BAD)
def test_bad_input_is_one_sentence_and_exit_code_1(command, expected, files, tmp_path, capsys):
    text = tmp_path / "notes.txt"
    text.write_text("no data")
    np.save(tmp_path / "p.npy", np.zeros(3))
    np.savez(tmp_path / "p.npz", soma_mV=np.zeros(300))
    os.truncate(tmp_path / "p.npz", 700)
    half = {"model": {"source": "fit"}, "scores": {}, "data": {}, "rows": [{"base": "elm"}]}
    (tmp_path / "half.json").write_text(json.dumps(half))
    names = {"{tmp}": str(tmp_path), "{text}": str(text), "{half}": str(tmp_path / "half.json")}
    (tmp_path / "summary.json").write_text(json.dumps({"model": "elm", "parameters": 3}))
    (tmp_path / "a.json").mkdir()
    names |= {"{summary}": str(tmp_path / "summary.json")}
    names |= {"{cut}": str(tmp_path / "p.npz"), "{array}": str(tmp_path / "p.npy")}
    names |= {f"{{{seed}}}": path for seed, path in files.items()}
    for name, value in names.items():
        command = command.replace(name, value)
    assert main(command.split()) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert expected in printed


def test_several_values_may_follow_one_option():
    typed = "fit --train a b --valid c --set x=1 y=2 --size 3 --quiet"
    spelled = "fit --train a --train b --valid c --set x=1 --set y=2 --size 3 --quiet"
    assert spread(typed.split()) == spelled.split()
