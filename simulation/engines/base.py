"""What every engine has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from neuronio.config import EngineConfig
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents, Recording
from neuronio.simulation.cell_spec import CellSpec

LOWEST_MV, HIGHEST_MV = -150.0, 100.0


@dataclass(frozen=True)
class TrialFailure:
    """A trial that gave no recording.

    Attributes:
        reason: why, in words.
        time_ms: where in the trial, when that is known.
    """

    reason: str
    time_ms: float | None = None


class Engine(Protocol):
    """Integrates trials of one cell."""

    def segment_table(self) -> SegmentTable:
        """The cell's dendritic segments."""
        ...

    def run(self, inputs: Sequence[InputEvents]) -> list[Recording | TrialFailure]:
        """One recording, or failure, for each trial's inputs."""
        ...


def make_engine(
    spec: CellSpec,
    settings: EngineConfig,
    *,
    t0_artefact: bool = False,
    record_soma_8khz: bool = False,
    record_segments: bool = False,
    trial_limit_s: float = 600.0,
) -> Engine:
    """The engine that the settings name, with the cell built.

    Args:
        t0_artefact: silence every synapse whose input has a spike in the first ms.
        record_soma_8khz: keep the 8 kHz soma voltage in the recordings.
        record_segments: keep the voltage of every dendritic segment.
        trial_limit_s: longest wall time of a trial in NEURON, s.
    """
    options = {
        "t0_artefact": t0_artefact,
        "record_soma_8khz": record_soma_8khz,
        "record_segments": record_segments,
    }
    if settings.name == "ensemble":
        from neuronio.simulation.engines.ensemble import EnsembleEngine

        return EnsembleEngine(spec, settings, **options)
    from neuronio.simulation.engines.neuron import NeuronEngine

    return NeuronEngine(spec, settings, trial_limit_s=trial_limit_s, **options)


def delivered(inputs: InputEvents, t0_artefact: bool) -> InputEvents:
    """The events that reach synapses: all of them, or those that the t = 0 artefact leaves."""
    if not t0_artefact:
        return inputs
    return inputs.without_synapses(inputs.first_ms_synapses())
