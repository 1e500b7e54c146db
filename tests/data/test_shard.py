import h5py
import numpy as np
import pytest

from neuronio.data.shard import SEGMENT_SCALE_MV, SegmentTable, Shard, content_sha256, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.surrogate.store import TrialStore, shard_paths

S, T = 5, 40
SEGMENTS = SegmentTable(
    np.array(["basal"] * 2 + ["apical"] * 3), np.arange(5.0), np.arange(5.0) * 10, np.arange(5)
)


def make_trial(index: int, full: bool = False) -> tuple[int, InputEvents, Recording]:
    rng = np.random.default_rng(index)
    inputs = InputEvents.from_dense(*(rng.random((2, S, T)) < 0.1))
    soma, nexus = rng.normal(-70, 5, (2, T)).astype(np.float32)
    extra = {}
    if full:
        extra["soma_8khz_mV"] = rng.normal(-70, 5, 8 * T).astype(np.float32)
        extra["segments_mV"] = rng.normal(-70, 20, (S, T)).astype(np.float32)
    return index, inputs, Recording(soma, nexus, np.sort(rng.random(index) * T), **extra)


def write(path, n=3, full=False):
    info = {"cell": "test", "t0_artefact": True, "failed": {}, "dataset_seed": 3}
    return write_shard(path, (make_trial(i, full) for i in range(n)), info, SEGMENTS)


@pytest.mark.parametrize("full", [False, True])
def test_what_was_written_is_read(tmp_path, full):
    with Shard(write(tmp_path / "a.h5", full=full)) as shard:
        assert (len(shard), shard.duration_ms, shard.n_synapses) == (3, T, 2 * S)
        assert shard.info["t0_artefact"] is True
        assert shard.info["failed"] == {}
        np.testing.assert_array_equal(shard.segments.type, SEGMENTS.type)
        for i in range(3):
            index, inputs, recording = make_trial(i, full)
            assert shard.trial_index[i] == index
            np.testing.assert_array_equal(shard.inputs(i).dense(), inputs.dense())
            found = shard.recording(i)
            for name in ("soma_mV", "nexus_mV", "spike_ms"):
                np.testing.assert_array_equal(getattr(found, name), getattr(recording, name))
            if full:
                np.testing.assert_array_equal(found.soma_8khz_mV, recording.soma_8khz_mV)
                error = np.abs(found.segments_mV - recording.segments_mV).max()
                assert error <= SEGMENT_SCALE_MV / 2 + 1e-4
            else:
                with pytest.raises(NeuronIOError, match="was not recorded"):
                    shard.segments_mV(i)


def test_the_same_trials_give_the_same_bytes(tmp_path):
    a, b = write(tmp_path / "a.h5"), write(tmp_path / "b.h5")
    assert a.read_bytes() == b.read_bytes()


def test_every_dataset_says_its_units(tmp_path):
    with h5py.File(write(tmp_path / "a.h5", full=True)) as file:
        without = []
        file.visititems(
            lambda name, item: (
                without.append(name)
                if isinstance(item, h5py.Dataset) and "units" not in item.attrs
                else None
            )
        )
    assert not without


def test_a_sound_shard_has_no_problems(tmp_path):
    assert verify_shard(write(tmp_path / "a.h5", full=True)) == []


def test_damage_is_found(tmp_path):
    path = write(tmp_path / "a.h5")
    good = path.read_bytes()
    for where in range(3000, len(good), 997):
        damaged = bytearray(good)
        damaged[where : where + 64] = bytes(255 - byte for byte in damaged[where : where + 64])
        path.write_bytes(damaged)
        try:
            problems = verify_shard(path)
        except Exception as error:
            pytest.fail(f"damage at byte {where} raised {error!r} instead of being told")
        assert problems or _same_content(path, good, tmp_path), f"damage at byte {where} unseen"
    path.write_bytes(good[: len(good) // 2])
    assert "not a readable HDF5 file" in verify_shard(path)[0]


def _same_content(path, good, tmp_path) -> bool:
    """Whether the damage hit bytes that hold nothing: every value still reads as written."""
    reference = tmp_path / "good.h5"
    reference.write_bytes(good)
    with Shard(path) as a, Shard(reference) as b:
        return all(
            np.array_equal(a.inputs(i).dense(), b.inputs(i).dense())
            and np.array_equal(a.soma_mV(i), b.soma_mV(i))
            and np.array_equal(a.nexus_mV(i), b.nexus_mV(i))
            and np.array_equal(a.spike_ms(i), b.spike_ms(i))
            for i in range(len(b))
        )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("soma_mV", np.nan, "not finite in trial 1"), ("nexus_mV", np.inf, "nexus_mV is not finite")],
)
def test_a_voltage_that_is_no_number_is_found(tmp_path, name, value, said):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file[name][1, 5] = value
    assert any(said in problem for problem in verify_shard(path))
    assert any("checksum" in problem for problem in verify_shard(path))


def damaged(tmp_path, name, where, value, full=False):
    """A shard whose checksums fit and whose dataset `name` does not."""
    path = write(tmp_path / "a.h5", full=full)
    with h5py.File(path, "r+") as file:
        file[name][where] = value
        file.attrs["content_sha256"] = content_sha256(file)
    return path


# Trial 0 has no spike, trial 1 one, trial 2 two.
DAMAGE = {
    "spike NaN": (("spikes/time_ms", 1, np.nan), "in trial 2, output spike 0 is at nan ms"),
    "spike early": (("spikes/time_ms", 0, -3.0), "in trial 1, output spike 0 is at -3 ms, outside"),
    "spike late": (("spikes/time_ms", 2, 40.0), "in trial 2, output spike 1 is at 40 ms, outside"),
    "spikes unsorted": (
        ("spikes/time_ms", slice(1, 3), [9.0, 8.0]),
        "at 8 ms comes after one at 9",
    ),
    "synapse": (("inputs/synapse", -1, 10), "an event of trial 2 names synapse 10 of 10"),
    "first offset": (("inputs/trial_offset", 0, 1), "inputs/trial_offset does not fit"),
    "last offset": (("spikes/trial_offset", -1, 9), "spikes/trial_offset does not fit"),
    "falling offset": (("spikes/trial_offset", 1, 3), "spikes/trial_offset does not fit"),
    "events": (("inputs/events_per_ms", (0, 0), 99), "events_per_ms does not add up"),
    "index": (("trial_index", 2, 1), "trial 1 is in it 2 times"),
    "soma": (
        ("soma_mV", (1, 5), np.nan),
        "soma_mV is not finite in trial 1: it is nan at sample 5",
    ),
    "fine": (("soma_8khz_mV", (2, 7), np.inf), "soma_8khz_mV is not finite in trial 2"),
    "volts": (("soma_mV", 1, -0.07), "in trial 1, soma_mV is nowhere over 0.07 from 0, so it is"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_values_that_no_trial_has_are_found_under_a_sound_checksum(tmp_path, kind):
    change, said = DAMAGE[kind]
    found = verify_shard(damaged(tmp_path, *change, full=True))
    assert len(found) == 1, found
    assert said in found[0]


def test_units_and_rates_are_read(tmp_path):
    path = write(tmp_path / "a.h5", full=True)
    with h5py.File(path, "r+") as file:
        file["soma_mV"].attrs["units"] = "V"
    assert verify_shard(path) == [f"{path}: soma_mV is in 'V', but wanted is 'mV'"]
    path = write(tmp_path / "b.h5", full=True)
    with h5py.File(path, "r+") as file:
        fine = file["soma_8khz_mV"][:, : 4 * T]
        del file["soma_8khz_mV"]
        file["soma_8khz_mV"] = fine
    assert any("soma_8khz_mV has shape (3, 160), but" in told for told in verify_shard(path))


@pytest.mark.parametrize("kind", ["spike NaN", "spike early", "spike late", "synapse", "soma"])
def test_reading_for_fits_refuses_what_verify_would(tmp_path, kind):
    store = TrialStore([damaged(tmp_path, *DAMAGE[kind][0])])
    refused = {}
    for i in range(len(store)):
        try:
            store[i]
        except NeuronIOError as error:
            refused[i] = str(error)
    [(trial, said)] = refused.items()
    assert said.startswith(f"{tmp_path / 'a.h5'}, trial {trial}: ")


@pytest.mark.parametrize(("version", "known"), [(1, True), (2, False), (0, False), (None, False)])
def test_the_version_of_the_format_is_checked(tmp_path, version, known):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file.attrs["format_version"]
        if version is not None:
            file.attrs["format_version"] = version
        file.attrs["content_sha256"] = content_sha256(file)
    said = f"{path} is a shard of format version {version}, but this program reads 1"
    assert [told[: len(said)] for told in verify_shard(path)] == ([] if known else [said])


@pytest.mark.parametrize("read", ["soma_mV", "nexus_mV", "spike_ms", "inputs", "recording"])
def test_a_trial_that_does_not_exist_is_one_sentence(tmp_path, read):
    with Shard(write(tmp_path / "a.h5")) as shard:
        for wrong in (-1, len(shard)):
            with pytest.raises(NeuronIOError, match=f"has no trial {wrong}: it holds"):
                getattr(shard, read)(wrong)


CHANGED = {
    "gone": None,
    "a number": lambda values: values.ravel()[:1][0],
    "empty": lambda values: values[:0],
    "short": lambda values: values[:1],
    "flat": lambda values: values.ravel(),
    "text": lambda values: np.full(values.shape, b"x"),
}


@pytest.mark.parametrize("change", CHANGED)
def test_whatever_a_dataset_has_become_reading_it_is_one_sentence(tmp_path, change):
    with h5py.File(write(tmp_path / "a.h5", full=True)) as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") else None)
    assert len(names) == 14
    for name in names:
        path = write(tmp_path / "a.h5", full=True)
        with h5py.File(path, "r+") as file:
            values = file.pop(name)[:] if CHANGED[change] else file.pop(name) and None
            if values is not None:
                file[name] = CHANGED[change](values)
        assert all(str(path) in told for told in verify_shard(path))
        said = [str(path)]
        try:
            with Shard(path) as shard:
                for i in range(min(3, len(shard))):
                    assert shard.inputs(i)
                    assert shard.recording(i)
        except NeuronIOError as error:
            said.append(str(error))
        assert all(str(path) in told for told in said), (name, said)


def replaced(file, name, values):
    del file[name]
    if values is not None:
        file[name] = values


NOT_SEEN_BEFORE = {
    "holds no trial": lambda file: replaced(file, "soma_mV", np.zeros((0, 40), np.float32)),
    "trial_index holds float64": lambda file: replaced(file, "trial_index", np.array([np.nan])),
    "segments/length_um": lambda file: replaced(file, "segments/length_um", None),
    "segments/section": lambda file: replaced(file, "segments/section", np.array([b"a"])),
}


@pytest.mark.parametrize("said", NOT_SEEN_BEFORE)
def test_what_is_damaged_beside_the_traces_is_one_sentence(tmp_path, said):
    with h5py.File(write(tmp_path / "a.h5"), "r+") as file:
        NOT_SEEN_BEFORE[said](file)
    with pytest.raises(NeuronIOError, match=said), Shard(tmp_path / "a.h5") as shard:
        assert shard.segments


def test_the_shards_of_a_folder_are_taken_by_number(tmp_path):
    for name in ("shard-1000.h5", "shard-999.h5", "shard-101.h5"):
        (tmp_path / name).touch()
    names = [path.name for path in shard_paths(tmp_path)]
    assert names == ["shard-101.h5", "shard-999.h5", "shard-1000.h5"]


def test_other_files_are_refused_in_words(tmp_path):
    with pytest.raises(NeuronIOError, match="does not exist"):
        Shard(tmp_path / "none.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(NeuronIOError, match="not a NeuronIO shard"):
        Shard(tmp_path / "other.h5")
    with pytest.raises(NeuronIOError, match="no trial to write"):
        write_shard(tmp_path / "empty.h5", [], {}, SEGMENTS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.h5"]
