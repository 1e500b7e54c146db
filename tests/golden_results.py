"""Results of small simulations and fits, to be held against what was recorded before a change.

`python tests/golden_results.py` runs them again and rewrites golden_results.json beside this file:
only for a change that is meant to change results; `... "fitted lif"` rewrites that one alone. The
file holds numbers, which every machine reproduces within rounding, and digests of bytes under the
fingerprint of the machine that made them, since vector width and libraries decide the last bits.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from neuronio.config import validate_config
from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.native import _cpu, compiler_version
from neuronio.simulation.dataset import simulate_shard
from neuronio.surrogate.families import parse_options
from neuronio.surrogate.train import FitSpec, fit
from neuronio.training import TrainingConfig

GOLDEN = Path(__file__).with_suffix(".json")
PACKAGES = ("neuron", "numpy", "torch", "h5py")
ENGINES: dict[str, dict[str, Any]] = {
    "ensemble": {"name": "ensemble"},
    "float64": {"name": "ensemble", "precision": "float64"},
    "tables": {"name": "ensemble", "gate_tables": True},
    "neuron": {"name": "neuron"},
}
MODELS: dict[str, dict[str, Any]] = {
    "branch_elm": {"num_memory": 3, "num_branch": 3, "synapses_per_branch": 5},
    "branch_elm_v2": {
        "num_memory": 3,
        "num_branch": 3,
        "synapses_per_branch": 5,
        "activation": "silu",
        "learn_tau": True,
    },
    "elm": {"num_memory": 2, "mlp_layers": 2},
    "tcn": {"width": 2},
    "tcn_residual": {"width": 2, "depth": 2},
    "lstm": {"hidden": 2},
    "gru": {"hidden": 2},
    "pooled_elm": {"num_memory": 3, "clusters": 2},
    "ssm": {"width": 3, "states": 2},
    "lif": {"filters": 2},
    "lif2": {"filters": 2, "rank": 1},
    "linear": {"filters": 2},
}


def fingerprint() -> str:
    """Hash of what decides the last bits: processor, compiler and libraries."""
    parts = [_cpu(), compiler_version(), *(f"{name} {version(name)}" for name in PACKAGES)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def simulated(engine: str, folder: Path) -> tuple[dict[str, str], dict[str, list[float]]]:
    """Digest of each dataset of a small shard, and some of its numbers."""
    document = {
        "name": "golden",
        "seed": 3,
        "cell": {"model": "packaged"},
        "inputs": {
            "generator": "ergodic",
            "parameters": {
                "excitation_basal_per_100ms": [500, 900],
                "excitation_apical_per_100ms": [500, 900],
                "inhibition_offset_basal_per_100ms": [-900, -400],
                "inhibition_offset_apical_per_100ms": [-900, -400],
            },
        },
        "t0_artefact": True,
        "engine": ENGINES[engine],
        "dataset": {
            "duration_ms": 200,
            "trials": {"train": 2, "valid": 1, "test": 1},
            "record_soma_8khz": True,
            "record_segments": True,
        },
    }
    path = simulate_shard(validate_config(document), "train", 0, folder / f"{engine}.h5", workers=1)
    with h5py.File(path) as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") else None)
        digests = {name: hashlib.sha256(file[name][()].tobytes()).hexdigest() for name in names}
        numbers = {
            "events": [len(file["inputs/synapse"])],
            "spike_ms": file["spikes/time_ms"][:].tolist(),
            "soma_mV": file["soma_mV"][:, ::20].ravel().tolist(),
            "nexus_mV": file["nexus_mV"][:, ::20].ravel().tolist(),
        }
    return digests, numbers


def made_up_shard(path: Path, seed: int) -> Path:
    """A shard of noise: inputs, spikes and voltages drawn from a seed."""
    rng = np.random.default_rng(seed)
    segments = SegmentTable(np.array(["basal"] * 6), np.ones(6), np.ones(6), np.arange(6))
    trials = []
    for index in range(3):
        inputs = InputEvents.from_dense(*(rng.random((2, 6, 300)) < 0.05))
        soma = (-70 + 10 * rng.random(300)).astype(np.float32)
        spikes = np.sort(rng.integers(2, 290, 5)) + 0.75
        trials.append((index, inputs, Recording(soma, soma, spikes)))
    return write_shard(path, trials, {"cell": "made-up"}, segments)


def fitted(model: str, folder: Path) -> tuple[dict[str, str], dict[str, list[float]]]:
    """Digest and some numbers of every tensor of a fit of a few steps."""
    shards = [made_up_shard(folder / f"{seed}.h5", seed) for seed in (1, 2)]
    training = TrainingConfig(
        steps=4, batch_size=2, window_ms=100, burn_in_ms=20, validate_every=2, learning_rate=0.01
    )
    out = folder / model
    options = parse_options(model, {"inputs": 12, **MODELS[model]})
    spec = FitSpec(model, options, 0, training, shards[:1], shards[1:], out, ignore_ms=0)
    fit(spec)
    state = torch.load(out / "best.pt", weights_only=True)
    arrays = {name: tensor.numpy() for name, tensor in sorted(state.items())}
    digests = {k: hashlib.sha256(array.tobytes()).hexdigest() for k, array in arrays.items()}
    return digests, {k: array.ravel()[:8].tolist() for k, array in arrays.items()}


def main(wanted: Sequence[str]) -> int:
    """Run everything, or what is wanted, and write the file."""
    document = json.loads(GOLDEN.read_text()) if wanted else {"numbers": {}, "exact": {}}
    for exact in document["exact"].values():  # other machines' digests are of what was before
        for key in wanted:
            exact.pop(key, None)
    with tempfile.TemporaryDirectory() as name:
        for kind, run, names in (("simulated", simulated, ENGINES), ("fitted", fitted, MODELS)):
            for which in names:
                key = f"{kind} {which}"
                if key in wanted or not wanted:
                    digests, document["numbers"][key] = run(which, Path(name))
                    document["exact"].setdefault(fingerprint(), {})[key] = digests
    GOLDEN.write_text(json.dumps(document) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
