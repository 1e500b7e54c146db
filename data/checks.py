"""What is wrong with the numbers of a trial, in words; import, verify and reading all ask here."""

from __future__ import annotations

import numpy as np

VOLT_SIZED = 1.0
"""No neuron stays so near to 0 mV for a whole trial: a trace whose values are smaller is in V."""


def spike_fault(spike_ms: np.ndarray, duration_ms: int, rounded: bool = False) -> str | None:
    """Why output spike times (ms) cannot be those of a trial, or None: finite, inside it, sorted.

    Args:
        rounded: the times were float16, which rounds one of the last ms up to the trial's end.
    """
    times = np.asarray(spike_ms)
    if (bad := np.flatnonzero(~np.isfinite(times))).size:
        return f"output spike {bad[0]} is at {times[bad[0]]} ms, but a time must be finite"
    late = times > duration_ms if rounded else times >= duration_ms
    if (bad := np.flatnonzero((times < 0) | late)).size:
        return (
            f"output spike {bad[0]} is at {times[bad[0]]:g} ms, outside the trial of "
            f"{duration_ms} ms"
        )
    if (bad := np.flatnonzero(np.diff(times) < 0)).size:
        i = int(bad[0])
        return f"output spike {i + 1} at {times[i + 1]:g} ms comes after one at {times[i]:g} ms"
    return None


def voltage_fault(trace: np.ndarray) -> str | None:
    """Why a voltage (mV; any shape, time last) cannot be a trial's, or None: it is not finite."""
    trace = np.asarray(trace)
    finite = np.isfinite(trace)
    if not finite.all():
        where = np.unravel_index(int(np.argmin(finite)), trace.shape)
        return f"is {trace[where]} at sample {where[-1]}"
    return None


def unit_fault(trace: np.ndarray) -> str | None:
    """Why a voltage cannot be in mV, or None."""
    if trace.size and (largest := float(np.abs(trace).max())) and largest < VOLT_SIZED:
        return f"is nowhere over {largest:g} from 0, so it is in V, but wanted is mV"
    return None
