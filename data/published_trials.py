"""The trials of a NeuronIO pickle, each checked: rates are read, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.checks import spike_fault, unit_fault, voltage_fault
from neuronio.data.layout import SEGMENT_SCALE_MV
from neuronio.data.trial import InputEvents, Recording, detect_spikes
from neuronio.errors import NeuronIOError

RATE_KEY = "numSamplesPerMS_HighRes"
SECONDS_KEY = "totalSimDurationInSec"
TRACE_KEYS = (
    *("somaVoltageLowRes", "nexusVoltageLowRes", "dendriticVoltagesLowRes"),
    *("somaVoltageHighRes", "nexusVoltageHighRes"),
)
TIME_KEYS = {"LowRes": "recordingTimeLowRes", "HighRes": "recordingTimeHighRes"}
# Time axes in float16 or float32 give a rate within this of the true one.
RATE_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Source:
    """What holds for every trial of a pickle.

    Attributes:
        path: of the pickle.
        params: its `Params`.
        n_segments: S.
        first_excitatory, first_inhibitory: key of the first segment in each dict of input spikes.
        samples_per_ms: rate of the fine traces, where the user states it.
    """

    path: str | Path
    params: dict
    n_segments: int
    first_excitatory: int = 0
    first_inhibitory: int = 0
    samples_per_ms: int | None = None

    def trials(self, raw: list[dict]) -> Iterator[tuple[int, InputEvents, Recording]]:
        """Each trial's index, input spikes and recording.

        Raises:
            NeuronIOError: a trial lacks something, or holds what it cannot; names it.
        """
        shapes = _shapes(raw[0])
        for i, trial in enumerate(raw):
            where = f"{self.path}, trial {i}"
            for key, shape in _shapes(trial).items():
                if shape != shapes[key]:
                    raise NeuronIOError(
                        f"{where} has {key} of {_words(shape)}, but trial 0 has "
                        f"{_words(shapes[key])}; a shard holds trials of one kind and length: "
                        "import them apart"
                    )
            recording = self._recording(trial, where)
            yield i, self._inputs(trial, len(recording.soma_mV), where), recording

    def rate(self, trial: dict, where: str) -> int | None:
        """Samples per ms of a trial's fine traces, or None where it has none.

        Raises:
            NeuronIOError: nothing says it, two things say it differently, or it is not whole.
        """
        fine = _array(trial, "somaVoltageHighRes", where)
        fine = _array(trial, "nexusVoltageHighRes", where) if fine is None else fine
        if fine is None:
            if self.samples_per_ms:
                raise NeuronIOError(f"{where} has no fine voltages; leave --samples-per-ms out")
            return None
        coarse = _array(trial, "somaVoltageLowRes", where)
        coarse = _array(trial, "nexusVoltageLowRes", where) if coarse is None else coarse
        said = {
            "--samples-per-ms": self.samples_per_ms,
            f"Params['{RATE_KEY}']": _number(self.params.get(RATE_KEY)),
            TIME_KEYS["HighRes"]: _axis_rate(trial, "HighRes", len(fine), where),
        }
        if coarse is not None and len(coarse):
            said["the number of samples beside that of the 1 kHz trace"] = len(fine) / len(coarse)
        elif seconds := _number(self.params.get(SECONDS_KEY)):
            said[f"Params['{SECONDS_KEY}']"] = len(fine) / (1000 * seconds)
        rates = {what: float(rate) for what, rate in said.items() if rate is not None}
        if not rates:
            raise NeuronIOError(
                f"{where} has fine voltages, but nothing says how many samples make a ms; give "
                "--samples-per-ms"
            )
        (what, rate), *others = rates.items()
        for other, found in others:
            if abs(found - rate) > RATE_TOLERANCE * rate:
                raise NeuronIOError(
                    f"{where} has {rate:g} fine samples a ms by {what}, but {found:g} by {other}; "
                    "mend the file so that they agree"
                )
        whole = round(rate)
        odd = whole < 1 or abs(rate - whole) > RATE_TOLERANCE * rate or len(fine) % whole
        if odd or (coarse is not None and len(fine) != whole * len(coarse)):
            raise NeuronIOError(
                f"{where} has {len(fine)} fine samples at {rate:g} a ms (by {what}), but wanted "
                "are whole ms of a whole number of samples; cut or resample them"
            )
        return whole

    def _recording(self, trial: dict, where: str) -> Recording:
        rate = self.rate(trial, where)
        soma = self._coarse(trial, "somaVoltage", rate, where)
        nexus = self._coarse(trial, "nexusVoltage", rate, where)
        if soma.ndim != 1 or soma.shape != nexus.shape:
            raise NeuronIOError(f"{where} has soma of shape {soma.shape}, nexus of {nexus.shape}")
        fine = _array(trial, "somaVoltageHighRes", where)
        if fine is not None and rate is not None:
            fine = _at_8khz(fine, rate, where)
        spikes = trial.get("outputSpikeTimes")
        if spikes is None:
            if fine is None:
                raise NeuronIOError(f"{where} lacks 'outputSpikeTimes' and 'somaVoltageHighRes'")
            spikes = detect_spikes(fine)
        dendrites = _array(trial, "dendriticVoltagesLowRes", where)
        if dendrites is not None and dendrites.shape != (self.n_segments, len(soma)):
            raise NeuronIOError(
                f"{where} has dendriticVoltagesLowRes of shape {dendrites.shape}, but "
                f"{self.n_segments} segments of {len(soma)} ms need "
                f"({self.n_segments}, {len(soma)})"
            )
        if dendrites is not None and dendrites.dtype != np.float16:
            most = SEGMENT_SCALE_MV * np.iinfo(np.int16).max
            if (largest := float(np.abs(dendrites).max())) > most:
                raise NeuronIOError(
                    f"{where} has dendriticVoltagesLowRes up to {largest:g} mV, but a shard holds "
                    f"at most {most:.0f}; leave this trial out or mend it"
                )
        return Recording(
            np.asarray(soma, dtype=np.float32),
            np.asarray(nexus, dtype=np.float32),
            _spikes(spikes, len(soma), soma.dtype == np.float16, where),
            None if fine is None else np.asarray(fine, dtype=np.float32),
            dendrites,
        )

    def _coarse(self, trial: dict, key: str, rate: int | None, where: str) -> np.ndarray:
        """A 1 kHz voltage, taken from the fine one where only that is there."""
        coarse = _array(trial, f"{key}LowRes", where)
        if coarse is None:
            fine = _array(trial, f"{key}HighRes", where)
            if fine is None or rate is None:
                raise NeuronIOError(
                    f"{where} lacks '{key}LowRes' (and the same at high resolution)"
                )
            return fine[::rate]
        seconds = _number(self.params.get(SECONDS_KEY))
        said = _axis_rate(trial, "LowRes", len(coarse), where), TIME_KEYS["LowRes"]
        if said[0] is None and seconds:
            said = len(coarse) / (1000 * seconds), f"Params['{SECONDS_KEY}']"
        if said[0] is not None and abs(said[0] - 1) > RATE_TOLERANCE:
            raise NeuronIOError(
                f"{where} has {key}LowRes at {said[0]:g} samples a ms by {said[1]}, but wanted is "
                "1; resample it to 1 kHz, times in ms"
            )
        return coarse

    def _inputs(self, trial: dict, duration_ms: int, where: str) -> InputEvents:
        n, synapse, time = self.n_segments, [], []
        kinds = (
            (0, "exInputSpikeTimes", self.first_excitatory),
            (n, "inhInputSpikeTimes", self.first_inhibitory),
        )
        for shift, key, first in kinds:
            if not isinstance(trial.get(key), dict):
                raise NeuronIOError(f"{where} lacks the dict '{key}'")
            for name, times in trial[key].items():
                segment = _whole(name, f"{where}: '{key}' has a key") - first
                if not 0 <= segment < n:
                    raise NeuronIOError(
                        f"{where}: '{key}' has an entry for segment {name}, but {n} segments are "
                        f"numbered {first} to {first + n - 1}; see --first-excitatory, "
                        "--first-inhibitory and --segments"
                    )
                times = _times(times, f"{where}: '{key}' of segment {name}", duration_ms)
                synapse.append(np.full(times.size, shift + segment))
                time.append(times)
        empty = [np.zeros(0, dtype=np.int64)]
        return InputEvents.from_events(
            n, duration_ms, np.concatenate(synapse + empty), np.concatenate(time + empty)
        )


def spike_keys(trial: dict) -> str:
    """How a trial's input spikes are keyed, in words."""
    words = []
    for kind, key in (("excitation", "exInputSpikeTimes"), ("inhibition", "inhInputSpikeTimes")):
        found = trial.get(key)
        keys = [k for k in found if isinstance(k, int | np.integer)] if found else []
        if keys:
            words.append(f"{kind} has keys {min(keys)} to {max(keys)}")
    return " and ".join(words) or "there are no input spikes"


def _shapes(trial: dict) -> dict[str, tuple | None]:
    return {
        key: None if trial.get(key) is None else np.shape(trial[key])
        for key in (*TRACE_KEYS, *TIME_KEYS.values())
    }


def _words(shape: tuple | None) -> str:
    if shape is None:
        return "nothing"
    return f"{shape[0]} samples" if len(shape) == 1 else f"shape {shape}"


def _array(trial: dict, key: str, where: str) -> np.ndarray | None:
    """A voltage, checked to be finite and in mV; None where the trial lacks it."""
    if trial.get(key) is None:
        return None
    trace = np.asarray(trial[key])
    if trace.dtype.kind not in "fiu" or not trace.size:
        raise NeuronIOError(f"{where} has {key} of {trace.size} values of {trace.dtype}, no trace")
    if fault := voltage_fault(trace) or unit_fault(trace):
        raise NeuronIOError(f"{where}: {key} {fault}; leave this trial out or mend it")
    return trace


def _axis_rate(trial: dict, resolution: str, n_samples: int, where: str) -> float | None:
    """Samples per ms by the times of a trace, or None where they are not there."""
    key = TIME_KEYS[resolution]
    if trial.get(key) is None:
        return None
    axis = np.asarray(trial[key])
    if axis.shape != (n_samples,) or axis.dtype.kind not in "fiu":
        raise NeuronIOError(
            f"{where} has {key} of shape {axis.shape}, but the voltage has {n_samples} samples"
        )
    times = axis.astype(np.float64)
    if n_samples < 2:
        return None
    step = (times[-1] - times[0]) / (n_samples - 1)
    # A sample may lie off the even grid by what its type rounds it by.
    rounding = float(np.spacing(np.abs(axis).max())) if axis.dtype.kind == "f" else 0.0
    off = np.abs(times - times[0] - step * np.arange(n_samples))
    if not step > 0 or not (off <= step / 4 + rounding).all():
        raise NeuronIOError(
            f"{where} has samples that {key} does not put at even steps; resample them evenly"
        )
    return 1 / step


def _at_8khz(fine: np.ndarray, rate: int, where: str) -> np.ndarray:
    if rate % SAMPLES_PER_MS:
        raise NeuronIOError(
            f"{where} has {rate} fine samples a ms, but wanted is {SAMPLES_PER_MS} or a multiple "
            "of it; resample the fine trace, or leave it out where the 1 kHz trace and the output "
            "spikes are there"
        )
    return fine[:: rate // SAMPLES_PER_MS]


def _spikes(spikes: Any, duration_ms: int, rounded: bool, where: str) -> np.ndarray:
    """Output spike times, (spikes,) float64 ms, in order."""
    try:
        times = np.asarray(spikes)
        if times.dtype.kind not in "fiu" and times.size:
            raise ValueError(f"values of {times.dtype}")
        times = np.sort(times.astype(np.float64).ravel())
    except (TypeError, ValueError) as error:
        raise NeuronIOError(f"{where} has outputSpikeTimes that are no times: {error}") from error
    if fault := spike_fault(times, duration_ms, rounded):
        raise NeuronIOError(f"{where}: {fault}; mend outputSpikeTimes or leave this trial out")
    return times


def _times(times: Any, what: str, duration_ms: int) -> np.ndarray:
    """Input spike times, (spikes,) int64 ms."""
    times = np.asarray(times).ravel()
    if not times.size:
        return times.astype(np.int64)
    if times.dtype.kind not in "fiu" or (wrong := times[times % 1 != 0]).size:
        found = wrong[0] if times.dtype.kind in "fiu" else times[0]
        raise NeuronIOError(f"{what} has a spike at {found}, which is not a whole ms")
    if (outside := times[(times < 0) | (times >= duration_ms)]).size:
        raise NeuronIOError(
            f"{what} has a spike at {outside[0]} ms, outside the trial of {duration_ms} ms"
        )
    return times.astype(np.int64)


def _whole(value: Any, what: str) -> int:
    try:
        if int(value) == value:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise NeuronIOError(f"{what} {value!r}, but segments are whole numbers")


def _number(value: Any) -> float | None:
    """A positive finite number of `Params`, else None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None
