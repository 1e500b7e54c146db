"""Notebooks run from top to bottom, here with less to do, and hold the outputs of such a run."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
SMALL = {
    "a_trial_and_its_dendrites": "DURATION_MS = 60",
    "a_fit_in_five_minutes": (
        'TRIALS = {"train": 4, "valid": 4, "test": 4}\nDURATION_MS = 1200\nSTEPS = 4'
    ),
}
each_notebook = pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.ipynb")))


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


@pytest.mark.slow
@each_notebook
def test_runs(name):
    notebook = read(name)
    (parameters,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
    said = [line.split(" =")[0] for line in parameters.source.splitlines()]
    assert said == [line.split(" =")[0] for line in SMALL[name].splitlines()]
    parameters.source = SMALL[name]
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()


@each_notebook
def test_outputs_are_those_of_one_run_from_top_to_bottom(name):
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds == {"stream", "display_data"}
