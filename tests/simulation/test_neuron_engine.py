"""The NEURON engine: the golden trials of the published model, and what goes wrong in words."""

import numpy as np
import pytest

from neuronio.config import EngineConfig
from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.compare import away_from
from neuronio.simulation.engines.base import TrialFailure
from neuronio.simulation.engines.registry import make_engine

REPEATED_MS = {101: 400, 253: 760}
"""How much of golden trials NEURON repeats here: of one without spikes, of one with two."""


def golden(mirror, number):
    with np.load(mirror / "golden" / f"neuronio_trial_{number}.npz") as archive:
        return dict(archive)


@pytest.fixture  # of one test: NEURON integrates every cell that is held
def published(mirror):
    """The NEURON engine as NeuronIO was made: its cell, the fixed step, the t = 0 artefact."""
    spec = load_cell("neuronio")
    settings = EngineConfig(name="neuron")
    return make_engine(spec, settings, t0_artefact=True, record_soma_8khz=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", REPEATED_MS)
def test_golden_trials_are_reproduced(published, mirror, number):
    wanted = golden(mirror, number)
    # The ensemble engine's tests have them to their ends.
    duration = REPEATED_MS[number]
    [found] = published.run([InputEvents.from_packed(wanted).window(0, duration)])
    expected = wanted["fixed_spike_ms"][wanted["fixed_spike_ms"] < duration - 1]
    assert len(found.spike_ms) == len(expected)
    assert np.abs(found.spike_ms - expected).max(initial=0) <= 0.125
    time = np.arange(SAMPLES_PER_MS * duration) / SAMPLES_PER_MS
    quiet = away_from(time, wanted["fixed_spike_ms"], 3.0)
    difference = (found.soma_8khz_mV - wanted["fixed_soma_8khz_mV"][: len(time)])[quiet]
    assert np.sqrt(np.mean(difference**2)) < 0.02
    np.testing.assert_array_equal(found.soma_mV, found.soma_8khz_mV[::SAMPLES_PER_MS])
    nexus = wanted["fixed_nexus_8khz_mV"][: len(time) : SAMPLES_PER_MS]
    assert np.sqrt(np.mean((found.nexus_mV - nexus)[quiet[::SAMPLES_PER_MS]] ** 2)) < 0.02


@pytest.mark.slow
def test_the_variable_step_agrees_with_the_published_one(mirror):
    wanted = golden(mirror, 102)
    settings = EngineConfig(name="neuron", integrator="cvode")
    engine = make_engine(load_cell("neuronio"), settings, t0_artefact=True)
    [found] = engine.run([InputEvents.from_packed(wanted).window(0, 900)])
    difference = found.soma_mV[:850] - wanted["cvode_soma_mV"][:850]
    assert np.sqrt(np.mean(difference**2)) < 0.02
    assert np.abs(found.spike_ms - wanted["cvode_spike_ms"][:3]).max() < 1.0


@pytest.fixture(scope="module")
def packaged():
    return make_engine(load_cell("packaged"), EngineConfig(name="neuron"), record_segments=True)


def test_a_trial_does_not_depend_on_the_trials_before_it(packaged, random_inputs):
    n = len(packaged.cell.segments)
    a, b = random_inputs(n, 60, 0.01, seed=1), random_inputs(n, 60, 0.02, seed=2)
    [alone] = packaged.run([b])
    _, after = packaged.run([a, b])
    np.testing.assert_array_equal(alone.soma_mV, after.soma_mV)
    np.testing.assert_array_equal(alone.segments_mV, after.segments_mV)


def test_every_segment_is_recorded_on_the_same_grid(packaged, random_inputs):
    n = len(packaged.cell.segments)
    [found] = packaged.run([random_inputs(n, 40, 0.01)])
    assert found.segments_mV.shape == (n, 40)
    nexus = packaged.cell.segments.index(packaged.cell.nexus.sec(packaged.cell.nexus.x))
    np.testing.assert_allclose(found.segments_mV[nexus], found.nexus_mV, atol=1e-5)
    assert found.soma_8khz_mV is None


def test_the_artefact_silences_synapses_for_the_whole_trial(random_inputs):
    spec, settings = load_cell("packaged"), EngineConfig(name="neuron")
    engine = make_engine(spec, settings, t0_artefact=True)
    inputs = random_inputs(len(engine.cell.segments), 40, 0.02)
    silenced = inputs.first_ms_synapses()
    assert len(silenced) > 5
    [found] = engine.run([inputs])
    [masked] = engine.run([inputs.without_synapses(silenced)])
    np.testing.assert_array_equal(found.soma_mV, masked.soma_mV)
    [corrected] = make_engine(spec, settings).run([inputs])
    assert np.abs(corrected.soma_mV - found.soma_mV).max() > 0.01


def test_inputs_for_another_cell_are_refused(packaged, random_inputs):
    with pytest.raises(NeuronIOError, match="inputs are for 3 segments but the cell packaged"):
        packaged.run([random_inputs(3, 40, 0.01)])


def test_a_trial_that_blows_up_or_takes_too_long_is_a_failure(random_inputs):
    spec = load_cell("packaged")
    wild = spec.model_copy(
        update={
            "synapses": {
                name: component.model_copy(update={"reversal_mV": 500.0, "gmax_nS": 500.0})
                for name, component in spec.synapses.items()
            }
        }
    )
    settings = EngineConfig(name="neuron")
    engine = make_engine(wild, settings)
    inputs = random_inputs(len(engine.cell.segments), 100, 0.01)
    [failure] = engine.run([inputs])
    assert isinstance(failure, TrialFailure)
    assert "voltage left" in failure.reason
    assert 0 < failure.time_ms <= 100
    [slow] = make_engine(spec, settings, trial_limit_s=1e-6).run([inputs])
    assert isinstance(slow, TrialFailure)
    assert "took longer" in slow.reason
