"""The form of SHD, bins and pairs: on made-up recordings."""

from dataclasses import replace
from time import sleep

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronio.data.digits import adding
from neuronio.data.digits.adding import CLASSES, PAIRS, Pairs, published_pairs
from neuronio.data.digits.binned import BINS_MS, binned, held_out_speakers, read_splits
from neuronio.data.digits.shd import KEYS, read_shd, write_shd
from neuronio.data.sequences import SequenceSet
from neuronio.errors import NeuronIOError

N = 60


def made_up(seed, n=N):
    """Rows, labels and speakers of recordings: spikes at random up to 1.3 s, one row empty."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 300, n)
    counts[0] = 0
    rows = [(np.sort(rng.uniform(0, 1.3, k)), rng.integers(0, 700, k)) for k in counts]
    return rows, np.arange(n) % 20, np.arange(n) // 10


def write(path, seed=0, n=N):
    return write_shd(path, *made_up(seed, n), ["m", "f", "", "m", "f", "m"], {"seed": seed})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both files of a set of six speakers."""
    folder = tmp_path_factory.mktemp("set")
    write(folder / "digits_train.h5", 0)
    write(folder / "digits_test.h5", 1)
    return folder


def test_what_is_written_is_read_to_half_precision(folder, tmp_path):
    rows, label, speaker = made_up(0)
    found = read_shd(folder / "digits_train.h5")
    assert len(found) == N
    assert found.made_from == {"seed": 0}
    np.testing.assert_array_equal(found.label, label)
    np.testing.assert_array_equal(found.speaker, speaker)
    for r, (time, unit) in enumerate(rows):
        got_time, got_unit = found.row(r)
        np.testing.assert_array_equal(got_time, time.astype(np.float16))
        np.testing.assert_array_equal(got_unit, unit)
    sleep(1.1)  # what has a time of its making in it, has another then
    again = write(tmp_path / "again.h5", 0)
    assert again.read_bytes() == (folder / "digits_train.h5").read_bytes()


def test_the_layout_is_that_of_the_published_files(folder):
    with h5py.File(folder / "digits_train.h5") as file:
        names = []
        file.visititems(lambda name, item: names.append(name))
        assert {"spikes/times", "spikes/units", "labels", "extra/speaker", "extra/keys"} <= set(
            names
        )
        meta = {f"extra/meta_info/{name}" for name in ("gender", "age", "body_height")}
        assert meta <= set(names)
        assert file["spikes/times"][1].dtype == np.float16
        assert [key.decode() for key in file["extra/keys"][:]] == list(KEYS)


def test_tonic_reads_it(folder, monkeypatch):
    """The class of tonic that reads SHD, over our file in the place of the published one."""
    tonic = pytest.importorskip("tonic", reason="tonic is not installed")
    (folder / "SHD").mkdir(exist_ok=True)
    (folder / "SHD" / "shd_train.h5").write_bytes((folder / "digits_train.h5").read_bytes())
    monkeypatch.setattr(tonic.datasets.SHD, "_check_exists", lambda self: True)
    data = tonic.datasets.SHD(save_to=str(folder), train=True)
    events, label = data[7]
    time, unit = read_shd(folder / "digits_train.h5").row(7)
    assert (len(data), label) == (N, 7)
    np.testing.assert_array_equal(events["x"], unit)
    np.testing.assert_allclose(events["t"], 1e6 * time.astype(float), atol=1)


def damaged(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def drop(name):
    def change(file):
        del file[name]

    return change


def put(name, value):
    def change(file):
        file[name][4] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop("labels"), "not of the form of the Spiking Heidelberg Digits"),
        (drop("spikes/units"), "not of the form of the Spiking Heidelberg Digits"),
        (put("labels", 20), "labels to 20"),
        (put("spikes/times", np.array([0.1, np.nan], np.float16)), "recording 4 has 2 times but"),
        (put("spikes/units", np.array([], np.uint16)), "times but 0 units"),
        (lambda f: f.attrs.modify("made_from", "{"), "its attribute made_from is no JSON"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, change, said):
    path = damaged(write(tmp_path / "shd_train.h5"), change)
    with pytest.raises(NeuronIOError, match=said) as error:
        read_shd(path)
    assert "\n" not in str(error.value)


def test_impossible_spikes_a_cut_file_and_none_are_one_sentence(tmp_path):
    path = write(tmp_path / "a.h5")
    for name, value, said in (
        ("times", -1.0, "between 0 and 10 s"),
        ("times", np.inf, "between 0 and 10 s"),
        ("units", 700, "unit 700, where 0 to 699 exist"),
    ):
        write(path)
        with h5py.File(path, "r+") as file:
            row = file[f"spikes/{name}"][4]
            row[0] = value
            file[f"spikes/{name}"][4] = row
        with pytest.raises(NeuronIOError, match=said):
            read_shd(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(NeuronIOError, match="cannot read"):
        read_shd(path)
    with pytest.raises(NeuronIOError, match="there is no file"):
        read_shd(tmp_path / "b.h5")


@pytest.mark.parametrize("bin_ms", BINS_MS)
def test_bins_count_the_spikes_of_the_first_second(folder, bin_ms):
    recordings = read_shd(folder / "digits_train.h5")
    found = binned(recordings, bin_ms, split="train", task="shd")
    assert found.longest == 1000 // bin_ms
    np.testing.assert_array_equal(found.label, recordings.label)
    np.testing.assert_array_equal(found.group, recordings.speaker)
    for r in (0, 1, 30):
        time, unit = recordings.row(r)
        edges = np.arange(0, 1000 + bin_ms, bin_ms) / 1000
        wanted, *_ = np.histogram2d(time[time < 1], unit[time < 1], [edges, np.arange(701)])
        got, rows = np.zeros_like(wanted), found.rows([r])
        np.add.at(got, (rows.step, rows.channel), rows.value)
        np.testing.assert_array_equal(got, wanted)


def test_binary_bins_have_a_spike_or_none(folder):
    recordings = read_shd(folder / "digits_train.h5")
    counted = binned(recordings, 20, split="train", task="shd")
    binary = binned(recordings, 20, split="train", task="shd", binary=True)
    for r in range(N):
        keys = [
            set(zip(x.step, x.channel, strict=True))
            for x in (s.rows([r]) for s in (counted, binary))
        ]
        assert keys[0] == keys[1]
        assert len(binary.rows([r]).step) == len(keys[1])
    assert counted.n_events > binary.n_events
    with pytest.raises(NeuronIOError, match="bins of 3 ms"):
        binned(recordings, 3, split="train", task="shd")


def test_no_speaker_of_validation_is_in_training(folder):
    sets = read_splits(folder, 10, seed=3)
    train, valid = (set(sets[split].group.tolist()) for split in ("train", "valid"))
    assert train
    assert valid
    assert not train & valid
    assert len(sets["train"]) + len(sets["valid"]) == N == len(sets["test"])
    assert [sets[split].about.split for split in sets] == ["train", "valid", "test"]
    chosen = read_splits(folder, 10, valid_speakers=[1, 4])
    assert set(chosen["valid"].group.tolist()) == {1, 4}
    assert chosen["valid"].about.made_from["valid_speakers"] == [1, 4]
    told = {(9, 1): "has no speaker 9 to validate with", (0, 1, 2, 3, 4, 5): "leaves nothing for"}
    for wrong, words in told.items():
        with pytest.raises(NeuronIOError, match=words):
            read_splits(folder, 10, valid_speakers=wrong)
    with pytest.raises(NeuronIOError, match="has neither shd_train"):
        read_splits(folder / "nothing", 10)


@given(st.integers(2, 30), st.floats(0, 1), st.integers(0, 2**32))
def test_some_speakers_validate_and_some_train(known, share, seed):
    out = held_out_speakers(np.arange(known).repeat(3), np.random.default_rng(seed), share)
    assert 1 <= len(set(out.tolist())) == len(out) < known
    with pytest.raises(NeuronIOError, match="two are wanted"):
        held_out_speakers(np.zeros(5), np.random.default_rng(0))


def test_pairs_are_two_recordings_one_after_the_other(folder, tmp_path, monkeypatch):
    sets = read_splits(folder, 20)
    test = sets["test"]
    pairs = Pairs(test, seed=5, count=40)
    found = pairs.rows([3, 3, 0])
    for place, pair in enumerate((3, 3, 0)):
        a, b = pairs.drawn()[pair]
        here = found.row == place
        first, second = test.rows([a]), test.rows([b])
        wanted = np.concatenate([first.step, second.step + 50])
        np.testing.assert_array_equal(found.step[here], wanted)
        channels = np.concatenate([first.channel, second.channel])
        np.testing.assert_array_equal(found.channel[here], channels)
        assert found.label[place] == test.label[a] % 10 + test.label[b] % 10
    assert found.length.tolist() == [100] * 3
    monkeypatch.setattr(adding, "AT_ONCE", 16)
    whole = SequenceSet.read(pairs.write(tmp_path / "pairs.h5"))
    np.testing.assert_array_equal(whole.rows([3, 3, 0]).step, found.step)
    np.testing.assert_array_equal(whole.label, pairs.label())
    assert whole.group.tolist() == [0] * 40  # not 40 that know nothing of each other
    assert pairs.about.classes == CLASSES == 19


def test_training_pairs_are_new_each_epoch_and_others_are_fixed(folder):
    sets = read_splits(folder, 20)
    for split, recordings in sets.items():
        pairs, other = published_pairs(recordings, 1), published_pairs(recordings, 2)
        assert len(pairs) == PAIRS[split]
        np.testing.assert_array_equal(pairs.drawn(4), published_pairs(recordings, 1).drawn(4))
        assert np.array_equal(pairs.drawn(0), pairs.drawn(1)) == (split != "train")
        assert not np.array_equal(pairs.drawn(0), other.drawn(0))
        assert pairs.drawn(2).max() < len(recordings)


def test_sums_have_the_distribution_of_two_digits(folder):
    """(10 - |9 - s|) / 100, and always 9 is right for a tenth; 5 standard errors."""
    recordings = read_splits(folder, 20)["test"]  # every digit as often as the others
    n = 100_000
    share = np.bincount(Pairs(recordings, 0, n).label(), minlength=19) / n
    wanted = (10 - np.abs(9 - np.arange(19))) / 100
    assert np.all(np.abs(share - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / n))
    scores = Pairs(recordings, 0, n).about.trivial_scores
    assert scores["always 9"] == pytest.approx(0.1, abs=5 * 0.3 / np.sqrt(n))


def test_pairs_are_named_by_what_they_hold_and_not_by_what_made_it(folder):
    test = read_splits(folder, 20)["test"]
    other = replace(test, channel=test.channel[::-1].copy())
    code = replace(test.about, made_from={**test.about.made_from, "code": {"a.module": "1"}})
    names = [Pairs(r, 5, 40).name() for r in (test, replace(test, about=code), other)]
    assert names[0] == names[1] != names[2]
    valid = replace(test, about=replace(test.about, split="valid"))  # other pairs of the same
    for pairs in (Pairs(test, 6, 40), Pairs(test, 5, 41), Pairs(valid, 5, 40)):
        name = pairs.name()
        assert name["pairs"] != names[0]["pairs"]
        assert name["recordings"] == names[0]["recordings"]


def test_pairs_of_nothing_are_refused(folder):
    with pytest.raises(NeuronIOError, match="0 recordings"):
        Pairs(read_splits(folder, 20)["test"].select([]), 0, 5)


def test_the_published_names_are_found_and_come_first(folder, tmp_path):
    for split, other in (("train", 7), ("test", 8)):
        (tmp_path / f"digits_{split}.h5").write_bytes((folder / f"digits_{split}.h5").read_bytes())
        write(tmp_path / f"shd_{split}.h5", other)
    sets = read_splits(tmp_path, 10)
    assert sets["test"].about.task == "shd"
    assert sets["test"].about.made_from["file"] == "shd_test.h5"
    assert sets["test"].n_events != read_splits(folder, 10)["test"].n_events
