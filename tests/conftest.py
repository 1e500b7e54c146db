"""What all tests share: where the mirror of downloads is, and small inputs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from neuronio.data.trial import InputEvents

MIRROR = Path(__file__).resolve().parents[2] / "shared" / "data"

if "NEURONIO_MIRROR" not in os.environ and MIRROR.is_dir():
    os.environ["NEURONIO_MIRROR"] = str(MIRROR)


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
