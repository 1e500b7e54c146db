"""What every engine has in common."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuronio.config import EngineConfig
from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents, Recording, detect_spikes
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell_spec import CellSpec


@dataclass(frozen=True)
class TrialFailure:
    """A trial that gave no recording.

    Attributes:
        reason: why, in words.
        time_ms: where in the trial, when that is known.
    """

    reason: str
    time_ms: float | None = None


class Engine(ABC):
    """Integrates trials of one cell.

    Args:
        spec: the cell model.
        settings: integrator, dt (ms), order and whatever else the engine takes.
        t0_artefact: silence every synapse whose input has a spike in the first ms.
        record_soma_8khz: keep the 8 kHz soma voltage in the recordings.
        record_segments: keep the 1 kHz voltage of every dendritic segment.
        trial_limit_s: longest wall time of a trial in NEURON, s.
    """

    def __init__(
        self,
        spec: CellSpec,
        settings: EngineConfig,
        *,
        t0_artefact: bool = False,
        record_soma_8khz: bool = False,
        record_segments: bool = False,
        trial_limit_s: float = 600.0,
    ):
        self.spec, self.settings = spec, settings
        self.t0_artefact, self.trial_limit_s = t0_artefact, trial_limit_s
        self.record_soma_8khz, self.record_segments = record_soma_8khz, record_segments

    @abstractmethod
    def segment_table(self) -> SegmentTable:
        """The cell's dendritic segments."""

    @property
    def batch_size(self) -> int:
        """Trials that `run` takes at once without leaving anything idle."""
        return 1

    def run(self, inputs: Sequence[InputEvents]) -> list[Recording | TrialFailure]:
        """Simulate each trial from its initial state.

        Args:
            inputs: one entry a trial; trials may differ in length.

        Returns:
            One recording, or failure, for each trial, in the order of `inputs`.

        Raises:
            NeuronIOError: inputs are for another number of segments.
        """
        n_segments = len(self.segment_table())
        for trial in inputs:
            if trial.n_segments != n_segments:
                raise NeuronIOError(
                    f"the inputs are for {trial.n_segments} segments but the cell "
                    f"{self.spec.name} has {n_segments}"
                )
        return self._integrate([delivered(trial, self.t0_artefact) for trial in inputs])

    @abstractmethod
    def _integrate(self, inputs: list[InputEvents]) -> list[Recording | TrialFailure]:
        """As `run`, of the events that reach the synapses."""

    def _recording(
        self, soma_8khz_mV: np.ndarray, nexus_mV: np.ndarray, segments_mV: np.ndarray | None
    ) -> Recording:
        """A trial's recording from the soma at 8 kHz, (8 T,), and the rest at 1 kHz."""
        return Recording(
            soma_8khz_mV[::SAMPLES_PER_MS].copy(),
            nexus_mV,
            detect_spikes(soma_8khz_mV),
            soma_8khz_mV if self.record_soma_8khz else None,
            segments_mV,
        )


def delivered(inputs: InputEvents, t0_artefact: bool) -> InputEvents:
    """The events that reach synapses: all of them, or those that the t = 0 artefact leaves."""
    if not t0_artefact:
        return inputs
    return inputs.without_synapses(inputs.first_ms_synapses())


def available_cores() -> int:
    """Cores that this process may use, or all of the machine where the platform cannot tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
