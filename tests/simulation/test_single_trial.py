"""The functions of the public interface: inputs drawn, trials simulated, and what goes wrong."""

import numpy as np
import pytest
from neuron import h

from neuronio.config import EngineConfig, InputsConfig
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.simulation import single_trial
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.base import TrialFailure
from neuronio.simulation.engines.registry import make_engine
from neuronio.simulation.inputs.draw import draw_trial_inputs
from neuronio.simulation.single_trial import draw_inputs, save_trial, simulate


@pytest.fixture(scope="module")
def inputs():
    return draw_inputs("packaged", duration_ms=40, seed=5, excitation_basal_per_100ms=[700, 800])


def test_drawn_inputs_are_those_of_the_datasets_trial(inputs):
    spec = load_cell("packaged")
    segments = make_engine(spec, EngineConfig()).segment_table()
    section = InputsConfig(parameters={"excitation_basal_per_100ms": [700, 800]})
    expected = draw_trial_inputs(section, segments, 40, 5)
    np.testing.assert_array_equal(inputs.dense(), expected.dense())
    again = draw_inputs(
        spec, duration_ms=40, seed=5, index=1, excitation_basal_per_100ms=[700, 800]
    )
    assert not np.array_equal(inputs.dense(), again.dense())


def test_one_trial_gives_a_recording_and_several_a_list(inputs):
    alone = simulate("packaged", inputs, precision="float64")
    both = simulate(
        load_cell("packaged"), [inputs, inputs.window(0, 20)], record_segments=True, threads=1
    )
    assert alone.soma_8khz_mV.shape == (320,)
    assert alone.segments_mV is None
    assert [recording.segments_mV.shape for recording in both] == [(696, 40), (696, 20)]
    np.testing.assert_allclose(both[0].soma_mV, alone.soma_mV, atol=0.05)


def test_what_goes_wrong_is_one_sentence(inputs, monkeypatch):
    with pytest.raises(NeuronIOError, match="unknown key 'dtms'; did you mean 'dt_ms'"):
        simulate("packaged", inputs, dtms=0.1)
    with pytest.raises(NeuronIOError, match="no cell is called 'pakaged'"):
        simulate("pakaged", inputs)
    with pytest.raises(NeuronIOError, match="inputs are for 7 segments"):
        simulate("packaged", InputEvents.from_events(7, 10, [], []))
    with pytest.raises(NeuronIOError, match="no split 'tset'"):
        draw_inputs("packaged", split="tset")
    for name in ("seed", "index"):
        with pytest.raises(NeuronIOError, match=f"{name} is -1; give 0 or more"):
            draw_inputs("packaged", **{name: -1})
    with pytest.raises(NeuronIOError, match="no generator 'publishd'"):
        draw_inputs("packaged", "publishd", duration_ms=10)

    class Failing:
        def run(self, inputs):
            return [TrialFailure("voltage became NaN", 12.5) for _ in inputs]

    monkeypatch.setattr(single_trial, "make_engine", lambda *_, **__: Failing())
    with pytest.raises(NeuronIOError, match=r"trial 0 failed at 12\.5 ms: voltage became NaN"):
        simulate("packaged", [inputs])


def test_a_variable_step_that_cannot_be_taken_is_one_sentence(inputs):
    settings = {"name": "neuron", "integrator": "cvode", "cvode_atol": 1e-16}
    try:
        with pytest.raises(NeuronIOError, match="integrator error; try another cvode_atol"):
            simulate("packaged", inputs, **settings)
    finally:  # of all that this process simulates after it
        h.CVode().atol(1e-3)
        h.CVode().active(False)


def test_a_saved_trial_holds_its_inputs_again(inputs, tmp_path):
    path = tmp_path / "trial.npz"
    recording = simulate("packaged", inputs)
    save_trial(path, inputs, recording, {"cell": "packaged"})
    np.testing.assert_array_equal(InputEvents.load_npz(path).dense(), inputs.dense())
    with np.load(path) as archive:
        np.testing.assert_array_equal(archive["soma_mV"], recording.soma_mV)
        assert archive["cell"] == "packaged"
