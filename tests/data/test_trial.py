import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuronio.data.trial import InputEvents, detect_spikes
from neuronio.errors import NeuronIOError

DENSE = arrays(bool, (6, 17))


@given(DENSE)
def test_events_and_dense_arrays_hold_the_same_spikes(dense):
    events = InputEvents.from_dense(dense[:3], dense[3:])
    np.testing.assert_array_equal(events.dense(), dense)
    synapse, time_ms = np.nonzero(dense)
    again = InputEvents.from_events(3, 17, synapse[::-1], time_ms[::-1])
    np.testing.assert_array_equal(again.synapse, events.synapse)
    np.testing.assert_array_equal(again.offset, events.offset)
    np.testing.assert_array_equal(InputEvents.from_packed(events.packed()).dense(), dense)


@given(DENSE, st.integers(0, 16), st.integers(1, 17))
def test_a_window_is_a_slice_of_the_dense_array(dense, start, length):
    stop = min(start + length, 17)
    window = InputEvents.from_dense(dense[:3], dense[3:]).window(start, stop)
    np.testing.assert_array_equal(window.dense(), dense[:, start:stop])


@given(DENSE)
def test_the_artefact_silences_exactly_the_synapses_of_the_first_ms(dense):
    events = InputEvents.from_dense(dense[:3], dense[3:])
    left = events.without_synapses(events.first_ms_synapses()).dense()
    np.testing.assert_array_equal(left, dense & ~dense[:, :1])


def test_events_outside_the_trial_or_the_cell_are_refused():
    with pytest.raises(NeuronIOError, match="only 6"):
        InputEvents.from_events(3, 10, [6], [0])
    with pytest.raises(NeuronIOError, match="outside the trial of 10 ms"):
        InputEvents.from_events(3, 10, [0], [10])


@pytest.mark.parametrize(
    ("synapse", "offset", "said"),
    [
        ([0, 6], [0, 1, 2], "synapses 0 to 6, but there are only 6"),
        ([-1, 2], [0, 1, 2], "synapses -1 to 2"),
        ([0, 1], [0, 1], "must be 3 numbers from 0 to 2"),
        ([0, 1], [0, 1, 3], "must be 3 numbers from 0 to 2"),
        ([0, 1], [1, 1, 2], "must be 3 numbers from 0 to 2"),
        ([0, 1], [0, 3, 2], "fall from one ms to the next"),
    ],
)
def test_events_that_compiled_code_would_stumble_over_are_refused(synapse, offset, said):
    with pytest.raises(NeuronIOError, match=said):
        InputEvents(3, 2, np.array(synapse), np.array(offset))


def test_synapses_never_wrap_at_16_bits():
    most = InputEvents.from_events(1 << 15, 5, [(1 << 16) - 1], [0])
    assert most.synapse[0] == (1 << 16) - 1
    with pytest.raises(NeuronIOError, match="100130 segments has 200260 synapses, but at most"):
        InputEvents.from_events(100_130, 5, [70_000], [0])


def test_events_of_one_ms_never_wrap_at_16_bits():
    events = np.zeros(1 << 16, dtype=int)
    with pytest.raises(NeuronIOError, match="one ms has 65536 input events"):
        InputEvents.from_events(1, 2, events, events)


def test_damaged_input_files_are_told_apart(tmp_path):
    path = tmp_path / "inputs.npz"
    np.savez(path, excitatory=np.zeros(3, np.uint8), shape=np.array([3, 8]))
    with pytest.raises(NeuronIOError, match="has no inhibitory"):
        InputEvents.load_npz(path)
    bits = np.zeros(2, np.uint8)
    np.savez(path, excitatory=bits, inhibitory=bits, shape=np.array([3, 8]))
    with pytest.raises(NeuronIOError, match="needs 3 of uint8"):
        InputEvents.load_npz(path)
    path.write_bytes(b"not a zip file")
    with pytest.raises(NeuronIOError, match=r"cannot read .* as npz"):
        InputEvents.load_npz(path)


def test_spikes_are_local_maxima_above_the_threshold():
    v = np.full(80, -70.0)
    v[10:13] = (-40, -20, -40)  # a spike
    v[30:33] = (-40, -26, -40)  # too low
    v[50:54] = (0, 10, 10, 0)  # a plateau counts once
    v[79] = 30  # still rising at the end
    np.testing.assert_array_equal(detect_spikes(v), [11 / 8, 51 / 8])
