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

TRIAL = "trial --cell packaged --engine ensemble --generator published --seed 1 --duration-ms 100"


def start(clone: Path, cache: Path) -> subprocess.Popen:
    """Simulate a trial with a clone's own code."""
    environment = {"PYTHONPATH": str(clone / ".package"), "NEURONIO_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-m", "neuronio", *TRIAL.split(), "--out", "trial.npz"],
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
    runs = [start(clone, cache) for clone in clones]
    for run in runs:
        said, _ = run.communicate(timeout=600)
        assert run.returncode == 0, said
    kinds = Counter(path.stem.rpartition("-")[0] for path in cache.glob("*.so"))
    assert kinds
    assert set(kinds.values()) == {1}
    first, second = (np.load(clone / "trial.npz") for clone in clones)
    assert set(first.files) == set(second.files)
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
