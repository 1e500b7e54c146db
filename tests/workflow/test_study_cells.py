"""Fits to a changed cell beside those to the whole one: docs/study_cells.py."""

import csv

import pytest
from running import ROOT, SMOKE
from scripts import load_script

from neuronio.config import load_config
from neuronio.errors import NeuronIOError
from neuronio.files import write_json


@pytest.fixture(scope="module")
def script():
    return load_script(ROOT / "docs" / "study_cells.py")


@pytest.mark.slow
def test_fits_of_the_same_sizes_stand_beside_each_other(kept_smoke, tmp_path, script, capsys):
    page = tmp_path / "README.md"
    page.write_text("# Page\n<!-- cells -->\n<!-- end -->\n")
    given = tmp_path, tmp_path / "fits", kept_smoke, [kept_smoke], tmp_path / "out", 1
    assert script.write_cells(*given) == 3
    assert capsys.readouterr().out.count("branch_elm-2-seed0") == 1
    text = page.read_text()
    assert "| Branch-ELM | 2 | 4,708 | whole |" in text
    assert text.count("changed") == 2
    with (tmp_path / "cells.csv").open(newline="") as file:
        assert {row["cell"] for row in csv.DictReader(file)} == {"whole", "changed"}
    assert script.write_cells(*given) == 3
    assert "seed0" not in capsys.readouterr().out
    assert page.read_text() == text


def test_a_size_has_as_many_trials_or_the_next_more_and_the_largest_the_most(
    script, tmp_path, monkeypatch
):
    kept = {"a": (160, 374), "b": (2560, 374), "c": (5120, 374), "d": (2560, 374)}
    kept |= {"e": (5120, 500), "f": (10240, 900), "g": (5120, 900)}
    for name, (trials, parameters) in kept.items():
        model = {"name": "pooled_elm", "parameters": parameters, "train_trials": trials}
        write_json(tmp_path / name / "evaluation.json", {"model": model})
    folders = [tmp_path / name for name in kept]
    monkeypatch.setattr(script, "fits_with_weights", lambda fits, run: folders)

    def named(trials, parameters=374, model="pooled_elm"):
        row = {"model": model, "parameters": parameters, "train_trials": trials}
        return [path.name for path in script.beside(tmp_path, [None], [row])]

    assert named(2560) == named(1280) == ["f", "b", "d"]
    assert named(3000) == ["f", "c"]
    assert named(9000) == named(100, parameters=375) == ["f"]
    assert named(2560, parameters=900) == ["g"]
    assert named(2560, model="tcn") == []


def test_trials_of_the_whole_cell_have_its_inputs_and_are_as_many(script):
    changed, whole = (
        load_config(ROOT / "config" / f"{name}.yaml") for name in ("study_ampa", "study")
    )
    run = script.as_whole(changed, whole)
    assert (run.cell, run.inputs) == (whole.cell, whole.inputs)
    assert (run.dataset, run.t0_artefact) == (changed.dataset, changed.t0_artefact)
    assert run.cell != changed.cell


def test_without_fits_it_is_one_sentence(tmp_path, script):
    run = load_config(SMOKE)
    (tmp_path / "README.md").write_text("<!-- cells -->\n<!-- end -->\n")
    with pytest.raises(NeuronIOError, match="keeps no fit to the changed cell"):
        script.write_cells(tmp_path, tmp_path, run, [run], tmp_path, 1)
