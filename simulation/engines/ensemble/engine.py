"""The ensemble engine: many trials of one cell in lockstep, with the NEURON engine's interface."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from neuronio.config import EngineConfig
from neuronio.conventions import HIGHEST_MV, LOWEST_MV
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import build_cell
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.base import Engine, TrialFailure, available_cores
from neuronio.simulation.engines.ensemble.agreement import check_agreement
from neuronio.simulation.engines.ensemble.export import export_cell
from neuronio.simulation.engines.ensemble.kernel import lane_count
from neuronio.simulation.engines.ensemble.lanes import LaneGroup, Traces


class EnsembleEngine(Engine):
    """Runs trials in lockstep, a lane group on each core; arguments as of `Engine`.

    NEURON builds the cell and the kernel gets its numbers from there. There is no time limit: a
    trial takes the steps it takes.

    Raises:
        NeuronIOError: the cell holds what cannot be translated, its kernel departs from NEURON, or
            settings ask for CVODE.
    """

    def __init__(self, spec: CellSpec, settings: EngineConfig, **options: Any):
        if settings.integrator != "fixed":
            raise NeuronIOError(
                f"the ensemble engine takes fixed steps but the integrator is "
                f"{settings.integrator}; set integrator fixed or engine neuron"
            )
        super().__init__(spec, settings, **options)
        cell = build_cell(spec)
        self.model = export_cell(cell)
        self._segment_table = cell.segment_table()
        # Let the NEURON cell go: NEURON would integrate it along with any other of this process.
        del cell
        gc.collect()
        check_agreement(spec, self.model, settings)

    def segment_table(self) -> SegmentTable:
        """The cell's dendritic segments."""
        return self._segment_table

    @property
    def batch_size(self) -> int:
        """Trials that keep every lane of every thread busy; give `run` a multiple of it."""
        return self._threads() * lane_count(np.dtype(self.settings.precision))

    def _integrate(self, inputs: list[InputEvents]) -> list[Recording | TrialFailure]:
        """As `run`, of the events that reach the synapses.

        A trial whose voltage leaves its bounds is taken out of its lane and run again alone in
        double precision from exact kinetics; only if that fails too is it a failure.
        """
        trials = list(enumerate(inputs))
        traces = self._run_lanes(trials, self.settings)
        if failed := [i for i, trace in traces.items() if trace.failed_ms is not None]:
            exact = self.settings.model_copy(
                update={"precision": "float64", "gate_tables": False, "threads": 1}
            )
            for i in failed:
                traces |= self._run_lanes([trials[i]], exact)
        return [self._outcome(traces[i]) for i in range(len(inputs))]

    def _threads(self) -> int:
        return self.settings.threads or available_cores()

    def _run_lanes(
        self, trials: list[tuple[int, InputEvents]], settings: EngineConfig
    ) -> dict[int, Traces]:
        lanes = lane_count(np.dtype(settings.precision))
        workers = max(1, min(settings.threads or self._threads(), -(-len(trials) // lanes)))

        def work(share: list[tuple[int, InputEvents]]) -> dict[int, Traces]:
            group = LaneGroup(self.model, settings, record_segments=self.record_segments)
            return group.run(share)

        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(work, [trials[k::workers] for k in range(workers)]))
        return {trial: traces for part in parts for trial, traces in part.items()}

    def _outcome(self, traces: Traces) -> Recording | TrialFailure:
        if traces.failed_ms is not None:
            return TrialFailure(
                f"a voltage left [{LOWEST_MV:g}, {HIGHEST_MV:g}] mV in float64 too",
                float(traces.failed_ms),
            )
        return self._recording(traces.soma_8khz_mV, traces.nexus_mV, traces.segments_mV)
