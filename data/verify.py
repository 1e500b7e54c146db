"""Whether a shard is what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuronio.data.shard import DAMAGE, TRACES, Shard, content_sha256
from neuronio.errors import NeuronIOError


def verify_shard(path: str | Path) -> list[str]:
    """What is wrong with a shard, in sentences; an empty list means that it is sound.

    Checks the structure, the chunk checksums, the content checksum, that offsets and shapes agree,
    that events name existing synapses, and that no voltage is NaN or infinite.
    """
    try:
        with Shard(path) as shard:
            return _problems(shard)
    except NeuronIOError as error:
        return [str(error)]
    except DAMAGE as error:
        return [f"{path} is damaged: {error}"]


def _problems(shard: Shard) -> list[str]:
    file, n, duration = shard.file, shard.n_trials, shard.duration_ms
    problems = []
    if content_sha256(file) != file.attrs.get("content_sha256"):
        problems.append("its content does not match its checksum")
    offsets = {"inputs/synapse": "inputs/trial_offset", "spikes/time_ms": "spikes/trial_offset"}
    for values, name in offsets.items():
        offset = file[name][:]
        if len(offset) != n + 1 or (np.diff(offset) < 0).any() or offset[-1] != len(file[values]):
            problems.append(f"{name} does not fit {values}")
    if (file["inputs/events_per_ms"][:].sum(axis=1) != np.diff(file["inputs/trial_offset"])).any():
        problems.append("inputs/events_per_ms does not add up to the events of its trials")
    if len(events := file["inputs/synapse"][:]) and events.max() >= shard.n_synapses:
        problems.append(f"an event names synapse {events.max()} of {shard.n_synapses}")
    for name in (name for name in TRACES if name in file):
        if file[name].shape != (n, TRACES[name] * duration):
            problems.append(f"{name} has shape {file[name].shape}")
        bad = [i for i in range(n) if not np.isfinite(file[name][i]).all()]
        if bad:
            problems.append(f"{name} is not finite in trial {shard.trial_index[bad[0]]}")
    return [f"{shard.path}: {problem}" for problem in problems]
