"""A user's own surrogate: from a file, and from an installed package."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from neuronio import registry
from neuronio.command.app import main
from neuronio.errors import NeuronIOError
from neuronio.registry import Registry
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.figures.accuracy import accuracy_figure

TOY = f"{Path(__file__).with_name('toy_surrogate.py')}:toy"


def test_one_file_is_enough_to_fit_evaluate_and_draw(make_shard, tmp_path, capsys):
    out, data = tmp_path / "toy-5-seed0", [str(make_shard(seed)) for seed in (1, 3, 4)]
    command = ["fit", "--model", TOY, "--size", "5", "--train", data[0], "--valid", data[1]]
    fast = ["--training", "steps=4", "validate_every=2", "window_ms=100", "burn_in_ms=20"]
    fast += ["--ignore-ms", "100"]
    assert main([*command, "--out", str(out), *fast]) == 0
    result = str(out / "evaluation.json")
    small = ["--evaluation", "ignore_ms=100", "bootstrap=10"]
    assert main(["evaluate", "--model", str(out), "--data", data[2], "--out", result, *small]) == 0
    document = json.loads(Path(result).read_text())
    assert document["model"]["options"]["tau_ms"] == 5
    labels = [text.get_text() for text in accuracy_figure([document]).legends[0].get_texts()]
    assert "Toy" in labels
    assert main(["count", "--model", TOY, "--set", "tau=3"]) == 1
    assert "did you mean 'tau_ms'" in capsys.readouterr().err


def test_an_installed_package_may_bring_one(tmp_path):
    shutil.copy(TOY.removesuffix(":toy"), tmp_path / "toy_package.py")
    facts = tmp_path / "toy_package-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[neuronio.surrogates]\ntoy = toy_package:Toy\n")
    command = [sys.executable, "-m", "neuronio", "count", "--model", "toy", "--parameters-only"]
    result = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "4\n"), result.stderr


def test_a_broken_installed_package_is_one_sentence(monkeypatch):
    point = EntryPoint("bundled", "no_such_module_anywhere", "neuronio.toys")
    broken: Registry[object] = Registry("toy", "neuronio.toys")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(NeuronIOError, match="'bundled' of an installed package cannot be loaded"):
        broken["x"]


def test_bad_files_are_one_sentence(tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    (tmp_path / "empty.py").write_text("")
    for name, said in (
        ("bad.py:x", "cannot be loaded as a model: ZeroDivisionError"),
        ("missing.py:x", "there is no file"),
        ("empty.py:nothing", r"empty\.py registers no model 'nothing'$"),
    ):
        with pytest.raises(NeuronIOError, match=said):
            FAMILIES[str(tmp_path / name)]


def test_one_name_means_one_thing():
    names: Registry[int] = Registry("number", "neuronio.numbers")
    names.add("one", 1)
    names.add("one", 1)
    with pytest.raises(NeuronIOError, match="'one' is registered twice"):
        names.add("one", 2)
