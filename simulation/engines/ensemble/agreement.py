"""The kernel beside NEURON, on a few milliseconds of drive, before anything is made with it."""

from __future__ import annotations

import gc
from functools import cache

import numpy as np

from neuronio.config import EngineConfig
from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.trial import InputEvents, Recording, detect_spikes
from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.native import cache_dir
from neuronio.recipe import code, deciding_versions, digest, machine
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.ensemble.export import CellModel
from neuronio.simulation.engines.ensemble.lanes import LaneGroup
from neuronio.simulation.engines.neuron import NeuronEngine
from neuronio.simulation.morphology import morphology_sha256

LARGEST_MV = 1e-3
DURATION_MS = 20
EVENTS_PER_SYNAPSE = 0.25
SPIKE_MARGIN_MS = 1.0
SPIKE_SHIFT_MS = 1 / SAMPLES_PER_MS


def check_agreement(spec: CellSpec, model: CellModel, settings: EngineConfig) -> None:
    """Compare the exported cell with NEURON's, in double precision; once for each recipe.

    Random events reach every synapse for DURATION_MS. The soma's voltages must agree until shortly
    before the first spike, and so must the spikes.

    Raises:
        NeuronIOError: they differ by more than LARGEST_MV, or a spike is moved.
    """
    exact = settings.model_copy(update={"precision": "float64", "gate_tables": False, "threads": 1})
    note = cache_dir() / "agreements" / _recipe(spec, exact)
    if note.is_file():
        return
    inputs = _inputs(len(model.segments))
    theirs = _in_neuron(spec, exact, inputs)
    ours = LaneGroup(model, exact).run([(0, inputs)])[0].soma_8khz_mV
    difference = _difference_mV(ours, theirs)
    if not difference <= LARGEST_MV:
        raise NeuronIOError(
            f"the kernel made for the cell {spec.name} departs from NEURON by {difference:.2g} mV "
            f"within {DURATION_MS} ms, where {LARGEST_MV:g} are allowed; use engine neuron"
        )
    write_atomic(note, f"{difference:.3g} mV\n".encode())


def _difference_mV(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference of the soma's voltage; infinite where spikes differ."""
    spikes = [detect_spikes(trace) for trace in (ours, theirs)]
    if len(spikes[0]) != len(spikes[1]):
        return np.inf
    if np.abs(spikes[0] - spikes[1]).max(initial=0) > SPIKE_SHIFT_MS:
        return np.inf
    first = spikes[1][0] - SPIKE_MARGIN_MS if len(spikes[1]) else DURATION_MS
    before = slice(0, max(1, int(first * SAMPLES_PER_MS)))
    return float(np.abs(ours[before] - theirs[before]).max())


def _in_neuron(spec: CellSpec, settings: EngineConfig, inputs: InputEvents) -> np.ndarray:
    same = EngineConfig(name="neuron", dt_ms=settings.dt_ms, order=settings.order)
    engine = NeuronEngine(spec, same, record_soma_8khz=True)
    found = engine.run([inputs])[0]
    del engine
    gc.collect()
    if not isinstance(found, Recording):
        raise NeuronIOError(
            f"the cell {spec.name} fails in NEURON under light drive: {found.reason}"
        )
    assert found.soma_8khz_mV is not None
    return found.soma_8khz_mV


def _inputs(n_segments: int) -> InputEvents:
    rng = np.random.default_rng(0)
    n = round(2 * n_segments * EVENTS_PER_SYNAPSE)
    return InputEvents.from_events(
        n_segments, DURATION_MS, rng.integers(0, 2 * n_segments, n), rng.integers(0, DURATION_MS, n)
    )


def _recipe(spec: CellSpec, settings: EngineConfig) -> str:
    return digest(
        {
            "cell": spec.digest(),
            "morphology": morphology_sha256(spec.morphology),
            "engine": settings.model_dump(mode="json"),
            "code": _code(),
            "machine": machine(),
            "versions": deciding_versions(("neuron", "numpy")),
        }
    )


@cache
def _code() -> dict[str, str]:
    return code("neuronio.simulation.engines.ensemble.engine")
