import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuronio.data.listops import LISTOPS_SHORT
from neuronio.data.sequence_making import Part, make_sets
from neuronio.data.sequence_tasks import TASKS, generated_task
from neuronio.data.sequences import SequenceSet
from neuronio.errors import NeuronIOError

ROWS = {"train": 2500, "valid": 30, "test": 20}
PATHFINDER = replace(TASKS["pathfinder"], part_rows=1000)


def content(paths):
    return {split: path.read_bytes() for split, path in paths.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pathfinder images made in one go, in one process."""
    return make_sets(PATHFINDER, tmp_path_factory.mktemp("made"), ROWS, seed=1)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_makes_what_it_says(tmp_path, name):
    rows = {"train": 12, "valid": 4, "test": 4}
    told = []
    paths = make_sets(TASKS[name], tmp_path, rows, 0, progress=lambda *say: told.append(say))
    assert told[-1] == (20, 20, "test")
    for split, path in paths.items():
        found = SequenceSet.read(path)
        assert (found.about.task, found.about.split, len(found)) == (name, split, rows[split])
        assert found.about.made_from["settings"] == TASKS[name].settings
        often = np.bincount(found.label).max() / len(found)
        assert found.about.trivial_scores["one answer"] == pytest.approx(often)
    assert sorted(tmp_path.iterdir()) == sorted(paths.values())  # no parts are left


def test_several_processes_make_the_same_bytes(made, tmp_path):
    assert content(make_sets(PATHFINDER, tmp_path, ROWS, 1, workers=2)) == content(made)


RULE = """
import sys
from pathlib import Path
if __name__ != "__main__":
    raise NameError("name 'snakemake' is not defined")
from neuronio.data.sequence_making import make_sets
from neuronio.data.sequence_tasks import TASKS
make_sets(TASKS["listops-short"], Path(sys.argv[1]), {"train": 501}, 1, workers=2)
"""


def test_several_processes_work_for_a_script_that_only_runs_as_one(tmp_path):
    script = tmp_path / "rule.py"
    script.write_text(RULE)
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    assert len(SequenceSet.read(tmp_path / "train.h5")) == 501


def test_another_seed_makes_another_set_and_another_size_the_same_first_rows(made, tmp_path):
    more = make_sets(PATHFINDER, tmp_path / "more", {"test": 40}, 1)["test"]
    other = make_sets(PATHFINDER, tmp_path / "other", {"test": 20}, 2)["test"]
    first, longer = SequenceSet.read(made["test"]), SequenceSet.read(more)
    np.testing.assert_array_equal(longer.select(range(20)).value, first.value)
    assert SequenceSet.read(other).n_events != first.n_events


def test_what_is_there_is_kept_and_other_settings_are_refused(made):
    before = {path: path.stat().st_mtime_ns for path in made.values()}
    folder = made["train"].parent
    assert make_sets(PATHFINDER, folder, ROWS, seed=1) == made
    assert {path: path.stat().st_mtime_ns for path in made.values()} == before
    with pytest.raises(NeuronIOError, match=r"train\.h5 was made with other settings \(seed\)"):
        make_sets(PATHFINDER, folder, ROWS, seed=2)
    with pytest.raises(NeuronIOError, match=r"test\.h5 was made with other settings \(rows\)"):
        make_sets(PATHFINDER, folder, {**ROWS, "test": 21}, seed=1)


class FailsOnce:
    """Makes parts like Pathfinder, but fails at one of them, and notes which it made."""

    def __init__(self, fails):
        self.fails, self.made = fails, []

    def __call__(self, seed, split, rows):
        if self.fails == rows.start:
            raise NeuronIOError("the power is gone")
        self.made.append(rows.start)
        return PATHFINDER.part(seed, split, rows)


def test_it_goes_on_from_the_parts_that_are_finished(made, tmp_path):
    first, second = FailsOnce(2000), FailsOnce(None)
    with pytest.raises(NeuronIOError, match="power"):
        make_sets(replace(PATHFINDER, part=first), tmp_path, {"train": 2500}, 1)
    assert not (tmp_path / "train.h5").exists()
    path = make_sets(replace(PATHFINDER, part=second), tmp_path, {"train": 2500}, 1)["train"]
    assert (first.made, second.made) == ([0, 1000], [2000])
    assert path.read_bytes() == made["train"].read_bytes()


def dies(seed, split, rows):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_is_told_in_a_sentence(tmp_path):
    task = replace(PATHFINDER, part=dies)
    with pytest.raises(NeuronIOError, match=r"pathfinder died.*what is finished is kept"):
        make_sets(task, tmp_path, {"train": 2500}, 1, workers=2)


def test_rows_that_cannot_be_are_refused(tmp_path):
    def wrong(seed, split, rows):
        made = PATHFINDER.part(seed, split, rows)
        return Part(made.arrays | {"label": made.arrays["label"] + 1}, made.extra)

    with pytest.raises(NeuronIOError, match=r"pathfinder, train: sample \d has the label 2"):
        make_sets(replace(PATHFINDER, part=wrong), tmp_path, {"train": 10}, 1)


def test_unknown_tasks_are_named_with_the_known_ones():
    with pytest.raises(NeuronIOError, match="'maze': listops, listops-short, pathfinder, pathx"):
        generated_task("maze")


@pytest.mark.slow
def test_a_killed_command_goes_on_and_ends_with_the_same_bytes(tmp_path):
    rows = ["--train", "1000", "--valid", "1", "--test", "1"]
    command = [sys.executable, "-m", "neuronio", "sequences", "listops-short", *rows, "--out"]
    killed = subprocess.Popen([*command, str(tmp_path / "a")], stderr=subprocess.DEVNULL)
    while not list(Path(tmp_path).glob("a/.train.*/rows-*.npz")):
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.glob("a/.train.*/rows-*.npz")}
    assert kept
    assert not (tmp_path / "a" / "train.h5").exists()
    subprocess.run([*command, str(tmp_path / "a")], check=True, capture_output=True)
    whole = make_sets(LISTOPS_SHORT, tmp_path / "b", {"train": 1000, "valid": 1, "test": 1}, 0)
    assert content({s: tmp_path / "a" / f"{s}.h5" for s in whole}) == content(whole)
