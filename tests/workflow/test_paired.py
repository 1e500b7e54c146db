"""The study's ELMs beside published ones (docs/paired.py), with fits of a finished smoke run."""

import csv

import pytest
from running import ROOT, SMOKE
from scripts import load_script

from neuronio.config import load_config
from neuronio.errors import NeuronIOError

PAGE = "# Page\n<!-- paired -->\n<!-- end -->\n"


@pytest.fixture(scope="module")
def script():
    return load_script(ROOT / "docs" / "paired.py")


@pytest.mark.slow
def test_fits_are_compared_on_the_same_trials_and_nothing_is_made_twice(
    kept_smoke, tmp_path, script, capsys
):
    (tmp_path / "README.md").write_text(PAGE)
    nets = {"itself": tmp_path / "fits" / "branch_elm-2-seed0"}
    given = tmp_path, kept_smoke, nets, tmp_path / "out", 1
    assert script.write_paired(*given) == 2
    assert "branch_elm-2-seed1" in capsys.readouterr().out
    page = (tmp_path / "README.md").read_text()
    assert "| seeds | itself: AUC | itself: RMSE, mV |" in page
    assert "| Branch-ELM | 2 | 4,708 | 2 |" in page
    with (tmp_path / "paired.csv").open(newline="") as file:
        rows = {row["fit"]: row for row in csv.DictReader(file)}
    same, other = rows["branch_elm-2-seed0"], rows["branch_elm-2-seed1"]
    assert float(same["soma_rmse_mV_difference"]) == 0.0
    told = float(other["soma_rmse_mV_b"]) - float(other["soma_rmse_mV_a"])
    assert float(other["soma_rmse_mV_difference"]) == pytest.approx(told, abs=1e-6)
    assert script.write_paired(*given) == 2
    assert "seed" not in capsys.readouterr().out
    assert (tmp_path / "README.md").read_text() == page


def test_a_difference_is_bold_where_all_of_its_interval_is_better(script):
    ends = dict(zip(script.ENDS, (0.99, 0.992, 0.002, 0.001, 0.003), strict=True))
    row = {f"{score}_{end}": value for score in script.SHOWN for end, value in ends.items()}
    assert script.signed(row, "auc") == "**+.0020 [+.0010, +.0030]**"
    assert script.signed(row, "soma_rmse_mV") == "+.002 [+.001, +.003]"
    assert script.signed(row | {"auc_low": -0.001}, "auc") == "+.0020 [\u2212.0010, +.0030]"
    assert script.signed(row | {"auc_low": None}, "auc") == "+.0020"


def test_without_fits_it_is_one_sentence(tmp_path, script):
    run = load_config(SMOKE)
    with pytest.raises(NeuronIOError, match="keeps no weights of pooled_elm or branch_elm"):
        script.write_paired(tmp_path, run, {}, tmp_path, 1)
