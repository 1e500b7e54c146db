"""The compiled kernel: built once per machine, called through ctypes."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from data.native import load_library

SOURCE = Path(__file__).parent / "source"
# Contracting a * b + c and dropping traps and the sign of zero change no result that matters here.
# Reassociation and finite-math stay off: exponentials round by adding a large number, and a lane
# that became NaN must be seen.
FLAGS = (
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-fno-strict-aliasing",
)
_POINTER = ctypes.c_void_p


@cache
def library() -> ctypes.CDLL:
    """The kernel, compiled the first time this machine needs it.

    Raises:
        NeuronIOError: there is no compiler, or it refuses the source.
    """
    found = load_library("ensemble", [SOURCE / "kernel.cpp"], flags=FLAGS, include=[SOURCE])
    found.ensemble_layout.restype = ctypes.c_char_p
    return found


def lane_count(precision: np.dtype) -> int:
    """Trials that run in lockstep: as many as a vector register of this machine holds."""
    return library().ensemble_lanes(precision.itemsize)


def pointer(array: np.ndarray) -> int:
    """Address of a contiguous array's data."""
    if not array.flags.c_contiguous:
        raise ValueError("the kernel takes contiguous arrays only")
    return array.ctypes.data


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that start on a boundary of 64 bytes, as vector loads need."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def _fields(real: type, *names: str) -> list[tuple[str, type]]:
    return [(name, real) for name in names]


@cache
def structures(precision: str) -> tuple[type, type]:
    """The kernel's Cell and Span (source/cell.h, source/kernel.cpp) for 'float32' or 'float64'."""
    real = ctypes.c_float if precision == "float32" else ctypes.c_double
    kinds = library().ensemble_synapse_kinds()
    pointers = ("parent", "mechanisms", "diagonal", "to_parent", "from_parent", "parameters")

    class SynapseKind(ctypes.Structure):
        _fields_ = _fields(real, "rise_loss", "decay_loss", "reversal_mV", "magnesium")

    class CellStructure(ctypes.Structure):
        _fields_ = [
            *_fields(ctypes.c_int32, "nodes", "second_order"),
            *_fields(_POINTER, *pointers, "tables"),
            *_fields(real, "minus_dt_log2e", "sk_fraction", "nernst_mV", "log2_cao"),
            ("synapse", SynapseKind * kinds),
        ]

    class SpanStructure(ctypes.Structure):
        _fields_ = [
            *_fields(ctypes.c_int32, "duration_ms", "steps_per_sample", "events"),
            *_fields(ctypes.c_int32, "fast_nodes", "slow_nodes"),
            *_fields(_POINTER, "event_step", "event_synapse", "event_lane"),
            *_fields(_POINTER, "synapse_state", "synapse_kinds", "synapse_weight"),
            *_fields(_POINTER, "fast_node", "slow_node", "fast", "slow", "failed_ms"),
        ]

    return CellStructure, SpanStructure
