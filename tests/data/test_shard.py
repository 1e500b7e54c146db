import h5py
import numpy as np
import pytest

from neuronio.data.shard import SEGMENT_SCALE_MV, SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError

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
