"""What becomes of a run of which one job fails."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
from plan import Plan
from run import failed
from running import ROOT, SMOKE, changed, run
from scripts import load_script

from neuronio.config import validate_config
from neuronio.made import unused
from neuronio.sections import read_yaml

BROKEN = """
import sys
sys.path.insert(0, {folder!r})
from toy_surrogate import Toy, ToyOptions
from neuronio.surrogate.models import surrogate

@surrogate("broken", options=ToyOptions, label="Broken", marker="d", colour="#666666")
class Broken(Toy):
    def advance(self, current_bc, state):
        raise ValueError("broken on purpose")
"""


def test_a_failed_fit_keeps_its_checkpoint_from_being_cleaned(tmp_path, monkeypatch):
    """The figures without it are a run that does not show it."""
    script, name = load_script(ROOT / "workflow" / "run.py"), "tcn-2-seed0"
    monkeypatch.chdir(tmp_path)
    codes = iter([1, 0])

    def snakemake(*_):
        drawn = read_yaml(Path(script.CHANGES), "changes") if Path(script.CHANGES).exists() else {}
        plan = Plan(validate_config(read_yaml(SMOKE, "configuration") | drawn))
        plan.begin()
        for product in plan.fits.values():
            product.folder.mkdir(parents=True, exist_ok=True)
        return next(codes)

    monkeypatch.setattr(script, "snakemake", snakemake)
    monkeypatch.setattr(script, "finish", lambda *_: 0)
    monkeypatch.setattr(script, "failed", lambda *_: [name])
    monkeypatch.setattr(sys, "argv", ["run.py", "--configfile", str(SMOKE)])
    assert script.main() == 1
    assert len(list(Path("results/made").iterdir())) == 3
    assert list(unused(Path("results"))) == []


@pytest.mark.slow
def test_where_every_fit_failed_the_data_are_still_shown(finished):
    document = read_yaml(SMOKE, "configuration") | {"fits": [{"model": "branch_elm", "sizes": [3]}]}
    assert failed(validate_config(document), finished[0]) == ["branch_elm-3-seed0"]


@pytest.mark.slow
def test_one_failed_fit_is_one_sentence_and_costs_neither_figure_nor_comparison(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "copy", symlinks=True)
    broken = tmp_path / "broken.py"
    broken.write_text(BROKEN.format(folder=str(ROOT / "tests" / "surrogate")))

    def ask(document):
        document["fits"][1]["label"] = "convolution"
        failing = {"model": f"{broken}:broken", "sizes": [3], "label": "failing"}
        document["fits"].insert(0, failing)

    result = run(tmp_path / "copy", changed(tmp_path, ask))
    assert result.returncode == 1
    told = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "broken on purpose" in told[0]
    assert "logs/fit/broken-3-seed0" in told[0]  # a label decides nothing
    assert "the figures lack broken-3-failing-seed0" in told[-1]
    assert "Traceback" not in result.stderr
    results = tmp_path / "copy" / "results" / "smoke"
    with (results / "table.csv").open() as file:
        fits = [row["fit"] for row in csv.DictReader(file) if row["source"] == "fit"]
    assert fits == ["branch_elm-2-seed0", "branch_elm-2-seed1", "tcn-2-convolution-seed0"]
    assert "broken-3-failing-seed0" in (results / "report.html").read_text()
    # The label is compared with the fits without one.
    (row,) = json.loads((results / "differences.json").read_text())["rows"]
    assert (row["label"], row["fits"]) == ("convolution", ["tcn-2-convolution-seed0"])
    assert row["base"] == ["branch_elm-2-seed0", "branch_elm-2-seed1"]
    for name in ("ablation", "curves", "traces", "learning", "accuracy_multiply_adds"):
        assert (results / "figures" / f"{name}.png").stat().st_size > 5000
    assert (results / "evaluations" / "tcn-2-convolution-seed0.json").is_file()
