"""The HDF5 shard: some trials of a dataset in one self-describing file.

Layout (n trials, S segments, T ms, E input events in all, K output spikes in all):

    inputs/synapse        (E,) uint16       synapse of each event, sorted by (trial, ms, synapse)
    inputs/events_per_ms  (n, T) uint16     events of each bin
    inputs/trial_offset   (n + 1,) int64    where each trial's events begin
    soma_mV, nexus_mV     (n, T) float32    voltage at t = 0, 1, 2, ... ms
    spikes/time_ms        (K,) float64      output spikes
    spikes/trial_offset   (n + 1,) int64
    trial_index           (n,) int64        index of each trial in the dataset
    segments/...          (S,)              type, length_um, distance_um, section
    soma_8khz_mV          (n, 8 T) float32  optional
    segments_mV           (n, S, T) int16   optional: difference from the segment before, in units
                                            of the attribute `scale_mV` (float16 voltages as they
                                            came where a published pickle was imported)

Every dataset carries its `units`; the file's attributes say how the trials were made. A file is
written under a temporary name and renamed when complete, and the same trials give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

from neuronio.data.checks import spike_fault
from neuronio.data.layout import (
    DAMAGE,
    EVENT_CHUNK,
    FORMAT,
    FORMAT_VERSION,
    KNOWN_VERSIONS,
    REQUIRED,
    SEGMENT_SCALE_MV,
    TRACES,
    SegmentTable,
    content_sha256,
    decode,
    encode,
)
from neuronio.data.new_file import new_file
from neuronio.data.trial import InputEvents, Recording, offsets
from neuronio.errors import NeuronIOError

TrialName = tuple[str, int]
CHUNK_CACHE_BYTES = 1 << 18


SEGMENT_COLUMNS = ("length_um", "distance_um", "section")


class Shard:
    """A shard open for reading; nothing but its attributes is read until asked for.

    Raises:
        NeuronIOError: the file is missing, is a folder or no HDF5 file, or is no shard of a known
            version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._datasets: dict[str, h5py.Dataset] = {}
        if self.path.is_dir():
            raise NeuronIOError(f"{self.path} is a folder; give the .h5 files in it")
        if not self.path.is_file():
            raise NeuronIOError(f"{self.path} does not exist; give the path of an HDF5 shard")
        try:
            # Datasets stay open, and with them their caches of chunks, of which none is read twice.
            self.file = h5py.File(self.path, "r", rdcc_nbytes=CHUNK_CACHE_BYTES)
        except OSError as error:
            raise NeuronIOError(f"{self.path} is not a readable HDF5 file: {error}") from error
        try:
            self._check_structure()
        except NeuronIOError:
            self.file.close()
            raise
        except DAMAGE as error:
            self.file.close()
            raise NeuronIOError(f"{self.path} is damaged: {error}") from error

    def _check_structure(self) -> None:
        if self.file.attrs.get("format") != FORMAT:
            raise NeuronIOError(f"{self.path} is HDF5 but not a NeuronIO shard")
        if (found := decode(self.file.attrs.get("format_version"))) not in KNOWN_VERSIONS:
            raise NeuronIOError(
                f"{self.path} is a shard of format version {found}, but this program reads "
                f"{', '.join(map(str, sorted(KNOWN_VERSIONS)))}; read it with the program that "
                "wrote it, or install a newer one"
            )
        missing = [name for name in REQUIRED if name not in self.file]
        if missing:
            raise NeuronIOError(f"{self.path} is damaged: it lacks {', '.join(missing)}")
        for name, axes in {"soma_mV": 2, "segments/type": 1, "trial_index": 1}.items():
            if (found := len(self.file[name].shape)) != axes:
                raise NeuronIOError(
                    f"{self.path} is damaged: {name} has {found} dimensions in place of {axes}"
                )
        if not self.file["soma_mV"].shape[0]:
            raise NeuronIOError(f"{self.path} is damaged: it holds no trial")
        if (kind := self.file["trial_index"].dtype).kind not in "iu":
            raise NeuronIOError(f"{self.path} is damaged: trial_index holds {kind}, not integers")

    def __enter__(self) -> Shard:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def __len__(self) -> int:
        return self.n_trials

    @cached_property
    def n_trials(self) -> int:
        """Number of trials in the shard."""
        return self.file["soma_mV"].shape[0]

    @cached_property
    def duration_ms(self) -> int:
        """Length of each trial, ms."""
        return self.file["soma_mV"].shape[1]

    @cached_property
    def n_segments(self) -> int:
        """Number of dendritic segments."""
        return self.file["segments/type"].shape[0]

    @property
    def n_synapses(self) -> int:
        """Number of synapses, two a segment."""
        return 2 * self.n_segments

    @property
    def has_soma_8khz(self) -> bool:
        """Whether the 8 kHz soma voltage was kept."""
        return "soma_8khz_mV" in self.file

    @property
    def has_segments(self) -> bool:
        """Whether dendritic voltages were kept."""
        return "segments_mV" in self.file

    @cached_property
    def info(self) -> dict:
        """How the trials were made: cell, generator, seed, integrator, versions, ..."""
        return {key: decode(value) for key, value in sorted(self.file.attrs.items())}

    @cached_property
    def segments(self) -> SegmentTable:
        """The dendritic segments."""
        columns = [self._read(f"segments/{name}", slice(None)) for name in SEGMENT_COLUMNS]
        try:
            return SegmentTable(self.file["segments/type"].asstr()[:], *columns)
        except DAMAGE as error:
            raise NeuronIOError(f"{self.path} is damaged in segments: {error}") from error

    @cached_property
    def trial_index(self) -> np.ndarray:
        """Index of each trial in the dataset, (n,) int64."""
        return self._read("trial_index", slice(None))

    @cached_property
    def names(self) -> list[TrialName]:
        """What tells each trial from all others.

        The digest of its recipe and its index in the dataset, or the checksum of its file and its
        place there where there is no recipe.
        """
        source, places = self.info.get("content_sha256", self.path), range(self.n_trials)
        if recipe := self.info.get("recipe"):
            source, places = recipe, self.trial_index[: self.n_trials].tolist()
        return [(str(source), place) for place in places]

    def inputs(self, i: int) -> InputEvents:
        """Input spikes of the i-th trial of the shard.

        Raises:
            NeuronIOError: they are damaged, or there is no such trial; names file and trial.
        """
        counts = self._read("inputs/events_per_ms", i)
        offset = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        synapse = self._read("inputs/synapse", self._span("inputs/trial_offset", i))
        try:
            return InputEvents(self.n_segments, self.duration_ms, synapse, offset)
        except NeuronIOError as error:
            raise NeuronIOError(f"{self.trial_name(i)}: {error}") from error

    def trial_name(self, i: int) -> str:
        """The i-th trial in words, for errors: its file and its index in the dataset."""
        return f"{self.path}, trial {self.trial_index[i]}"

    def spike_fault(self, i: int) -> str | None:
        """Why the i-th trial's output spikes cannot be right, or None."""
        rounded = self.info.get("half_precision") is True
        return spike_fault(self.spike_ms(i), self.duration_ms, rounded)

    def soma_mV(self, i: int) -> np.ndarray:
        """Soma voltage at 1 kHz, (T,) float32, mV."""
        return self._read("soma_mV", i)

    def nexus_mV(self, i: int) -> np.ndarray:
        """Nexus voltage at 1 kHz, (T,) float32, mV."""
        return self._read("nexus_mV", i)

    def soma_8khz_mV(self, i: int) -> np.ndarray:
        """Soma voltage at 8 kHz, (8 T,) float32, mV, where it was kept."""
        return self._read("soma_8khz_mV", i)

    def segments_mV(self, i: int) -> np.ndarray:
        """Voltage of every dendritic segment at 1 kHz, (S, T) float32, mV, where it was kept."""
        stored = self._read("segments_mV", i)
        if stored.dtype == np.float16:
            return stored.astype(np.float32)
        counts = np.cumsum(stored, axis=0, dtype=np.int16)
        if (scale := self.file["segments_mV"].attrs.get("scale_mV")) is None:
            raise NeuronIOError(f"{self.path} is damaged: segments_mV lacks scale_mV")
        return counts * np.float32(scale)

    def spike_ms(self, i: int) -> np.ndarray:
        """Output spike times of the i-th trial, (spikes,) float64, ms."""
        return self._read("spikes/time_ms", self._span("spikes/trial_offset", i))

    def recording(self, i: int) -> Recording:
        """Everything recorded of the i-th trial."""
        return Recording(
            self.soma_mV(i),
            self.nexus_mV(i),
            self.spike_ms(i),
            self.soma_8khz_mV(i) if self.has_soma_8khz else None,
            self.segments_mV(i) if self.has_segments else None,
        )

    def _span(self, name: str, i: int) -> slice:
        """Where the i-th trial stands, by offsets."""
        self._check_there(i)
        ends = self._read(name, slice(i, i + 2))
        if len(ends) < 2:
            raise NeuronIOError(f"{self.path} is damaged: {name} ends before trial {i}")
        return slice(*ends)

    def _check_there(self, i: int) -> None:
        if not 0 <= i < self.n_trials:
            raise NeuronIOError(
                f"{self.path} has no trial {i}: it holds {self.n_trials}, numbered from 0"
            )

    def _read(self, name: str, where: int | slice) -> np.ndarray:
        if not isinstance(where, slice):
            self._check_there(where)
        try:
            if name not in self._datasets:  # finding it takes as long as reading a trial of it
                if name not in self.file:
                    raise NeuronIOError(f"{self.path} holds no {name}: it was not recorded")
                self._datasets[name] = self.file[name]
            values = self._datasets[name][where]
            if values.dtype.kind not in "iuf":
                raise TypeError(f"it holds {values.dtype}, but wanted are numbers")
            return values
        except DAMAGE as error:
            raise NeuronIOError(f"{self.path} is damaged in {name}: {error}") from error


def write_shard(
    path: str | Path,
    trials: Iterable[tuple[int, InputEvents, Recording]],
    info: dict,
    segments: SegmentTable,
) -> Path:
    """Write (trial index, inputs, recording) triples to a shard, atomically.

    The first recording decides which optional traces the shard keeps. `trials` may be a generator:
    one trial is held at a time.

    Raises:
        NeuronIOError: there are no trials, or the disk refuses.
    """
    path = Path(path)
    with new_file(path, libver=("v110", "v110")) as file:
        if not _write_trials(file, iter(trials), segments):
            raise NeuronIOError(f"no trial to write to {path}")
        for key, value in {"format": FORMAT, "format_version": FORMAT_VERSION, **info}.items():
            file.attrs[key] = encode(value)
        file.attrs["content_sha256"] = content_sha256(file)
    return path


def _write_trials(file: h5py.File, trials: Iterator, segments: SegmentTable) -> int:
    """Write trials; returns how many."""
    indices: list[int] = []
    event_counts, spike_counts = [], []
    for index, inputs, recording in trials:
        if not indices:
            _create(file, inputs, recording)
        indices.append(index)
        event_counts.append(inputs.n_events)
        spike_counts.append(len(recording.spike_ms))
        _extend(file["inputs/synapse"], inputs.synapse)
        _extend(file["inputs/events_per_ms"], np.diff(inputs.offset)[None])
        _extend(file["spikes/time_ms"], recording.spike_ms)
        for name in [*TRACES, "segments_mV"]:
            if name in file:
                _extend(file[name], _stored(name, getattr(recording, name))[None])
    if not indices:
        return 0
    _plain(file, "trial_index", np.array(indices, dtype=np.int64), "")
    _plain(file, "inputs/trial_offset", offsets(event_counts), "events")
    _plain(file, "spikes/trial_offset", offsets(spike_counts), "spikes")
    _plain(file, "segments/type", np.asarray(segments.type, dtype="S6"), "")
    _plain(file, "segments/length_um", np.asarray(segments.length_um, dtype=float), "um")
    _plain(file, "segments/distance_um", np.asarray(segments.distance_um, dtype=float), "um")
    _plain(file, "segments/section", np.asarray(segments.section, dtype=np.int32), "")
    return len(indices)


def _create(file: h5py.File, inputs: InputEvents, recording: Recording) -> None:
    duration = inputs.duration_ms

    def growing(name: str, shape: tuple, dtype, units: str, chunk: tuple | None = None):
        return _dataset(
            file,
            name,
            units,
            shape=(0, *shape),
            maxshape=(None, *shape),
            dtype=dtype,
            chunks=chunk or (1, *shape),
            compression="gzip",
            compression_opts=4,
            shuffle=True,
            fletcher32=True,
        )

    growing("inputs/synapse", (), np.uint16, "synapse", (EVENT_CHUNK,))
    growing("inputs/events_per_ms", (duration,), np.uint16, "events/ms")
    growing("spikes/time_ms", (), np.float64, "ms", (1024,))
    for name, rate in TRACES.items():
        if getattr(recording, name) is not None:
            growing(name, (rate * duration,), np.float32, "mV")
    if recording.segments_mV is not None:
        shape = recording.segments_mV.shape
        half = recording.segments_mV.dtype == np.float16
        dtype, chunk = np.float16 if half else np.int16, (1, min(32, shape[0]), duration)
        dataset = growing("segments_mV", shape, dtype, "mV", chunk)
        if not half:
            dataset.attrs["scale_mV"] = SEGMENT_SCALE_MV
            dataset.attrs["encoding"] = "difference from the segment before, in units of scale_mV"


def _dataset(file: h5py.File, name: str, units: str, **options) -> h5py.Dataset:
    dataset = file.create_dataset(name, track_times=False, **options)
    dataset.attrs["units"] = units
    return dataset


def _plain(file: h5py.File, name: str, array: np.ndarray, units: str) -> None:
    _dataset(file, name, units, data=array, fletcher32=True, chunks=array.shape)


def _stored(name: str, trace: np.ndarray) -> np.ndarray:
    if name == "segments_mV" and trace.dtype != np.float16:
        counts = np.rint(trace / SEGMENT_SCALE_MV).astype(np.int16)
        return np.diff(counts, axis=0, prepend=np.int16(0))
    return trace


def _extend(dataset: h5py.Dataset, rows: np.ndarray) -> None:
    size = dataset.shape[0]
    dataset.resize(size + len(rows), axis=0)
    dataset[size:] = rows
