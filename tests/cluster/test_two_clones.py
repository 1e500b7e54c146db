"""Two clones that begin at once with one empty cache, as two users of one node or two jobs do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from running import clone_into

from tests.cluster.mechanisms import compiled_mechanisms

TRIAL = "trial --cell packaged --engine ensemble --generator published --seed 1 --duration-ms 100"


MECHANISM = """
from neuronio.simulation.mechanisms import MOD, compiled
print(compiled([MOD / "Ih.mod"]))
"""


def start(clone: Path, cache: Path, *command: str) -> subprocess.Popen:
    """Run Python with a clone's own code."""
    environment = {"PYTHONPATH": str(clone / ".package"), "NEURONIO_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=clone,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_two_clones_that_begin_at_once_share_what_is_compiled(tmp_path):
    clones = [clone_into(tmp_path / name) for name in ("first", "second")]
    cache = tmp_path / "cache"
    # All mechanisms, which take half a minute, are there; that of one is shared as they would be.
    compiled_mechanisms(cache)
    trial = ("-m", "neuronio", *TRIAL.split(), "--out", "trial.npz")
    for command in (("-c", MECHANISM), trial):
        runs = [start(clone, cache, *command) for clone in clones]
        told = [run.communicate(timeout=600)[0] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], told
        assert command is trial or told[0] == told[1]
    assert len(list(cache.glob("mechanisms-*/"))) == 2
    kinds = Counter(path.stem.rpartition("-")[0] for path in cache.glob("*.so"))
    assert kinds
    assert set(kinds.values()) == {1}
    first, second = (np.load(clone / "trial.npz") for clone in clones)
    assert set(first.files) == set(second.files)
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
