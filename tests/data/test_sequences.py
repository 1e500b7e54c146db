import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronio.data.sequence_summary import is_sequence_set, sequence_lines, sequence_problems
from neuronio.data.sequences import About, SequenceSet, write_sets
from neuronio.errors import NeuronIOError

ABOUT = About(
    "made-up",
    "train",
    channels=5,
    classes=3,
    step_unit="bin",
    bin_ms=2.0,
    made_from={"seed": 3},
    trivial_scores={"one answer": 0.5},
)


def made_up(about=ABOUT, value=True, group=True, rows=4, seed=0):
    """Rows of 1 to 9 steps with up to 6 events, drawn from the seed."""
    rng = np.random.default_rng(seed)
    length = rng.integers(1, 10, rows)
    events = []
    for steps in length:
        step = np.sort(rng.integers(0, steps, rng.integers(0, 7)))
        parts = [step, rng.integers(0, about.channels, len(step))]
        events.append([*parts, rng.normal(size=len(step))] if value else parts)
    label = rng.integers(0, about.classes, rows // about.rows_per_label)
    return SequenceSet.from_rows(about, label, events, length, range(rows) if group else None)


def same(a, b):
    for name in ("label", "length", "start", "step", "channel", "value", "group"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    return a.about == b.about


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("group", [True, False])
def test_what_was_written_is_read(tmp_path, value, group):
    written = made_up(value=value, group=group)
    path = written.write(tmp_path / "a.h5")
    assert same(SequenceSet.read(path), written)
    assert sequence_problems(path) == []
    assert is_sequence_set(path)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    a, b = (made_up().write(tmp_path / name).read_bytes() for name in ("a.h5", "b.h5"))
    assert a == b
    assert a != made_up(seed=1).write(tmp_path / "c.h5").read_bytes()


@given(seed=st.integers(0, 10**6), order=st.lists(st.integers(0, 3), max_size=6))
def test_rows_are_those_that_were_asked_for(seed, order):
    found = made_up(seed=seed)
    batch = found.rows(order)
    assert len(batch.label) == len(batch.length) == len(order)
    for place, i in enumerate(order):
        mine, here = batch.row == place, slice(found.start[i], found.start[i + 1])
        np.testing.assert_array_equal(batch.step[mine], found.step[here])
        np.testing.assert_array_equal(batch.channel[mine], found.channel[here])
        np.testing.assert_array_equal(batch.value[mine], found.value[here])
        assert (batch.label[place], batch.length[place]) == (found.label[i], found.length[i])
    chosen = found.select(order)
    assert chosen.n_events == len(batch.row)
    np.testing.assert_array_equal(chosen.group, np.array(order, int))


def test_a_sample_of_two_rows_has_both_of_them():
    about = About("pairs", "test", 4, 2, "byte", rows_per_label=2)
    rows = [([0], [channel]) for channel in (0, 1, 2, 3)]
    pairs = SequenceSet.from_rows(about, [1, 0], rows, 1)
    assert (len(pairs), pairs.n_rows) == (2, 4)
    batch = pairs.rows([1, 0])
    np.testing.assert_array_equal(batch.channel, [2, 3, 0, 1])
    np.testing.assert_array_equal(batch.row, [0, 1, 2, 3])
    np.testing.assert_array_equal(batch.label, [0, 1])
    np.testing.assert_array_equal(pairs.select([1]).channel, [2, 3])
    with pytest.raises(IndexError):
        pairs.rows([2])


def test_values_are_one_where_there_are_none_and_255ths_where_they_are_bytes():
    about = About("pixels", "train", 1, 2, "pixel")
    row = ([0, 3], [0, 0], np.array([255, 51], np.uint8))
    pixels = SequenceSet.from_rows(about, [0], [row], 4)
    np.testing.assert_allclose(pixels.rows([0]).value, [1, 0.2])
    np.testing.assert_array_equal(made_up(value=False).rows([0, 1, 2, 3]).value, 1)


def test_pixels_take_no_memory_for_their_channel(tmp_path):
    about = About("pixels", "train", 1, 2, "pixel")
    row = ([0, 3], [0, 0], np.array([255, 51], np.uint8))
    path = SequenceSet.from_rows(about, [0], [row], 4).write(tmp_path / "a.h5")
    assert SequenceSet.read(path).channel.strides == (0,)


@pytest.mark.parametrize(
    "rows",
    [
        [([0, 1], [1, 2]), ([0, 1], [1, 2], [5.0, 7.0])],
        [([0, 1], [1, 2], [5.0, 7.0]), ([0, 1], [1, 2])],
        [([0, 1, 1], [1, 2]), ([0, 1], [3, 4, 0])],
    ],
)
def test_rows_of_unlike_parts_are_refused(rows):
    about = About("tokens", "train", 5, 3, "token")
    with pytest.raises(NeuronIOError, match=r"tokens, train: row [01] has parts of lengths"):
        SequenceSet.from_rows(about, [0, 1], rows, [3, 3])


def test_sets_are_joined_on_disk(tmp_path):
    parts = [made_up(seed=seed) for seed in range(3)]
    joined = SequenceSet.read(write_sets(tmp_path / "a.h5", iter(parts), lambda: ABOUT))
    assert (len(joined), joined.n_events) == (12, sum(part.n_events for part in parts))
    for number, part in enumerate(parts):
        assert same(joined.select(np.arange(4 * number, 4 * number + 4)), part)


WRONG = {
    "label": (3, "sample 0 has the label 3, but there are 3"),
    "length": (0, "row 0 has 0 steps"),
    "start": (7, "start must rise from 0"),
    "channel": (5, "row . has an event on channel 5, but there are 5"),
    "value": (np.nan, "value nan"),
    "step": (-1, "event at step -1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_refused_and_the_file_is_named(tmp_path, name):
    wrong, told = WRONG[name]
    path = made_up().write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file[name][0] = wrong
    with pytest.raises(NeuronIOError, match=told) as error:
        SequenceSet.read(path)
    assert str(path) in str(error.value)
    assert len(sequence_problems(path)) == 1


def test_no_sample_and_an_attribute_of_another_type_are_one_sentence(tmp_path):
    nothing = made_up().select([])
    with pytest.raises(NeuronIOError, match="there is no sample to write"):
        nothing.write(tmp_path / "none.h5")
    write_sets(tmp_path / "none.h5", [nothing], lambda: nothing.about)
    assert sequence_problems(tmp_path / "none.h5") == [f"{tmp_path / 'none.h5'} holds no sample"]
    path = made_up().write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["trivial_scores"] = "[]"
    assert len(problems := sequence_problems(path)) == 1
    assert "damaged in its attributes" in problems[0]


def test_steps_that_fall_and_steps_past_the_end_are_refused():
    about = About("tokens", "train", 5, 3, "token")
    with pytest.raises(NeuronIOError, match="row 1 has an event at step 0 after one at 1"):
        SequenceSet.from_rows(about, [0, 0], [([1], [1]), ([1, 0], [1, 1])], 2)
    with pytest.raises(NeuronIOError, match="row 1 has an event at step 2 of 2"):
        SequenceSet.from_rows(about, [0, 0], [([1], [1]), ([1, 2], [1, 1])], 2)


def test_what_does_not_fit_its_type_is_refused_before_it_wraps():
    about = About("tokens", "train", 5, 3, "token")
    with pytest.raises(NeuronIOError, match="65536 is no whole number of int16"):
        SequenceSet.from_rows(about, [0], [([0], [65536])], 1)
    with pytest.raises(NeuronIOError, match=r"0\.5 is no whole number of int32"):
        SequenceSet.from_rows(about, [0], [([0.5], [1])], 1)


def test_two_rows_a_label_are_counted():
    about = About("pairs", "test", 4, 2, "byte", rows_per_label=2)
    with pytest.raises(NeuronIOError, match="3 rows with 1 labels, but every label has 2"):
        SequenceSet.from_rows(about, [0], [([0], [1])] * 3, 1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"step_unit": "second"}, "token, byte, pixel, bin"),
        ({"bin_ms": None}, "bins alone have it"),
        ({"step_unit": "token"}, "bins alone have it"),
        ({"bin_ms": 0.0}, "some width"),
        ({"classes": 0}, "classes is 0"),
        ({"rows_per_label": 3}, "from 1 to 2"),
        ({"trivial_scores": {"x": 1.5}}, "'x' is 1.5"),
    ],
)
def test_what_no_set_can_be_about_is_refused(changes, told):
    with pytest.raises(NeuronIOError, match=told):
        About(**{**vars(ABOUT), **changes})


def test_damaged_files_are_refused(tmp_path):
    path = made_up().write(tmp_path / "a.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NeuronIOError, match=r"a\.h5"):
        SequenceSet.read(path)
    path.write_bytes(b"not at all")
    with pytest.raises(NeuronIOError, match="not a readable HDF5 file"):
        SequenceSet.read(path)
    with pytest.raises(NeuronIOError, match="does not exist"):
        SequenceSet.read(tmp_path / "b.h5")
    assert not is_sequence_set(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda file: file.attrs.update(format="other"), "not a sequence set"),
        (lambda file: file.attrs.update(format_version=9), "format version 9"),
        (lambda file: file.attrs.update(classes="many"), "damaged in its attributes"),
        (lambda file: file.attrs.pop("task"), "damaged in its attributes"),
        (lambda file: file.pop("step"), "lacks step"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, change, told):
    path = made_up().write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(NeuronIOError, match=told):
        SequenceSet.read(path)


def test_a_changed_byte_is_noticed(tmp_path):
    path = made_up().write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["value"][0] += 1
    assert "does not match its checksum" in sequence_problems(path)[0]
    with h5py.File(path, "r+") as file:
        file["more"] = 1  # whose length the checksum asks for
    assert str(path) in sequence_problems(path)[0]


def test_the_summary_says_what_a_set_is(tmp_path):
    lines = "\n".join(sequence_lines(made_up().write(tmp_path / "a.h5")))
    for told in ("made-up, train", "bins of 2 ms", "5 channels", "one answer", "50.0%", "groups"):
        assert told in lines
