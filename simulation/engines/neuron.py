"""Trials in NEURON: the reference that every other engine is tested against."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from neuronio.config import EngineConfig
from neuronio.conventions import HIGHEST_MV, LOWEST_MV, SAMPLES_PER_MS
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import Cell, build_cell
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.base import Engine, TrialFailure

from neuron import h  # isort: skip

CHUNK_MS = 25


class NeuronEngine(Engine):
    """One cell in NEURON, run trial after trial; arguments as of `Engine`.

    Raises:
        NeuronIOError: the cell cannot be built.
    """

    def __init__(self, spec: CellSpec, settings: EngineConfig, **options: Any):
        super().__init__(spec, settings, **options)
        self.cell: Cell = build_cell(spec)
        self._segment_table = self.cell.segment_table()
        h.load_file("stdrun.hoc")
        self._cvode = h.CVode()
        self._connections = _connect(self.cell)
        self._time = h.Vector().record(h._ref_t)
        self._soma = h.Vector().record(self.cell.soma(0.5)._ref_v)
        self._nexus = h.Vector().record(self.cell.nexus._ref_v)
        self._segments = [
            h.Vector().record(segment._ref_v, 1.0)
            for segment in (self.cell.segments if self.record_segments else [])
        ]

    def segment_table(self) -> SegmentTable:
        """The cell's dendritic segments."""
        return self._segment_table

    def _integrate(self, inputs: list[InputEvents]) -> list[Recording | TrialFailure]:
        return [self._run_one(trial) for trial in inputs]

    def _run_one(self, inputs: InputEvents) -> Recording | TrialFailure:
        self._configure()
        self._initialise(inputs)
        started = time.monotonic()
        for stop in range(CHUNK_MS, inputs.duration_ms + CHUNK_MS, CHUNK_MS):
            try:
                self._advance(min(stop, inputs.duration_ms))
            except RuntimeError as error:  # which NEURON's variable step ends with
                return TrialFailure(" ".join(str(error).split()), h.t)
            voltage = self.cell.soma.v, self.cell.nexus.v
            if not all(LOWEST_MV <= v <= HIGHEST_MV for v in voltage):
                reason = f"voltage left [{LOWEST_MV:g}, {HIGHEST_MV:g}] mV ({voltage[0]:g} mV)"
                return TrialFailure(reason, h.t)
            if time.monotonic() - started > self.trial_limit_s:
                return TrialFailure(f"took longer than {self.trial_limit_s:g} s", h.t)
        self._check_global_state()
        return self._outcome(inputs.duration_ms)

    def _configure(self) -> None:
        """Set NEURON's global state, which any other cell in the process may have changed."""
        self.cell.set_globals()
        h.dt = self.settings.dt_ms
        h.steps_per_ms = 1 / self.settings.dt_ms
        fixed = self.settings.integrator == "fixed"
        h.secondorder = 2 if fixed and self.settings.order == 2 else 0
        self._cvode.active(not fixed)
        if not fixed:
            self._cvode.atol(self.settings.cvode_atol)

    def _check_global_state(self) -> None:
        found = (h.celsius, h.secondorder, bool(self._cvode.active()))
        fixed = self.settings.integrator == "fixed"
        wanted = (self.spec.celsius_degC, 2 if fixed and self.settings.order == 2 else 0, not fixed)
        if found != wanted or (fixed and abs(h.dt - self.settings.dt_ms) > 1e-12):
            raise NeuronIOError(
                f"NEURON's (celsius, secondorder, cvode) became {found} during a trial but the "
                f"engine set {wanted}; run other simulations in a process of their own"
            )

    def _initialise(self, inputs: InputEvents) -> None:
        n = inputs.n_segments
        times = inputs.time_ms.astype(float)
        synapses = inputs.synapse.astype(int)

        def queue() -> None:
            for excitatory, connections in self._connections:
                mine = (synapses < n) == excitatory
                for s, t in zip(synapses[mine] % n, times[mine], strict=True):
                    connections[s].event(t)

        handler = h.FInitializeHandler(queue)
        h.finitialize(self.spec.v_init_mV)
        del handler

    def _advance(self, stop_ms: float) -> None:
        if self.settings.integrator == "cvode":
            self._cvode.solve(stop_ms)
            return
        for _ in range(round((stop_ms - h.t) / self.settings.dt_ms)):
            h.fadvance()

    def _outcome(self, duration_ms: int) -> Recording | TrialFailure:
        soma_8khz = self._sampled(self._soma, duration_ms)
        nexus_8khz = self._sampled(self._nexus, duration_ms)
        if not (np.isfinite(soma_8khz).all() and np.isfinite(nexus_8khz).all()):
            return TrialFailure("voltage became NaN")
        segments = None
        if self.record_segments:
            segments = np.array([v.as_numpy()[:duration_ms] for v in self._segments], np.float32)
        return self._recording(soma_8khz, nexus_8khz[::SAMPLES_PER_MS], segments)

    def _sampled(self, trace, duration_ms: int) -> np.ndarray:
        """A recorded trace at 8 kHz: every n-th fixed step, or interpolated between CVODE's."""
        values = trace.as_numpy()
        n = SAMPLES_PER_MS * duration_ms
        if self.settings.integrator == "fixed":
            every = round(1 / SAMPLES_PER_MS / self.settings.dt_ms)
            return values[: n * every : every].astype(np.float32)
        grid = np.arange(n) / SAMPLES_PER_MS
        return np.interp(grid, self._time.as_numpy(), values).astype(np.float32)


def _connect(cell: Cell) -> list[tuple[bool, list]]:
    """For each synapse component: whether it is excitatory, and its S NetCons."""
    connections = []
    for group in cell.synapses:
        netcons = []
        for point in group.points:
            netcon = h.NetCon(None, point)
            netcon.weight[0], netcon.delay = group.weight, 0
            netcons.append(netcon)
        connections.append((group.excitatory, netcons))
    return connections
