"""The finished run that tests of the workflow look at."""

import pytest
from kept import Keeper
from plan import Plan
from running import SMOKE

from neuronio.config import RunConfig, load_config
from tests.smoke_run import finished

__all__ = ["finished", "kept_smoke"]


@pytest.fixture
def kept_smoke(finished, tmp_path, monkeypatch) -> RunConfig:
    """The configuration of the finished run, whose fits are kept in `tmp_path / "fits"`."""
    run = load_config(SMOKE)
    monkeypatch.chdir(finished[0])
    Keeper(tmp_path / "fits", run).keep_finished(Plan(run))
    return run
