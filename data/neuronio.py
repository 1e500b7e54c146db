"""The pickles of NeuronIO: import them to our HDF5, export ours to them.

The published files (Beniaguev, Segev & London 2021) are dicts `{'Params': ..., 'Results':
{'listOfSingleSimulationDicts': [...]}}`, written by Python 2. `docs/formats.md` lists the keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.pickles import dump_plain, load_plain
from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents, Recording, detect_spikes
from neuronio.errors import NeuronIOError
from neuronio.files import replacing

TRIALS = "listOfSingleSimulationDicts"
SEGMENT_KEYS = {
    "type": "allSegmentsType",
    "length_um": "allSegmentsLength",
    "distance_um": "allSegments_DistFromSoma",
    "section": "allSegments_SectionInd",
}


def import_neuronio(pickle_path: str | Path, out_path: str | Path) -> Path:
    """Turn a published pickle into a shard.

    Voltages and spike times keep their float16 values exactly. Of `Params`, what is not a column of
    the segment table goes to the shard's attribute `published_params`. The nexus at 8 kHz and the
    recording times are not kept.

    Raises:
        NeuronIOError: the pickle is refused (see `load_plain`) or is not NeuronIO data.
    """
    content = load_plain(pickle_path)
    params, trials = _parts(content, pickle_path)
    segments = _segment_table(params, pickle_path)
    soma = _trace(_text_keys(trials[0]), "somaVoltage", f"{pickle_path}, trial 0")
    info = {
        "cell": "neuronio",
        "generator": "imported",
        "dataset_seed": _plain(params.get("randomSeed", params.get("random_seed"))),
        "t0_artefact": True,
        "engine": "imported",
        "source": Path(pickle_path).name,
        "half_precision": soma.dtype == np.float16,
        "published_params": {
            key: _plain(value) for key, value in params.items() if key not in SEGMENT_KEYS.values()
        },
    }
    return write_shard(out_path, _trials(trials, segments, pickle_path), info, segments)


def export_neuronio(
    shard_path: str | Path, out_path: str | Path, half_precision: bool | None = None
) -> Path:
    """Turn a shard into a pickle that the published reading code loads.

    Args:
        half_precision: write float16 as in the published files (spike times then lie 4 ms apart
            after 4096 ms), else float32 voltages and float64 times. Left out: as the shard was
            imported, and full precision for our own data.

    Raises:
        NeuronIOError: the shard cannot be read, or the file cannot be written.
    """
    out_path = Path(out_path)
    with replacing(out_path) as temporary, Shard(shard_path) as shard:
        imported_half = bool(shard.info.get("half_precision", False))
        half = imported_half if half_precision is None else half_precision
        trials = (_trial_dict(shard, i, half) for i in range(len(shard)))
        with temporary.open("wb", buffering=1 << 20) as file:
            dump_plain({"Params": _params(shard), "Results": {TRIALS: trials}}, file.write)
    return out_path


def _parts(content: Any, path: str | Path) -> tuple[dict, list]:
    """The parameters and the list of trials of a loaded pickle."""
    content = _text_keys(content) if isinstance(content, dict) else {}
    params, results = content.get("Params"), content.get("Results")
    trials = _text_keys(results).get(TRIALS) if isinstance(results, dict) else None
    if not isinstance(params, dict) or not isinstance(trials, list) or not trials:
        raise NeuronIOError(
            f"{path} is not NeuronIO data: it lacks 'Params' or a filled 'Results' -> '{TRIALS}'"
        )
    if not all(isinstance(trial, dict) for trial in trials):
        raise NeuronIOError(f"{path} is not NeuronIO data: a trial in '{TRIALS}' is not a dict")
    return _text_keys(params), trials


def _segment_table(params: dict, path: str | Path) -> SegmentTable:
    if SEGMENT_KEYS["type"] not in params:
        raise NeuronIOError(
            f"{path} lacks Params['{SEGMENT_KEYS['type']}'], which says how many segments there are"
        )
    types = np.array([_text(kind) for kind in params[SEGMENT_KEYS["type"]]])
    unknown = set(types.tolist()) - {"basal", "apical"}
    if unknown:
        raise NeuronIOError(
            f"{path} has segments of type {sorted(unknown)[0]!r}, but wanted are basal and apical"
        )
    columns: dict[str, np.ndarray] = {}
    for column, missing in {"length_um": np.nan, "distance_um": np.nan, "section": -1}.items():
        values = params.get(SEGMENT_KEYS[column])
        columns[column] = np.full(len(types), missing) if values is None else np.asarray(values)
        if columns[column].shape != types.shape:
            raise NeuronIOError(
                f"{path} has {len(types)} segment types but Params['{SEGMENT_KEYS[column]}'] has "
                f"shape {columns[column].shape}"
            )
    return SegmentTable(types, **columns)


def _trials(
    trials: list[dict], segments: SegmentTable, path: str | Path
) -> Iterator[tuple[int, InputEvents, Recording]]:
    first = None
    for i, raw in enumerate(trials):
        trial, where = _text_keys(raw), f"{path}, trial {i}"
        recording = _recording(trial, where)
        first = first or recording
        for name in ("soma_mV", "soma_8khz_mV", "segments_mV"):
            shapes = [np.shape(getattr(r, name)) for r in (first, recording)]
            if shapes[0] != shapes[1]:
                raise NeuronIOError(
                    f"{where} has {name} of shape {shapes[1]}, but trial 0 has {shapes[0]}; a "
                    "shard holds trials of one kind"
                )
        yield i, _inputs(trial, len(segments), len(recording.soma_mV), where), recording


def _inputs(trial: dict, n_segments: int, duration_ms: int, where: str) -> InputEvents:
    synapse, time = [], []
    for shift, key in ((0, "exInputSpikeTimes"), (n_segments, "inhInputSpikeTimes")):
        if not isinstance(trial.get(key), dict):
            raise NeuronIOError(f"{where} lacks the dict '{key}'")
        for segment, times in trial[key].items():
            times = np.asarray(times)
            if not 0 <= int(segment) < n_segments or (times.size and (times % 1 != 0).any()):
                raise NeuronIOError(
                    f"{where}: '{key}' has an entry for segment {segment} of {n_segments}, or a "
                    "spike time that is not a whole ms"
                )
            synapse.append(np.full(times.size, shift + int(segment)))
            time.append(times.ravel().astype(np.int64))
    empty = [np.zeros(0, dtype=np.int64)]
    return InputEvents.from_events(
        n_segments, duration_ms, np.concatenate(synapse + empty), np.concatenate(time + empty)
    )


def _recording(trial: dict, where: str) -> Recording:
    soma, nexus = _trace(trial, "somaVoltage", where), _trace(trial, "nexusVoltage", where)
    if soma.ndim != 1 or soma.shape != nexus.shape:
        raise NeuronIOError(f"{where} has soma of shape {soma.shape}, nexus of {nexus.shape}")
    fine = trial.get("somaVoltageHighRes")
    spikes = trial.get("outputSpikeTimes")
    if spikes is None:
        if fine is None:
            raise NeuronIOError(f"{where} lacks 'outputSpikeTimes' and 'somaVoltageHighRes'")
        spikes = detect_spikes(fine)
    dendrites = trial.get("dendriticVoltagesLowRes")
    return Recording(
        np.asarray(soma, dtype=np.float32),
        np.asarray(nexus, dtype=np.float32),
        np.asarray(spikes, dtype=np.float64).ravel(),
        None if fine is None else np.asarray(fine, dtype=np.float32),
        None if dendrites is None else np.asarray(dendrites),
    )


def _trace(trial: dict, key: str, where: str) -> np.ndarray:
    """A 1 kHz voltage, taken from the 8 kHz one where only that is there."""
    if trial.get(f"{key}LowRes") is not None:
        return np.asarray(trial[f"{key}LowRes"])
    fine = trial.get(f"{key}HighRes")
    if fine is None:
        raise NeuronIOError(f"{where} lacks '{key}LowRes' (and the same at high resolution)")
    return np.asarray(fine)[::SAMPLES_PER_MS]


def _params(shard: Shard) -> dict:
    """`Params`: what the shard shows, and over it what came with an imported file."""
    segments, seconds = shard.segments, shard.duration_ms / 1000
    spikes = [shard.spike_ms(i) for i in range(len(shard))]
    counts = [len(times) for times in spikes]
    intervals = [float(isi) for times in spikes for isi in np.diff(times)]
    total_s = seconds * len(shard)
    carried = shard.info.get("published_params", {})
    return {
        "randomSeed": shard.info.get("dataset_seed"),
        "numSimulations": len(shard),
        "totalSimDurationInSec": int(seconds) if seconds == int(seconds) else seconds,
        "collectAndSaveDVTs": shard.has_segments,
        "numSamplesPerMS_HighRes": SAMPLES_PER_MS,
        **{key: _plain(getattr(segments, column)) for column, key in SEGMENT_KEYS.items()},
        "numOutputSpikesPerSim": counts,
        "totalNumOutputSpikes": sum(counts),
        "totalNumSimulationSeconds": total_s,
        "averageOutputFrequency": sum(counts) / total_s,
        "listOfISIs": intervals,
        "ISICV": float(np.std(intervals) / np.mean(intervals)) if intervals else float("nan"),
        **carried,
    }


def _trial_dict(shard: Shard, i: int, half: bool) -> dict:
    inputs, recording = shard.inputs(i), shard.recording(i)
    voltage, time = (np.float16, np.float16) if half else (np.float32, np.float64)
    steps = np.arange(inputs.duration_ms, dtype=np.float32)
    trial = {
        "recordingTimeLowRes": steps,
        "somaVoltageLowRes": recording.soma_mV.astype(voltage),
        "nexusVoltageLowRes": recording.nexus_mV.astype(voltage),
        "exInputSpikeTimes": _spike_lists(inputs, 0),
        "inhInputSpikeTimes": _spike_lists(inputs, inputs.n_segments),
        "outputSpikeTimes": recording.spike_ms.astype(time),
    }
    if recording.soma_8khz_mV is not None:
        n_samples = SAMPLES_PER_MS * inputs.duration_ms
        fine_steps = np.arange(n_samples, dtype=np.float32) / SAMPLES_PER_MS
        trial["recordingTimeHighRes"] = fine_steps
        trial["somaVoltageHighRes"] = recording.soma_8khz_mV.astype(voltage)
    if recording.segments_mV is not None:
        trial["dendriticVoltagesLowRes"] = recording.segments_mV.astype(voltage)
    return trial


def _spike_lists(inputs: InputEvents, first: int) -> dict[int, list[int]]:
    """Segment -> its spike times (ms), for the kind of synapse that begins at index `first`."""
    segment = inputs.synapse.astype(np.int64) - first
    mine = (segment >= 0) & (segment < inputs.n_segments)
    segment, time = segment[mine], inputs.time_ms[mine]
    order = np.argsort(segment, kind="stable")
    keys, starts = np.unique(segment[order], return_index=True)
    lists = np.split(time[order], starts[1:])
    return {int(k): times.tolist() for k, times in zip(keys, lists, strict=True) if len(times)}


def _text(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value


def _text_keys(mapping: dict) -> dict:
    return {_text(key): value for key, value in mapping.items()}


def _plain(value: Any) -> Any:
    """The value as JSON holds it: lists, numbers, strings."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(_text(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _text(value)
