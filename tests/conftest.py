"""What all tests share: where the mirror of downloads is, small inputs, and made-up shards.

In the shards, input spikes drive a leaky sum, which spikes when it crosses a level.
"""

from __future__ import annotations

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # a core each: more threads would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording

# Machines are shared: no test may depend on how fast or how busy one is.
settings.register_profile(
    "neuronio", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("neuronio")

# What takes longest, which processes should begin with: the first of them makes the run that all of
# workflow looks at, while the others are at work on the rest. (NEURON integrates every cell that a
# process holds: the one test that does so by hand comes before any other has built one.)
LONGEST = (
    "workflow/test_run.py",
    "simulation/test_bac_firing.py",
    "cluster/test_slurm.py",
    "simulation",
    "workflow",
)

MIRROR = Path(__file__).resolve().parents[2] / "shared" / "data"

if "NEURONIO_MIRROR" not in os.environ and MIRROR.is_dir():
    os.environ["NEURONIO_MIRROR"] = str(MIRROR)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first: several processes then end at about the same time."""

    def place(item: pytest.Item) -> int:
        names = f"{item.path.parent.name}/{item.path.name}", item.path.parent.name
        return min((LONGEST.index(n) for n in names if n in LONGEST), default=len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder with the NeuronIO morphology, golden trials and published weights."""
    path = os.environ.get("NEURONIO_MIRROR", "")
    if not Path(path, "cell1.asc").is_file():
        pytest.skip("NEURONIO_MIRROR does not name a folder with cell1.asc")
    return Path(path)


@pytest.fixture
def random_inputs():
    """A function that draws inputs of a constant rate: (segments, ms, spikes/ms a synapse)."""

    def draw(n_segments: int, duration_ms: int, rate: float, seed: int = 0) -> InputEvents:
        rng = np.random.default_rng(seed)
        excitatory, inhibitory = rng.random((2, n_segments, duration_ms)) < rate
        return InputEvents.from_dense(excitatory, inhibitory)

    return draw


N_SEGMENTS = 6


def made_up_trial(rng, duration_ms, rate=0.03):
    """Inputs and the response of a leaky integrator with a threshold: learnable in seconds."""
    excitatory, inhibitory = rng.random((2, N_SEGMENTS, duration_ms)) < rate
    drive = excitatory.sum(axis=0) - 0.5 * inhibitory.sum(axis=0)
    trace, level, spikes = np.empty(duration_ms), 0.0, []
    for ms in range(duration_ms):
        level = 0.9 * level + drive[ms]
        trace[ms] = -76.0 + 4.0 * level
        if trace[ms] > -62.0:
            spikes.append(ms + 0.75)
            trace[ms], level = 20.0, 0.0
    soma = trace.astype(np.float32)
    recording = Recording(soma, soma - 1, np.array(spikes, dtype=np.float64))
    return InputEvents.from_dense(excitatory, inhibitory), recording


@pytest.fixture(scope="session")
def make_shard(tmp_path_factory):
    """make_shard(seed, n_trials=4, duration_ms=400, rate=...) -> path of a new shard."""
    folder = tmp_path_factory.mktemp("shards")
    segments = SegmentTable(
        np.array(["basal", "apical"] * (N_SEGMENTS // 2)),
        np.full(N_SEGMENTS, 20.0),
        np.linspace(20, 120, N_SEGMENTS),
        np.arange(N_SEGMENTS),
    )

    def make(seed, n_trials=4, duration_ms=400, rate=0.03):
        rng = np.random.default_rng(seed)
        trials = [(i, *made_up_trial(rng, duration_ms, rate)) for i in range(n_trials)]
        path = folder / f"shard-{seed}-{n_trials}-{duration_ms}-{rate}.h5"
        return write_shard(path, trials, {"cell": "made-up", "dataset_seed": seed}, segments)

    return make
