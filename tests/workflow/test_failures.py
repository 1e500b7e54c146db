"""What becomes of a run of which one job fails."""

import csv
import shutil

import pytest
from running import ROOT, changed, run

BROKEN = """
import sys
sys.path.insert(0, {folder!r})
from toy_surrogate import Toy, ToyOptions
from neuronio.surrogate.models.registry import surrogate

@surrogate("broken", options=ToyOptions, label="Broken", marker="d", colour="#666666")
class Broken(Toy):
    def advance(self, current_bc, state):
        raise ValueError("broken on purpose")
"""


@pytest.mark.slow
def test_one_failed_fit_is_one_sentence_and_does_not_cost_the_figure(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "copy", symlinks=True)
    broken = tmp_path / "broken.py"
    broken.write_text(BROKEN.format(folder=str(ROOT / "tests" / "surrogate")))
    asked = changed(
        tmp_path, lambda c: c["fits"].insert(0, {"model": f"{broken}:broken", "sizes": [3]})
    )
    result = run(tmp_path / "copy", asked)
    assert result.returncode == 1
    told = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "broken on purpose" in told[0]
    assert "logs/fit/broken-3-seed0" in told[0]
    assert "the figures lack broken-3-seed0" in told[-1]
    assert "Traceback" not in result.stderr
    results = tmp_path / "copy" / "results" / "smoke"
    with (results / "table.csv").open() as file:
        fits = [row["fit"] for row in csv.DictReader(file) if row["source"] == "fit"]
    assert fits == ["branch_elm-2-seed0", "branch_elm-2-seed1", "tcn-2-seed0"]
    assert "broken-3-seed0" in (results / "report.html").read_text()
