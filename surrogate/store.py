"""Trials of several HDF5 shards, read when asked for, with the targets models are fitted to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.data.checks import voltage_fault
from neuronio.data.shard import Shard, TrialName
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.surrogate.further_targets import FurtherTargets
from neuronio.surrogate.protocol import spike_bins

MAX_OPEN_SHARDS = 64


@dataclass(frozen=True)
class Trial:
    """One trial of T ms.

    Attributes:
        inputs: the input spikes.
        spikes: (T,) bool, output spikes.
        soma_mV: (T,) float32, soma voltage, unclipped.
        further: (T, V) float32, further targets in the units that models are fitted in.
    """

    inputs: InputEvents
    spikes: np.ndarray
    soma_mV: np.ndarray
    further: np.ndarray

    @property
    def nbytes(self) -> int:
        """Memory held."""
        inputs = self.inputs
        arrays = (inputs.synapse, inputs.offset, self.spikes, self.soma_mV, self.further)
        return sum(array.nbytes for array in arrays)


class TrialStore:
    """Trials of several shards, read when asked for; the latest used stay in memory.

    Args:
        paths: shards, whose trials are numbered in this order.
        cache_mib: most memory for trials that were read, MiB.
        further: targets beside spikes and soma that trials are read with.
        first: how many trials to take, from the first; 0 means all.

    Attributes:
        n_synapses: inputs of every trial.
        duration_ms: length of every trial, ms.
        further: targets beside spikes and soma that trials are read with, if any.
        names: what tells each trial from all others (`Shard.names`).
        cached_bytes: memory that the trials held now take.

    Raises:
        NeuronIOError: a file is no shard, the shards differ in synapses or duration, hold a trial
            twice, or hold fewer trials than are to be taken.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        cache_mib: int = 512,
        further: FurtherTargets | None = None,
        first: int = 0,
    ):
        if not paths:
            raise NeuronIOError("no data files given; give one or more shards (.h5)")
        self.paths = [Path(path) for path in paths]
        self._limit, self.further = cache_mib * 2**20, further
        self._cache: OrderedDict[int, Trial] = OrderedDict()
        self.cached_bytes = 0
        self._open: OrderedDict[int, Shard] = OrderedDict()
        self._lock = threading.Lock()
        held, shapes = zip(*map(_names_and_shape, self.paths), strict=True)
        for path, shape in zip(self.paths, shapes, strict=True):
            if shape != shapes[0]:
                raise NeuronIOError(
                    f"{path} has {shape[0]} synapses and trials of {shape[1]} ms, but "
                    f"{self.paths[0]} has {shapes[0][0]} and {shapes[0][1]} ms; "
                    "give shards of one dataset"
                )
        self.n_synapses, self.duration_ms = shapes[0]
        last = np.cumsum([len(names) for names in held])
        if first > last[-1]:
            raise NeuronIOError(
                f"the first {first} trials were asked for, but there are {last[-1]}; take fewer, "
                "or 0 for all"
            )
        self._first = np.concatenate([[0], np.minimum(last, first or last[-1])])
        self.names = [name for names in held for name in names][: len(self)]
        self._check_once()

    def _check_once(self) -> None:
        """Refuse a trial that two of the files hold."""
        seen: dict[TrialName, Path] = {}
        for name, path in zip(self.names, self.trial_paths(), strict=True):
            if name in seen:
                raise NeuronIOError(
                    f"{path} holds trial {name[1]}, which another shard given with it "
                    f"({seen[name]}) holds too; give each trial once"
                )
            seen[name] = path

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, index: int) -> Trial:
        """A trial, numbered from 0 through all files.

        Raises:
            NeuronIOError: there is none of that number, or it holds what `verify` would refuse:
                voltages that are not finite, spikes outside the trial, synapses that do not exist.
        """
        if not 0 <= index < len(self):
            raise NeuronIOError(
                f"trial {index} does not exist; there are {len(self)}, numbered from 0"
            )
        with self._lock:
            if index in self._cache:
                self._cache.move_to_end(index)
                return self._cache[index]
            trial = self._read(index)
            self._keep(index, trial)
            return trial

    def file_numbers(self) -> np.ndarray:
        """Which of the files each trial is from, (trials,) from 0."""
        return np.searchsorted(self._first, np.arange(len(self)), side="right") - 1

    def trial_paths(self) -> list[Path]:
        """The file that each trial is from."""
        return [self.paths[number] for number in self.file_numbers().tolist()]

    def n_spikes(self, index: int) -> int:
        """Number of output spikes of a trial."""
        return int(self[index].spikes.sum())

    def provenance(self) -> dict:
        """Where the trials come from: what all shards say of themselves alike, and each file.

        A file of which no trial is taken is left out.
        """
        infos, counts = [], np.diff(self._first)
        paths = [path for path, count in zip(self.paths, counts, strict=True) if count]
        for path in paths:
            with Shard(path) as shard:
                infos.append(shard.info)
        common = {k: v for k, v in infos[0].items() if all(i.get(k) == v for i in infos)}
        common.pop("content_sha256", None)
        files = [
            {
                "file": path.name,
                "path": str(path),
                "trials": count,
                "recipe": info.get("recipe"),
                "first_trial": info.get("first_trial"),
                "content_sha256": info.get("content_sha256"),
            }
            for path, count, info in zip(paths, counts[counts > 0].tolist(), infos, strict=True)
        ]
        return {"trials": len(self), "duration_ms": self.duration_ms, **common, "files": files}

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _read(self, index: int) -> Trial:
        number = int(np.searchsorted(self._first, index, side="right")) - 1
        shard, i = self._shard(number), index - int(self._first[number])
        soma = shard.soma_mV(i)
        fault = shard.spike_fault(i)
        if not fault and (wrong := voltage_fault(soma)):
            fault = f"soma_mV {wrong}"
        if fault:
            raise NeuronIOError(
                f"{shard.trial_name(i)}: {fault}; leave this file out or make it anew"
            )
        spikes = spike_bins(shard.spike_ms(i), self.duration_ms)
        none = np.empty((self.duration_ms, 0), np.float32)
        further = self.further.of(shard, i) if self.further else none
        return Trial(shard.inputs(i), spikes, soma, further)

    def _shard(self, number: int) -> Shard:
        if number not in self._open:
            if len(self._open) >= MAX_OPEN_SHARDS:
                self._open.popitem(last=False)[1].close()
            self._open[number] = Shard(self.paths[number])
        self._open.move_to_end(number)
        return self._open[number]

    def _keep(self, index: int, trial: Trial) -> None:
        self._cache[index] = trial
        self.cached_bytes += trial.nbytes
        while self.cached_bytes > self._limit and len(self._cache) > 1:
            self.cached_bytes -= self._cache.popitem(last=False)[1].nbytes


def _names_and_shape(path: Path) -> tuple[list[TrialName], tuple[int, int]]:
    with Shard(path) as shard:
        return shard.names, (shard.n_synapses, shard.duration_ms)


def open_dataset(paths: str | Path | Sequence[str | Path], cache_mib: int = 512) -> TrialStore:
    """Trials of shards, or of folders of shards, read when asked for.

    >>> dataset = neuronio.open_dataset(["train.h5", "valid.h5"])
    >>> len(dataset), dataset.n_synapses, dataset[0].soma_mV.shape
    (8, 12, (400,))

    Args:
        paths: shards of one cell and trial length; a folder stands for the shards in it.
        cache_mib: most memory for trials that were read, MiB.

    Raises:
        NeuronIOError: a file is no shard, the shards differ in synapses or duration, or hold a
            trial twice.
    """
    return TrialStore(shard_paths(paths), cache_mib)


def shard_paths(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """Files as given; a folder stands for the shards in it.

    Raises:
        NeuronIOError: a folder holds no shard.
    """
    found = []
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        inside = _in_order(path.glob("*.h5")) if path.is_dir() else [path]
        if not inside:
            raise NeuronIOError(f"the folder {path} holds no shard (.h5)")
        found += inside
    return found


def _in_order(paths: Iterable[Path]) -> list[Path]:
    """By number: shard-999 before shard-1000."""
    return sorted(paths, key=lambda path: (len(path.name), path.name))


def trials_named(data: Mapping[str, Any]) -> list[Any]:
    """What names the trials of a store's `provenance`: recipe, else checksum, and numbers.

    Trials of one recipe are the same however they are parted into files.
    """
    named: list[Any] = []
    for file in data["files"]:
        recipe, first, count = file.get("recipe"), file.get("first_trial"), file["trials"]
        if recipe is None or first is None:
            named.append([file["content_sha256"], 0, count])
        elif named and isinstance(named[-1], list) and named[-1][::2] == [recipe, first]:
            named[-1][2] = first + count
        else:
            named.append([recipe, first, first + count])
    return named
