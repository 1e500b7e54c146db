"""The finished run that tests of the workflow look at."""

import pytest
from kept import Keeper
from plan import Plan
from running import SMOKE

from neuronio.config import RunConfig, validate_config
from neuronio.sections import read_yaml
from tests.smoke_run import finished

__all__ = ["finished", "kept_smoke"]


@pytest.fixture
def kept_smoke(finished, tmp_path, monkeypatch) -> RunConfig:
    """The configuration of the finished run, whose fits are kept in `tmp_path / "fits"`."""
    run = validate_config(read_yaml(SMOKE, "configuration"))
    monkeypatch.chdir(finished[0])
    Keeper(tmp_path / "fits", run).keep_finished(Plan(run))
    return run
