"""One trial of a cell in NEURON and in the ensemble engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neuronio.config import EngineConfig
from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.registry import make_engine


def soma_in_both(
    spec: CellSpec, inputs: Callable[[SegmentTable], InputEvents]
) -> tuple[np.ndarray, np.ndarray]:
    """The soma at 8 kHz (mV) in NEURON, and in double precision in the ensemble engine.

    Args:
        inputs: the trial's, for the cell's segments.
    """
    traces = []
    for settings in ({"name": "neuron"}, {"name": "ensemble", "precision": "float64"}):
        engine = make_engine(spec, EngineConfig(**settings), record_soma_8khz=True)
        traces.append(engine.run([inputs(engine.segment_table())])[0].soma_8khz_mV)
    return traces[0], traces[1]
