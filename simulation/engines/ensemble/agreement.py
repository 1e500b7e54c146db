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
from neuronio.native import cache_dir, compiler_version
from neuronio.recipe import code, deciding_versions, digest, machine
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.engines.ensemble.export import CellModel
from neuronio.simulation.engines.ensemble.lanes import LaneGroup
from neuronio.simulation.engines.neuron import NeuronEngine
from neuronio.simulation.morphology import morphology_sha256

LARGEST_MV = 1e-3
DURATION_MS = 60
LIGHT_MS = 20
EVENTS_PER_SYNAPSE = 0.25
# Of the second drive: one synapse in so many has so many events.
ONE_IN = 20
LEAST_BUSY = 4
EVENTS_PER_BUSY_SYNAPSE = 12
SPIKE_MARGIN_MS = 1.0
SPIKE_SHIFT_MS = 1 / SAMPLES_PER_MS


def check_agreement(spec: CellSpec, model: CellModel, settings: EngineConfig) -> None:
    """Compare the exported cell with NEURON's, in double precision; once for each recipe.

    In one trial some events reach every synapse within LIGHT_MS; in the other one synapse in ONE_IN
    has EVENTS_PER_BUSY_SYNAPSE. The soma's voltages must agree until shortly before the first
    spike, and so must the spikes.

    Raises:
        NeuronIOError: they differ by more than LARGEST_MV, or a spike is moved.
    """
    exact = settings.model_copy(update={"precision": "float64", "gate_tables": False, "threads": 1})
    note = cache_dir() / "agreements" / _recipe(spec, exact)
    if note.is_file():
        return
    n_segments = len(model.segments)
    inputs = [_light(n_segments), _busy(n_segments)]
    theirs = _in_neuron(spec, exact, inputs)
    ours = LaneGroup(model, exact).run(list(enumerate(inputs)))
    pairs = [(ours[i].soma_8khz_mV, trace) for i, trace in enumerate(theirs)]
    difference = max(_difference_mV(*pair) for pair in pairs)
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


def _in_neuron(
    spec: CellSpec, settings: EngineConfig, inputs: list[InputEvents]
) -> list[np.ndarray]:
    same = EngineConfig(name="neuron", dt_ms=settings.dt_ms, order=settings.order)
    engine = NeuronEngine(spec, same, record_soma_8khz=True)
    found = engine.run(inputs)
    del engine
    gc.collect()
    traces = []
    for outcome in found:
        if not isinstance(outcome, Recording):
            raise NeuronIOError(
                f"the cell {spec.name} fails in NEURON under light drive: {outcome.reason}"
            )
        assert outcome.soma_8khz_mV is not None
        traces.append(outcome.soma_8khz_mV)
    return traces


def _light(n_segments: int) -> InputEvents:
    """Few events of all synapses."""
    rng = np.random.default_rng(0)
    n = round(2 * n_segments * EVENTS_PER_SYNAPSE)
    return InputEvents.from_events(
        n_segments, DURATION_MS, rng.integers(0, 2 * n_segments, n), rng.integers(0, LIGHT_MS, n)
    )


def _busy(n_segments: int) -> InputEvents:
    """Many events of few synapses, excitatory and inhibitory ones alike."""
    rng = np.random.default_rng(1)
    some = min(n_segments, max(LEAST_BUSY, n_segments // ONE_IN))
    chosen = [rng.choice(n_segments, some, replace=False) + half for half in (0, n_segments)]
    synapse = np.concatenate(chosen).repeat(EVENTS_PER_BUSY_SYNAPSE)
    return InputEvents.from_events(
        n_segments, DURATION_MS, synapse, rng.integers(0, DURATION_MS, len(synapse))
    )


def _recipe(spec: CellSpec, settings: EngineConfig) -> str:
    return digest(
        {
            "cell": spec.digest(),
            "morphology": morphology_sha256(spec.morphology),
            "engine": settings.model_dump(mode="json"),
            "code": _code(),
            "machine": machine(),
            "compiler": compiler_version(),
            "versions": deciding_versions(("neuron", "numpy")),
        }
    )


@cache
def _code() -> dict[str, str]:
    return code("neuronio.simulation.engines.ensemble.engine")
