"""A lane group: trials of one cell in lockstep, one SIMD lane each."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from data.config import EngineConfig
from data.trial import SAMPLES_PER_MS, InputEvents
from simulation.ensemble.export import CellModel
from simulation.ensemble.kernel import aligned, lane_count, library, pointer, structures

LONGEST_SPAN_MS = 100  # between calls into the kernel lanes are refilled and traces sorted


@dataclass
class Traces:
    """What a lane recorded of a trial.

    Attributes:
        soma_8khz_mV: (8 T,) float32; nexus_mV: (T,) float32; segments_mV: (S, T) float32 or None.
        failed_ms: first ms in which a voltage left its bounds, or None.
    """

    soma_8khz_mV: np.ndarray
    nexus_mV: np.ndarray
    segments_mV: np.ndarray | None
    failed_ms: int | None = None


@dataclass
class _Lane:
    """The trial that occupies a lane, and how far it is."""

    trial: int
    inputs: InputEvents
    traces: Traces
    done_ms: int = 0


class LaneGroup:
    """Integrates trials in as many lanes as a vector register holds.

    Args:
        model: the exported cell; settings: dt, order, precision and gate_tables.
        record_segments: keep the voltage of every dendritic segment.
    """

    def __init__(self, model: CellModel, settings: EngineConfig, *, record_segments: bool = False):
        self._model, self._record_segments = model, record_segments
        self._real = np.dtype(settings.precision)
        self.n_lanes = lane_count(self._real)
        self._steps_per_sample = round(1 / SAMPLES_PER_MS / settings.dt_ms)
        self._arrays: dict[str, np.ndarray] = {}
        self._cell = self._cell_structure(settings)
        nodes, states = len(model.parent), max(len(model.initial), 1)
        self._voltage = aligned((nodes, self.n_lanes), self._real)
        self._scratch = [aligned((nodes, self.n_lanes), self._real) for _ in range(4)]
        self._state = aligned((states, self.n_lanes), self._real)
        rows = [self._voltage, *self._scratch, self._state]
        self._variables = (ctypes.c_void_p * len(rows))(*map(pointer, rows))
        suffix = "float" if self._real.itemsize == 4 else "double"
        self._advance_kernel = getattr(library(), f"ensemble_advance_{suffix}")
        for lane in range(self.n_lanes):
            self._reset(lane)

    def run(self, trials: Iterable[tuple[int, InputEvents]]) -> dict[int, Traces]:
        """Integrate numbered trials; a lane takes the next one as soon as its own is over."""
        waiting, results = deque(trials), {}
        lanes: list[_Lane | None] = [None] * self.n_lanes
        while True:
            for i, lane in enumerate(lanes):
                if lane is None and waiting:
                    lanes[i] = self._start(i, *waiting.popleft())
            running = [lane for lane in lanes if lane is not None]
            if not running:
                return results
            left_ms = min(lane.inputs.duration_ms - lane.done_ms for lane in running)
            self._advance(lanes, min(left_ms, LONGEST_SPAN_MS))
            for i, lane in enumerate(lanes):
                if lane and (
                    lane.done_ms == lane.inputs.duration_ms or lane.traces.failed_ms is not None
                ):
                    results[lane.trial] = lane.traces
                    lanes[i] = None
                    self._reset(i)

    def _start(self, lane: int, trial: int, inputs: InputEvents) -> _Lane:
        duration_ms = inputs.duration_ms
        segments = None
        if self._record_segments:
            segments = np.empty((len(self._model.segments), duration_ms), dtype=np.float32)
        soma = np.empty(SAMPLES_PER_MS * duration_ms, dtype=np.float32)
        return _Lane(trial, inputs, Traces(soma, np.empty(duration_ms, np.float32), segments))

    def _reset(self, lane: int) -> None:
        self._voltage[:, lane] = self._model.v_init_mV
        self._state[: len(self._model.initial), lane] = self._model.initial
        for rows in self._scratch:
            rows[:, lane] = 0

    def _advance(self, lanes: list[_Lane | None], span_ms: int) -> None:
        recorded = [self._model.nexus]
        if self._record_segments:
            recorded.extend(self._model.segments)
        fast = aligned((SAMPLES_PER_MS * span_ms, 1, self.n_lanes), self._real)
        slow = aligned((span_ms, len(recorded), self.n_lanes), self._real)
        failed = np.full(self.n_lanes, -1, dtype=np.int32)
        step, synapse, lane_of_event = self._events(lanes, span_ms)
        _, span_structure = structures(self._real.name)
        arrays = {
            "event_step": step,
            "event_synapse": synapse,
            "event_lane": lane_of_event,
            "synapse_state": self._model.synapse_state,
            "synapse_kinds": self._model.synapse_kinds,
            "synapse_weight": self._arrays["synapse_weight"],
            "fast_node": np.array([self._model.soma], dtype=np.int32),
            "slow_node": np.array(recorded, dtype=np.int32),
            "fast": fast,
            "slow": slow,
            "failed_ms": failed,
        }
        span = span_structure(
            span_ms,
            self._steps_per_sample,
            len(step),
            1,
            len(recorded),
            **{name: pointer(array) for name, array in arrays.items()},
        )
        self._advance_kernel(ctypes.byref(self._cell), self._variables, ctypes.byref(span))
        for i, lane in enumerate(lanes):
            if lane is not None:
                self._keep(lane, fast[:, 0, i], slow[:, :, i], span_ms, int(failed[i]))

    def _keep(
        self, lane: _Lane, fast: np.ndarray, slow: np.ndarray, span_ms: int, failed_ms: int
    ) -> None:
        """Copy a lane's part of a span into its traces."""
        start, stop = lane.done_ms, lane.done_ms + span_ms
        traces = lane.traces
        traces.soma_8khz_mV[SAMPLES_PER_MS * start : SAMPLES_PER_MS * stop] = fast
        traces.nexus_mV[start:stop] = slow[:, 0]
        if traces.segments_mV is not None:
            traces.segments_mV[:, start:stop] = slow[:, 1:].T
        if failed_ms >= 0:
            traces.failed_ms = start + failed_ms
        lane.done_ms = stop

    def _events(self, lanes: list[_Lane | None], span_ms: int) -> list[np.ndarray]:
        """Step, synapse and lane of the events of a span, by step; each (events,) int32."""
        steps_per_ms = self._steps_per_sample * SAMPLES_PER_MS
        step, synapse, owner = [], [], []
        for i, lane in enumerate(lanes):
            if lane is None:
                continue
            window = lane.inputs.window(lane.done_ms, lane.done_ms + span_ms)
            step.append(window.time_ms * steps_per_ms)
            synapse.append(window.synapse)
            owner.append(np.full(window.n_events, i))
        order = np.argsort(np.concatenate(step), kind="stable")
        return [np.concatenate(part).astype(np.int32)[order] for part in (step, synapse, owner)]

    def _cell_structure(self, settings: EngineConfig) -> ctypes.Structure:
        """The kernel's Cell; the arrays it points to live in `self._arrays`."""
        model, dt_ms = self._model, settings.dt_ms
        per_ms = (2 if settings.order == 2 else 1) / dt_ms
        reals = {
            "diagonal": per_ms * 1e-3 * model.capacitance + model.axial_diagonal,
            "to_parent": model.to_parent,
            "from_parent": model.from_parent,
            "parameters": model.parameters,
            "synapse_weight": model.synapse_weight,
        }
        self._arrays = {name: np.ascontiguousarray(a, self._real) for name, a in reals.items()}
        self._arrays |= {"parent": model.parent, "mechanisms": model.mechanisms}
        cell_structure, _ = structures(self._real.name)
        cell = cell_structure(nodes=len(model.parent), second_order=settings.order == 2)
        for name in ("parent", "mechanisms", "diagonal", "to_parent", "from_parent", "parameters"):
            setattr(cell, name, pointer(self._arrays[name]))
        cell.minus_dt_log2e = -dt_ms * np.log2(np.e)
        cell.sk_fraction = -np.expm1(-dt_ms / model.sk_tau_ms)
        cell.nernst_mV, cell.log2_cao = model.nernst_mV, np.log2(model.cao_mM)
        for kind, synapse in zip(cell.synapse, model.synapse_types, strict=False):
            kind.rise_loss = -np.expm1(-dt_ms / synapse.tau_rise_ms)
            kind.decay_loss = -np.expm1(-dt_ms / synapse.tau_decay_ms)
            kind.reversal_mV, kind.magnesium = synapse.reversal_mV, synapse.magnesium
        if settings.gate_tables:
            tables = aligned((library().ensemble_table_values(),), self._real)
            suffix = "float" if self._real.itemsize == 4 else "double"
            fill = getattr(library(), f"ensemble_fill_tables_{suffix}")
            fill(ctypes.byref(cell), ctypes.c_void_p(pointer(tables)))
            self._arrays["tables"], cell.tables = tables, pointer(tables)
        return cell
