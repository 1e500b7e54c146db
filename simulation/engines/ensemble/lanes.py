"""A lane group: trials of one cell in lockstep, one SIMD lane each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neuronio.config import EngineConfig
from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.trial import InputEvents
from neuronio.simulation.engines.ensemble.export import CellModel
from neuronio.simulation.engines.ensemble.kernel import aligned, kernel_cell, lane_count

LONGEST_SPAN_MS = 100  # after as much, traces are sorted by trial and lanes refilled


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

    @property
    def left_ms(self) -> int:
        """What of the trial is still to come."""
        return self.inputs.duration_ms - self.done_ms


class LaneGroup:
    """Integrates trials in as many lanes as a vector register holds.

    Args:
        model: the exported cell; settings: dt, order, precision and gate_tables.
        record_segments: keep the voltage of every dendritic segment.

    Attributes:
        n_lanes: how many trials run at once.
        voltage: (N, n_lanes) mV; state: (M, n_lanes) gates, calcium and synapses; those of a trial
            stay in its lane until the next one starts there.
    """

    def __init__(self, model: CellModel, settings: EngineConfig, *, record_segments: bool = False):
        self._model, self._record_segments = model, record_segments
        self._cell = kernel_cell(
            model, settings.precision, settings.dt_ms, settings.order, settings.gate_tables
        )
        self._real = np.dtype(settings.precision)
        self._steps_per_sample = round(1 / SAMPLES_PER_MS / settings.dt_ms)
        self.n_lanes = lane_count(self._real)
        shape = len(model.parent), self.n_lanes
        self.voltage = aligned(shape, self._real)
        self.state = aligned((max(len(self._cell.initial), 1), self.n_lanes), self._real)
        self._scratch = [aligned(shape, self._real) for _ in range(4)]
        self._lanes: list[_Lane | None] = [None] * self.n_lanes
        for lane in range(self.n_lanes):
            self._reset(lane)

    def run(self, trials: Iterable[tuple[int, InputEvents]]) -> dict[int, Traces]:
        """Integrate numbered trials; a lane takes the next one as soon as its own is over."""
        waiting = deque(trials)
        results: dict[int, Traces] = {}
        while True:
            for i, lane in enumerate(self._lanes):
                if lane is None and waiting:
                    self._start(i, *waiting.popleft())
            running = [lane for lane in self._lanes if lane is not None]
            if not running:
                return results
            self._advance(min([LONGEST_SPAN_MS, *(lane.left_ms for lane in running)]))
            for i, lane in enumerate(self._lanes):
                if lane and (lane.left_ms == 0 or lane.traces.failed_ms is not None):
                    results[lane.trial] = lane.traces
                    self._lanes[i] = None

    def _start(self, lane: int, trial: int, inputs: InputEvents) -> None:
        duration_ms = inputs.duration_ms
        segments = None
        if self._record_segments:
            segments = np.empty((len(self._model.segments), duration_ms), dtype=np.float32)
        soma = np.empty(SAMPLES_PER_MS * duration_ms, dtype=np.float32)
        traces = Traces(soma, np.empty(duration_ms, np.float32), segments)
        self._reset(lane)
        self._lanes[lane] = _Lane(trial, inputs, traces)

    def _reset(self, lane: int) -> None:
        self.voltage[:, lane] = self._model.v_init_mV
        self.state[: len(self._cell.initial), lane] = self._cell.initial
        for rows in self._scratch:
            rows[:, lane] = 0

    def _advance(self, span_ms: int) -> None:
        """Integrate every lane over a span and keep what was recorded."""
        slow_nodes = [self._model.nexus]
        if self._record_segments:
            slow_nodes.extend(self._model.segments)
        step, synapse, owner = self._events(span_ms)
        span = {
            "event_step": step,
            "event_synapse": synapse,
            "event_lane": owner,
            "fast_node": np.array([self._model.soma], dtype=np.int32),
            "slow_node": np.array(slow_nodes, dtype=np.int32),
            "fast": aligned((SAMPLES_PER_MS * span_ms, 1, self.n_lanes), self._real),
            "slow": aligned((span_ms, len(slow_nodes), self.n_lanes), self._real),
            "lane_start_ms": np.array(
                [lane.done_ms if lane else 0 for lane in self._lanes], self._real
            ),
            "failed_ms": np.full(self.n_lanes, -1, dtype=np.int32),
        }
        variables = [self.voltage, *self._scratch, self.state]
        self._cell.advance(variables, span_ms, self._steps_per_sample, span)
        for i, lane in enumerate(self._lanes):
            if lane is not None:
                fast, slow = span["fast"][:, 0, i], span["slow"][:, :, i]
                self._keep(lane, fast, slow, span_ms, int(span["failed_ms"][i]))

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

    def _events(self, span_ms: int) -> list[np.ndarray]:
        """Step, synapse and lane of the events of a span, by step; each (events,) int32."""
        steps_per_ms = self._steps_per_sample * SAMPLES_PER_MS
        step, synapse, owner = [], [], []
        for i, lane in enumerate(self._lanes):
            if lane is None:
                continue
            window = lane.inputs.window(lane.done_ms, lane.done_ms + span_ms)
            step.append(window.time_ms * steps_per_ms)
            synapse.append(window.synapse)
            owner.append(np.full(window.n_events, i))
        order = np.argsort(np.concatenate(step), kind="stable")
        return [np.concatenate(part).astype(np.int32)[order] for part in (step, synapse, owner)]
