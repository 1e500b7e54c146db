"""The ensemble engine: many trials of one cell in lockstep, with the NEURON engine's interface."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from neuronio.config import EngineConfig
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import SAMPLES_PER_MS, InputEvents, Recording, detect_spikes
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import build_cell
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.base import HIGHEST_MV, LOWEST_MV, TrialFailure, delivered
from neuronio.simulation.engines.ensemble.export import MechanismLayout, export_cell
from neuronio.simulation.engines.ensemble.kernel import lane_count, library
from neuronio.simulation.engines.ensemble.lanes import LaneGroup, Traces


class EnsembleEngine:
    """Runs trials in lockstep, a lane group on each core.

    Args:
        spec: the cell model; NEURON builds it and the kernel gets its numbers from there.
        settings: dt, order, precision, gate_tables and threads; the integrator must be fixed.
        t0_artefact: silence every synapse whose input has a spike in the first ms.
        record_soma_8khz, record_segments: what recordings keep beside soma, nexus and spikes.

    Raises:
        NeuronIOError: the cell holds what the kernel does not know, or settings ask for CVODE.
    """

    def __init__(
        self,
        spec: CellSpec,
        settings: EngineConfig,
        *,
        t0_artefact: bool = False,
        record_soma_8khz: bool = False,
        record_segments: bool = False,
    ):
        if settings.integrator != "fixed":
            raise NeuronIOError(
                f"the ensemble engine takes fixed steps but the integrator is "
                f"{settings.integrator}; set integrator fixed or engine neuron"
            )
        self.spec, self.settings = spec, settings
        self._t0_artefact = t0_artefact
        self._record_soma_8khz, self._record_segments = record_soma_8khz, record_segments
        layout = MechanismLayout.parse(library().ensemble_layout().decode())
        kinds = library().ensemble_synapse_kinds()
        cell = build_cell(spec)
        self.model = export_cell(cell, layout, kinds, settings.dt_ms)
        self._segment_table = cell.segment_table()
        # Let the NEURON cell go: NEURON would integrate it along with any other of this process.
        del cell
        gc.collect()

    def segment_table(self) -> SegmentTable:
        """The cell's dendritic segments."""
        return self._segment_table

    @property
    def batch_size(self) -> int:
        """Trials that keep every lane of every thread busy; give `run` a multiple of it."""
        return self._threads() * lane_count(np.dtype(self.settings.precision))

    def run(self, inputs: Sequence[InputEvents]) -> list[Recording | TrialFailure]:
        """One recording, or failure, for each trial's inputs.

        A trial whose voltage leaves its bounds is taken out of its lane and run again alone in
        double precision from exact kinetics; only if that fails too is it a failure.

        Raises:
            NeuronIOError: inputs are for another number of segments.
        """
        for trial in inputs:
            if trial.n_segments != len(self.model.segments):
                raise NeuronIOError(
                    f"the inputs are for {trial.n_segments} segments but the cell "
                    f"{self.spec.name} has {len(self.model.segments)}"
                )
        trials = [(i, delivered(trial, self._t0_artefact)) for i, trial in enumerate(inputs)]
        traces = self._run_lanes(trials, self.settings)
        if failed := [i for i, trace in traces.items() if trace.failed_ms is not None]:
            exact = self.settings.model_copy(
                update={"precision": "float64", "gate_tables": False, "threads": 1}
            )
            for i in failed:
                traces |= self._run_lanes([trials[i]], exact)
        return [self._recording(traces[i]) for i in range(len(inputs))]

    def _threads(self) -> int:
        return self.settings.threads or len(os.sched_getaffinity(0))

    def _run_lanes(
        self, trials: list[tuple[int, InputEvents]], settings: EngineConfig
    ) -> dict[int, Traces]:
        lanes = lane_count(np.dtype(settings.precision))
        workers = max(1, min(settings.threads or self._threads(), -(-len(trials) // lanes)))

        def work(share: list[tuple[int, InputEvents]]) -> dict[int, Traces]:
            group = LaneGroup(self.model, settings, record_segments=self._record_segments)
            return group.run(share)

        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(work, [trials[k::workers] for k in range(workers)]))
        return {trial: traces for part in parts for trial, traces in part.items()}

    def _recording(self, traces: Traces) -> Recording | TrialFailure:
        if traces.failed_ms is not None:
            return TrialFailure(
                f"a voltage left [{LOWEST_MV:g}, {HIGHEST_MV:g}] mV in float64 too",
                float(traces.failed_ms),
            )
        soma = traces.soma_8khz_mV
        return Recording(
            soma[::SAMPLES_PER_MS].copy(),
            traces.nexus_mV,
            detect_spikes(soma),
            soma if self._record_soma_8khz else None,
            traces.segments_mV,
        )
