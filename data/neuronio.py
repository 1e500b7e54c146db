"""The pickles of NeuronIO: import them to our HDF5, export ours to them.

The published files (Beniaguev, Segev & London 2021) are dicts `{'Params': ..., 'Results':
{'listOfSingleSimulationDicts': [...]}}`, written by Python 2. `docs/formats.md` lists the keys.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.pickles import dump_plain, load_plain
from neuronio.data.published_trials import RATE_KEY, Source, spike_keys
from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.files import replacing

TRIALS = "listOfSingleSimulationDicts"
SEGMENT_KEYS = {
    "type": "allSegmentsType",
    "length_um": "allSegmentsLength",
    "distance_um": "allSegments_DistFromSoma",
    "section": "allSegments_SectionInd",
}
# What our exports say of themselves beside the published keys.
OURS = "neuronio"
# A file without it is of the published model where it has this many segments.
PUBLISHED_SEGMENTS, PUBLISHED_BASAL, MOST_SEGMENTS = 639, 262, 32_768
SEGMENT_TYPES = ("basal", "apical", "soma", "other")


def import_neuronio(
    pickle_path: str | Path,
    out_path: str | Path,
    segments: str | None = None,
    first_excitatory: int = 0,
    first_inhibitory: int = 0,
    samples_per_ms: int | None = None,
) -> Path:
    """Turn a published pickle, or one of its kind, into a shard.

    Voltages and spike times keep their float16 values exactly; output spikes are put in order. Fine
    voltages at a multiple of 8 samples a ms are thinned to 8. Of `Params`, what is not a column of
    the segment table goes to the shard's attribute `published_params`. The nexus at 8 kHz and the
    recording times are not kept.

    Args:
        segments: types and numbers of the segments in the order of their keys, such as
            `basal:262,apical:377`, where `Params` lacks them.
        first_excitatory, first_inhibitory: the key that the first segment has in
            `exInputSpikeTimes` and in `inhInputSpikeTimes`.
        samples_per_ms: rate of the fine voltages, where the file does not say it.

    Raises:
        NeuronIOError: the pickle is refused (see `load_plain`), is not NeuronIO data, or holds what
            a trial cannot: the sentence names trial and value.
    """
    content = load_plain(pickle_path)
    numbering = first_excitatory, first_inhibitory, samples_per_ms
    try:
        return _shard_of(content, pickle_path, out_path, segments, numbering)
    except (TypeError, ValueError, OverflowError, AttributeError, LookupError) as error:
        said = " ".join(str(error).split())
        raise NeuronIOError(
            f"{pickle_path} holds what NeuronIO data cannot ({type(error).__name__}: {said}); "
            "give lists or arrays of numbers of one shape"
        ) from error


def _shard_of(
    content: Any,
    pickle_path: str | Path,
    out_path: str | Path,
    segments: str | None,
    numbering: tuple[int, int, int | None],
) -> Path:
    params, trials = _parts(content, pickle_path)
    trials = [_text_keys(trial) for trial in trials]
    table = _segment_table(params, segments, trials[0], pickle_path)
    source = Source(pickle_path, params, len(table), *numbering)
    rate = source.rate(trials[0], f"{pickle_path}, trial 0")
    plain = {
        k: _plain(value) for k, value in params.items() if k not in (*SEGMENT_KEYS.values(), OURS)
    }
    carried = {k: value for k, value in plain.items() if value is not None or params[k] is None}
    if rate not in (None, SAMPLES_PER_MS):
        carried[RATE_KEY] = SAMPLES_PER_MS  # what the shard holds, and so its export
    ours = _plain(params.get(OURS))
    ours = ours if isinstance(ours, dict) else {}
    published = segments is None and (table.type == "basal").sum() == PUBLISHED_BASAL
    published &= len(table) == PUBLISHED_SEGMENTS
    info = {
        "cell": ours.get("cell", "neuronio" if published else "unknown"),
        "generator": "imported",
        "dataset_seed": _plain(params.get("randomSeed", params.get("random_seed"))),
        "t0_artefact": ours.get("t0_artefact", True if published else None),
        "engine": "imported",
        "source": Path(pickle_path).name,
        "half_precision": _is_half(trials[0]),
        "published_params": carried,
    }
    if rate not in (None, SAMPLES_PER_MS):
        info["source_samples_per_ms"] = rate
    return write_shard(out_path, source.trials(trials), info, table)


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


def _segment_table(params: dict, given: str | None, first: dict, path: str | Path) -> SegmentTable:
    """The segments by `Params`, or as the user gives them where it does not say."""
    stated: Any = params.get(SEGMENT_KEYS["type"])
    if stated is None and given is None:
        raise NeuronIOError(
            f"{path} lacks Params['{SEGMENT_KEYS['type']}'], which says how many segments there "
            f"are, and {spike_keys(first)}: give --segments, such as basal:262,apical:377 or "
            "soma:1,other:5 in the order of the keys, and where keys do not start at 0 "
            "--first-excitatory and --first-inhibitory"
        )
    if stated is not None and given is not None:
        raise NeuronIOError(
            f"{path} says in Params['{SEGMENT_KEYS['type']}'] which {len(stated)} segments there "
            "are; leave --segments out"
        )
    types = np.array([_text(kind) for kind in stated] if given is None else _types(given))
    unknown = set(types.tolist()) - set(SEGMENT_TYPES)
    if unknown:
        raise NeuronIOError(
            f"{path} has segments of type {min(unknown, key=str)!r}, but wanted are "
            f"{', '.join(SEGMENT_TYPES)}"
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


def _types(given: str) -> list[str]:
    """`basal:2,apical:1` as ['basal', 'basal', 'apical']."""
    types: list[str] = []
    for part in given.split(","):
        kind, _, count = part.strip().partition(":")
        if kind not in SEGMENT_TYPES or not count.isascii() or not count.isdigit():
            raise NeuronIOError(
                f"--segments has {part.strip()!r}, but wanted is TYPE:NUMBER,... with types "
                f"{', '.join(SEGMENT_TYPES)}, such as basal:262,apical:377"
            )
        if len(count) > len(str(MOST_SEGMENTS)) or len(types) + int(count) > MOST_SEGMENTS:
            raise NeuronIOError(f"--segments has more than {MOST_SEGMENTS:,} segments")
        types += [kind] * int(count)
    return types


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
        OURS: {key: shard.info.get(key) for key in ("cell", "t0_artefact")},
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
    lists = np.split(time[order], starts)[1:]  # before the first start there is nothing
    return {int(k): times.tolist() for k, times in zip(keys, lists, strict=True)}


def _is_half(trial: dict) -> bool:
    soma = trial.get("somaVoltageLowRes")
    return np.asarray(trial.get("somaVoltageHighRes") if soma is None else soma).dtype == np.float16


def _text(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value


def _text_keys(mapping: dict) -> dict:
    return {_text(key): value for key, value in mapping.items()}


def _plain(value: Any) -> Any:
    """The value as JSON holds it: lists, finite numbers (None for others), strings."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(_text(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else _text(value)
