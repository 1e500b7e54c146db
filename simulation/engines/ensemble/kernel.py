"""The kernel of a cell: generated, compiled once per machine, called through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

from neuronio.conventions import HIGHEST_MV, LOWEST_MV, SAMPLES_PER_MS
from neuronio.files import write_atomic
from neuronio.native import VECTOR_INCLUDE, cache_dir, load_library
from neuronio.simulation.engines.ensemble.export import CellModel
from neuronio.simulation.engines.ensemble.lowering import Slots
from neuronio.simulation.engines.ensemble.program import (
    GroupProgram,
    group_program,
    membrane_source,
)
from neuronio.simulation.engines.ensemble.tables import DEFINES as TABLE_DEFINES

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
    *TABLE_DEFINES,
    f"LOWEST_MV={LOWEST_MV}",
    f"HIGHEST_MV={HIGHEST_MV}",
    f"SAMPLES_PER_MS={SAMPLES_PER_MS}",
)
NO_MEMBRANE, JUNCTION = 0xFFFF, 1 << 31  # as in source/cell.h
_POINTER = ctypes.c_void_p


@cache
def _lanes_library() -> ctypes.CDLL:
    return load_library("lanes", [SOURCE / "lane_count.cpp"], include=[VECTOR_INCLUDE])


def lane_count(precision: np.dtype) -> int:
    """Trials that run in lockstep: as many as a vector register of this machine holds."""
    return _lanes_library().lane_count(precision.itemsize)


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


def _aligned_copy(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    copy = aligned(values.shape, dtype)
    copy[...] = values
    return copy


def _fields(real: type, *names: str) -> list[tuple[str, type]]:
    return [(name, real) for name in names]


@cache
def structures() -> tuple[type, type]:
    """The kernel's Cell and Span (source/cell.h, source/kernel.cpp)."""
    cell_pointers = ("parent", "kind", "diagonal", "to_parent", "from_parent", "parameters")

    class CellStructure(ctypes.Structure):
        _fields_ = [
            *_fields(ctypes.c_int32, "nodes", "second_order"),
            *_fields(_POINTER, *cell_pointers, "constants", "tables"),
        ]

    class SpanStructure(ctypes.Structure):
        _fields_ = [
            *_fields(ctypes.c_int32, "duration_ms", "steps_per_sample", "events"),
            *_fields(ctypes.c_int32, "fast_nodes", "slow_nodes"),
            *_fields(_POINTER, "event_step", "event_synapse", "event_lane"),
            *_fields(_POINTER, "first_gain", "gain_state", "gain"),
            *_fields(_POINTER, "first_receiver", "receiver", "lane_start_ms"),
            *_fields(_POINTER, "fast_node", "slow_node", "fast", "slow", "failed_ms"),
        ]

    return CellStructure, SpanStructure


_cells = lru_cache(maxsize=8)(lambda *arguments: KernelCell(*arguments))
_one_at_a_time = Lock()


def kernel_cell(
    model: CellModel, precision: str, dt_ms: float, order: int, tables: bool
) -> KernelCell:
    """The cell as a kernel takes it, made once for all threads that run it."""
    with _one_at_a_time:
        return _cells(model, precision, dt_ms, order, tables)


class KernelCell:
    """A cell in the kernel's own form and precision, with the kernel that was made for it.

    Args:
        model: the exported cell; precision: float32 or float64; dt_ms: the time step.
        order: 1 or 2, of the integration; tables: take gates from tables where one does.

    Attributes:
        initial: (M,) states at t = 0.
        states: node and name of each of the M states.

    Raises:
        NeuronIOError: there is no compiler, or it refuses the generated source.
    """

    def __init__(
        self, model: CellModel, precision: str, dt_ms: float, order: int, tables: bool = False
    ):
        self._real = np.dtype(precision)
        slots = Slots(tables)
        programs = make_programs(model, slots, precision, dt_ms, order)
        self._advance = _compiled(membrane_source(programs), precision)
        layout = _Layout(model, programs)
        self.initial, self.states = layout.initial, layout.states
        self._gains = layout.gains(self._real)
        per_ms = (2 if order == 2 else 1) / dt_ms
        reals = {
            "diagonal": per_ms * 1e-3 * model.capacitance + model.axial_diagonal,
            "to_parent": model.to_parent,
            "from_parent": model.from_parent,
            "parameters": layout.parameters,
            "constants": np.repeat([*slots.constants, 0.0], lane_count(self._real)),
            "tables": np.concatenate([np.zeros(0), *(t.ravel() for t in slots.tables or ())]),
        }
        self._arrays = {name: _aligned_copy(a, self._real) for name, a in reals.items()}
        self._arrays |= {"parent": model.parent, "kind": layout.kind}
        cell_structure, self._span_structure = structures()
        self._cell = cell_structure(
            nodes=len(model.parent),
            second_order=order == 2,
            **{name: pointer(array) for name, array in self._arrays.items()},
        )

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
            **{name: pointer(array) for name, array in (arrays | self._gains).items()},
        )
        rows = (_POINTER * len(variables))(*map(pointer, variables))
        self._advance(ctypes.byref(self._cell), rows, ctypes.byref(span))


def make_programs(
    model: CellModel, slots: Slots, precision: str, dt_ms: float, order: int
) -> list[GroupProgram]:
    """What the kernel runs for every group of a cell's nodes; `slots` takes the numbers."""
    programs = []
    for i, group in enumerate(model.groups):
        n = len(group.nodes)
        known = group.known | {"dt": np.full(n, dt_ms), "order": np.full(n, float(order))}
        programs.append(group_program(i, group.equations, known, slots, precision, dt_ms))
    return programs


class _Layout:
    """Where every node's parameters and states lie."""

    def __init__(self, model: CellModel, programs: list[GroupProgram]):
        n = len(model.parent)
        self._model, self._programs = model, programs
        group, row = np.full(n, NO_MEMBRANE), np.zeros(n, dtype=int)
        for i, members in enumerate(model.groups):
            group[members.nodes] = i
            row[members.nodes] = np.arange(len(members.nodes))
        self.kind = (group | np.where(model.junction, JUNCTION, 0)).astype(np.uint32)
        self._group = group
        self.states: list[tuple[int, str]] = []
        self._first: dict[int, tuple[int, int]] = {}  # parameter and state of each node
        n_parameters = 0
        parameters, initial = [np.zeros(0)], [np.zeros(0)]
        for node in np.flatnonzero(group != NO_MEMBRANE):
            program, members = programs[group[node]], model.groups[group[node]]
            self._first[int(node)] = n_parameters, len(self.states)
            n_parameters += program.parameters.shape[1]
            parameters.append(program.parameters[row[node]])
            first = [members.initial.get(name) for name in program.states]
            initial.append(np.array([0.0 if x is None else x[row[node]] for x in first]))
            self.states += [(int(node), name) for name in program.states]
        self.parameters = np.concatenate([*parameters, np.zeros(1)])
        self.initial = np.concatenate(initial)

    def gains(self, real: np.dtype) -> dict[str, np.ndarray]:
        """What events do, by the names in source/kernel.cpp."""
        at = {state: i for i, state in enumerate(self.states)}
        n = 2 * len(self._model.segments)
        added: list[list[tuple[int, float]]] = [[] for _ in range(n)]
        received: list[list[tuple[int, ...]]] = [[] for _ in range(n)]
        for gain in self._model.gains:
            for i, (s, node) in enumerate(zip(gain.synapses, gain.nodes, strict=True)):
                receivers = self._programs[self._group[node]].receivers
                if gain.amounts is not None:
                    if (state := at.get((int(node), gain.state))) is not None:
                        added[s].append((state, float(gain.amounts[i])))
                elif gain.state in receivers:
                    which = receivers.index(gain.state)
                    received[s].append((self._group[node], which, *self._first[node]))
        flat = [pair for pairs in added for pair in pairs]
        rows = [row for rows in received for row in rows]
        return {
            "first_gain": np.cumsum([0, *map(len, added)], dtype=np.int32),
            "gain_state": np.array([state for state, _ in flat] + [0], dtype=np.int32),
            "gain": np.array([x for _, x in flat] + [0.0]).astype(real),
            "first_receiver": np.cumsum([0, *map(len, received)], dtype=np.int32),
            "receiver": np.array([*rows, (0, 0, 0, 0)], dtype=np.int32),
        }


def _compiled(source: str, precision: str):
    """The kernel with a generated membrane, compiled the first time this machine needs it."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    folder = cache_dir() / "membranes" / digest
    header = folder / "membrane.h"
    if not header.is_file() or header.read_text() != source:
        write_atomic(header, source.encode())
    real = "float" if precision == "float32" else "double"
    cell, span = structures()
    found = load_library(
        "ensemble",
        [SOURCE / "kernel.cpp"],
        flags=FLAGS,
        defines=[*DEFINES, f"LANE_REAL={real}"],
        include=[SOURCE, VECTOR_INCLUDE, folder],
        sizes={
            "cell_bytes": ctypes.sizeof(cell),
            "span_bytes": ctypes.sizeof(span),
            "vector_bytes": 8 * lane_count(np.dtype("float64")),
        },
    )
    return found.ensemble_advance
