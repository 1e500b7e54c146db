"""Whether a shard is what was written, and holds what a trial can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neuronio.data.checks import unit_fault, voltage_fault
from neuronio.data.layout import DAMAGE, TRACES, content_sha256
from neuronio.data.shard import Shard
from neuronio.errors import NeuronIOError

UNITS = {"mV": (*TRACES, "segments_mV"), "ms": ("spikes/time_ms",)}


def verify_shard(path: str | Path) -> list[str]:
    """What is wrong with a shard, in sentences; an empty list means that it is sound.

    Checks the structure, the format's version, the chunk checksums, the content checksum, that
    units are as they should be, that offsets, shapes and sampling rates agree, that trials are
    numbered once each, that events name existing synapses, that no voltage is NaN or infinite, and
    that output spikes lie inside their trials in order.
    """
    try:
        with Shard(path) as shard:
            return [f"{shard.path}: {problem}" for problem in _problems(shard)]
    except NeuronIOError as error:
        return [str(error)]
    except DAMAGE as error:
        return [f"{path} is damaged: {error}"]


def _problems(shard: Shard) -> Iterator[str]:
    file = shard.file
    if content_sha256(file) != file.attrs.get("content_sha256"):
        yield "its content does not match its checksum"
    structure = [*_shapes(shard), *_offsets(shard)]
    yield from structure
    numbers, times = np.unique(shard.trial_index, return_counts=True)
    if (times > 1).any():
        yield f"trial {numbers[times > 1][0]} is in it {times.max()} times"
    for unit, names in UNITS.items():
        for name in (name for name in names if name in file):
            if (found := file[name].attrs.get("units")) != unit:
                yield f"{name} is in {found!r}, but wanted is {unit!r}"
    # Only where the offsets are right can the trials be told apart.
    if not structure:
        yield from _trials(shard)


def _shapes(shard: Shard) -> Iterator[str]:
    n, duration, n_segments = shard.n_trials, shard.duration_ms, shard.n_segments
    wanted: dict[str, tuple[int, ...]] = {
        "trial_index": (n,),
        "inputs/events_per_ms": (n, duration),
        "segments_mV": (n, n_segments, duration),
        **{name: (n, rate * duration) for name, rate in TRACES.items()},
        **{f"segments/{name}": (n_segments,) for name in ("length_um", "distance_um", "section")},
    }
    for name, shape in wanted.items():
        if name in shard.file and (found := shard.file[name].shape) != shape:
            yield (
                f"{name} has shape {found}, but {n} trials of {duration} ms on {n_segments} "
                f"segments need {shape}"
            )


def _offsets(shard: Shard) -> Iterator[str]:
    file, n = shard.file, shard.n_trials
    offsets = {"inputs/synapse": "inputs/trial_offset", "spikes/time_ms": "spikes/trial_offset"}
    for values, name in offsets.items():
        offset = file[name][:]
        ends = (0, len(file[values]))
        if (
            offset.shape != (n + 1,)
            or (offset[0], offset[-1]) != ends
            or (np.diff(offset) < 0).any()
        ):
            yield f"{name} does not fit {values}"
            return
    if (file["inputs/events_per_ms"][:].sum(axis=1) != np.diff(file["inputs/trial_offset"])).any():
        yield "inputs/events_per_ms does not add up to the events of its trials"
    if len(events := file["inputs/synapse"][:]) and events.max() >= shard.n_synapses:
        first = int(np.argmax(events >= shard.n_synapses))
        trial = np.searchsorted(file["inputs/trial_offset"][:], first, side="right") - 1
        yield (
            f"an event of trial {shard.trial_index[trial]} names synapse {events[first]} of "
            f"{shard.n_synapses}"
        )


def _trials(shard: Shard) -> Iterator[str]:
    traces = {name: getattr(shard, name) for name in TRACES if name in shard.file}
    if shard.has_segments:
        traces["segments_mV"] = shard.segments_mV
    for name, read in traces.items():
        faults = ((i, voltage_fault(read(i))) for i in range(len(shard)))
        for i, fault in faults:
            if fault:
                yield f"{name} is not finite in trial {shard.trial_index[i]}: it {fault}"
                break
    for i in range(len(shard)):
        if fault := unit_fault(shard.soma_mV(i)):
            yield f"in trial {shard.trial_index[i]}, soma_mV {fault}"
            return
        if fault := shard.spike_fault(i):
            yield f"in trial {shard.trial_index[i]}, {fault}"
            return
