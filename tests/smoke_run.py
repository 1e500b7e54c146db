"""A finished run of config/smoke.yaml, which several folders of tests look at."""

import pickle

import pytest
from filelock import FileLock
from running import SMOKE, run


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """A folder in which the workflow ran once, and what it printed.

    Processes that test beside each other share it: the first to ask makes it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder, said = shared / "smoke", shared / "smoke.pickle"
    with FileLock(shared / "smoke.lock"):
        if not said.exists():
            folder.mkdir()
            said.write_bytes(pickle.dumps(run(folder, SMOKE, "--cost")))
    result = pickle.loads(said.read_bytes())
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result
