"""The study's fits on other inputs (docs/generalisation.py), with those of a finished smoke run."""

import csv

import pytest
from running import ROOT, SMOKE
from scripts import load_script

from neuronio.config import load_config
from neuronio.errors import NeuronIOError

PAGE = "# Page\n<!-- generalisation -->\n<!-- end -->\n"


@pytest.fixture(scope="module")
def script():
    return load_script(ROOT / "docs" / "generalisation.py")


@pytest.mark.slow
def test_fits_are_scored_on_other_inputs_and_nothing_is_made_twice(
    kept_smoke, tmp_path, script, capsys
):
    (tmp_path / "README.md").write_text(PAGE)
    given = tmp_path, kept_smoke, tmp_path / "out", 2, 1
    assert script.write_generalisation(*given) == 3
    first, page = capsys.readouterr().out, (tmp_path / "README.md").read_text()
    assert first.count("branch_elm-2-seed0") == 3
    assert "| seeds | test: AUC | test: RMSE, mV | ood: AUC | ood: RMSE, mV |" in page
    assert "| chance, or a constant voltage |" in page
    assert "| Branch-ELM | 2 | 4,708 | 2 |" in page
    with (tmp_path / "generalisation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["set"] for row in rows} == {script.TEST, *script.SETS}
    assert len(rows) == 8
    assert all(float(row["soma_rmse_mV_mean"]) > 0 for row in rows)
    assert script.write_generalisation(*given) == 3
    assert "seed0" not in capsys.readouterr().out
    assert (tmp_path / "README.md").read_text() == page


def test_without_fits_or_a_place_it_is_one_sentence(tmp_path, script):
    run = load_config(SMOKE)
    with pytest.raises(NeuronIOError, match="keeps no weights"):
        script.write_generalisation(tmp_path, run, tmp_path, 2, 1)
