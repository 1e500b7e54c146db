"""The compiled kernel: built once per machine, called through ctypes."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from neuronio.config import EngineConfig
from neuronio.conventions import HIGHEST_MV, LOWEST_MV, SAMPLES_PER_MS
from neuronio.native import VECTOR_INCLUDE, load_library
from neuronio.simulation.engines.ensemble.export import CellModel

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
# What the sources need to be told, and where their headers are.
DEFINES = (
    f"LOWEST_MV={LOWEST_MV}",
    f"HIGHEST_MV={HIGHEST_MV}",
    f"SAMPLES_PER_MS={SAMPLES_PER_MS}",
)
INCLUDE = (SOURCE, VECTOR_INCLUDE)
_POINTER = ctypes.c_void_p


@cache
def library() -> ctypes.CDLL:
    """The kernel, compiled the first time this machine needs it.

    Raises:
        NeuronIOError: there is no compiler, or it refuses the source.
    """
    source = SOURCE / "kernel.cpp"
    found = load_library("ensemble", [source], flags=FLAGS, defines=DEFINES, include=INCLUDE)
    found.ensemble_layout.restype = ctypes.c_char_p
    found.ensemble_relative_magnesium.restype = ctypes.c_double
    found.ensemble_relative_magnesium.argtypes = [ctypes.c_double]
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


class KernelCell:
    """A cell in the kernel's own form and precision.

    Args:
        model: the exported cell; settings: dt, order, precision and gate_tables.
    """

    def __init__(self, model: CellModel, settings: EngineConfig):
        self._real = np.dtype(settings.precision)
        self._synapses = {
            "synapse_state": model.synapse_state,
            "synapse_kinds": model.synapse_kinds,
            "synapse_weight": np.ascontiguousarray(model.synapse_weight, self._real),
        }
        self._arrays = _cell_arrays(model, settings)
        cell_structure, self._span_structure = structures(settings.precision)
        self._cell = cell_structure(
            nodes=len(model.parent),
            second_order=settings.order == 2,
            **{name: pointer(array) for name, array in self._arrays.items()},
        )
        self._set_constants(model, settings.dt_ms)
        if settings.gate_tables:
            tables = aligned((library().ensemble_table_values(),), self._real)
            self._function("fill_tables")(ctypes.byref(self._cell), _POINTER(pointer(tables)))
            self._arrays["tables"], self._cell.tables = tables, pointer(tables)

    def advance(
        self,
        variables: list[np.ndarray],
        duration_ms: int,
        steps_per_sample: int,
        arrays: dict[str, np.ndarray],
    ) -> None:
        """Integrate all lanes over `duration_ms`, from the state that `variables` hold.

        Args:
            variables: as in source/cell.h's Variables, changed in place.
            steps_per_sample: time steps between two samples.
            arrays: events, nodes to record and where to, by their names in source/kernel.cpp.
        """
        span = self._span_structure(
            duration_ms=duration_ms,
            steps_per_sample=steps_per_sample,
            events=len(arrays["event_step"]),
            fast_nodes=len(arrays["fast_node"]),
            slow_nodes=len(arrays["slow_node"]),
            **{name: pointer(array) for name, array in (arrays | self._synapses).items()},
        )
        rows = (_POINTER * len(variables))(*map(pointer, variables))
        self._function("advance")(ctypes.byref(self._cell), rows, ctypes.byref(span))

    def _function(self, name: str):
        suffix = "float" if self._real.itemsize == 4 else "double"
        return getattr(library(), f"ensemble_{name}_{suffix}")

    def _set_constants(self, model: CellModel, dt_ms: float) -> None:
        cell = self._cell
        cell.minus_dt_log2e = -dt_ms * np.log2(np.e)
        cell.sk_fraction = -np.expm1(-dt_ms / model.sk_tau_ms)
        cell.nernst_mV, cell.log2_cao = model.nernst_mV, np.log2(model.cao_mM)
        for kind, synapse in zip(cell.synapse, model.synapse_types, strict=False):
            kind.rise_loss = -np.expm1(-dt_ms / synapse.tau_rise_ms)
            kind.decay_loss = -np.expm1(-dt_ms / synapse.tau_decay_ms)
            kind.reversal_mV = synapse.reversal_mV
            kind.magnesium = library().ensemble_relative_magnesium(synapse.magnesium_mM)


def _cell_arrays(model: CellModel, settings: EngineConfig) -> dict[str, np.ndarray]:
    """The arrays that the kernel's Cell points to, by their names there."""
    per_ms = (2 if settings.order == 2 else 1) / settings.dt_ms
    reals = {
        "diagonal": per_ms * 1e-3 * model.capacitance + model.axial_diagonal,
        "to_parent": model.to_parent,
        "from_parent": model.from_parent,
        "parameters": model.parameters,
    }
    arrays = {name: np.ascontiguousarray(a, settings.precision) for name, a in reals.items()}
    return arrays | {"parent": model.parent, "mechanisms": model.mechanisms}
