"""The workflow through a real Slurm of two nodes, with a job cancelled and a node lost."""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
from pathlib import Path

import h5py
import pytest
from running import ROOT, changed, command

from tests.cluster.mechanisms import compiled_mechanisms
from tests.cluster.slurm import NODES, Slurm, missing, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=missing() or "Slurm can be started"),
]
PROFILE = ROOT / "workflow" / "profiles" / "slurm"
JOBS = {"simulate": 4, "dataset": 1, "quality": 1, "fit": 1, "evaluate": 1, "report": 1}


def one_fit(document: dict) -> None:
    """The smoke run's data with one fit: every kind of job, but few of them."""
    document["fits"] = [{**document["fits"][0], "seeds": [0]}]
    document["evaluation"]["floor_trials"] = 0


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    slurm = Slurm(tmp_path_factory.mktemp("slurm") / "slurm")
    try:
        started = slurm.__enter__()
    except (OSError, LookupError, subprocess.CalledProcessError) as error:
        slurm.__exit__()
        pytest.skip(f"Slurm does not start on this machine: {error}")
    yield started
    slurm.__exit__()


def data(folder: Path) -> dict[str, str]:
    """Checksums of the content of every shard."""
    found = {}
    for path in sorted((folder / "results" / "smoke" / "data").glob("*/shard-*.h5")):
        with h5py.File(path) as file:
            held = b"".join(file[name][:].tobytes() for name in ("soma_mV", "inputs/synapse"))
            found[f"{path.parent.name}/{path.name}"] = hashlib.sha256(held).hexdigest()
    return found


def test_smoke_through_slurm_survives_a_cancelled_job_and_a_lost_node(slurm, request, tmp_path):
    home = tmp_path / "home of a user"
    environment = slurm.environment | {"HOME": str(home)}
    environment.pop("NEURONIO_CACHE", None)
    # All but the mechanisms, which take half a minute, is compiled anew.
    compiled_mechanisms(home / ".cache" / "neuronio")
    before = set(home.rglob("*.so"))
    options = ["--workflow-profile", str(PROFILE), "--jobs", "4"]
    options += ["--slurm-init-seconds-before-status-checks", "3"]
    process = subprocess.Popen(
        [*command(tmp_path / "run", changed(tmp_path, one_fit)), *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stdout))
    reader.start()

    def explain() -> str:
        return "".join(said)[-3000:] + slurm.logs()

    def node_at_work() -> str | None:
        return next((n for n in NODES if set(slurm.running(n)) - {cancelled}), None)

    def wait(condition) -> None:
        wait_for(lambda: condition() or process.poll() is not None, 900, explain)
        assert process.poll() is None, explain()

    try:
        wait(slurm.running)
        cancelled = slurm.running()[0]
        slurm.ask("scancel", cancelled)
        wait(node_at_work)
        lost = node_at_work()
        slurm.kill_node(lost)
        slurm.start_node(lost)
        process.wait(timeout=1200)
    finally:
        process.kill()
        reader.join(timeout=10)
    text = "".join(said)
    assert process.returncode == 0, explain()
    submitted = set(re.findall(r"SLURM jobid (\d+)", text))
    assert len(submitted) >= sum(JOBS.values()) + 1  # and the one that was cancelled, again
    assert cancelled in submitted
    made = data(tmp_path / "run")
    assert len(made) == JOBS["simulate"]
    # Asked for at last: other tests make it meanwhile.
    assert made.items() <= data(request.getfixturevalue("finished")[0]).items()
    assert (tmp_path / "run/results/smoke/report.html").is_file()
    # Nodes with another home compiled nothing.
    assert set(home.rglob("*.so")) - before
    assert not [path for node in NODES for path in (slurm.folder / f"home-{node}").rglob("*.so")]
