"""A finished run of config/smoke.yaml, which several tests look at."""

import pytest
from running import run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder in which the workflow ran once, and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    result = run(folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result
