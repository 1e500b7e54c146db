"""Whether shards on disk are the wanted ones: found out once, and again after any write."""

import os

import h5py
import numpy as np
import pytest

from neuronio.data import soundness
from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.soundness import SEEN, Soundness
from neuronio.data.trial import InputEvents, Recording

T = 20
SEGMENTS = SegmentTable(np.array(["basal", "apical"]), np.ones(2), np.ones(2), np.arange(2))


@pytest.fixture
def shard(tmp_path):
    silent = InputEvents.from_events(2, T, [], [])
    flat = np.full(T, -70, dtype=np.float32)
    trials = [(i, silent, Recording(flat, flat, np.zeros(0))) for i in (4, 5)]
    info = {"recipe": "abc", "first_trial": 4, "n_trials_planned": 2}
    (tmp_path / "train-abc").mkdir()
    return write_shard(tmp_path / "train-abc" / "shard-000.h5", iter(trials), info, SEGMENTS)


@pytest.fixture
def reads(monkeypatch):
    """The shards that were read whole."""
    found = []
    verify = soundness.verify_shard
    monkeypatch.setattr(soundness, "verify_shard", lambda path: found.append(path) or verify(path))
    return found


def test_a_sound_shard_is_read_once(shard, tmp_path, reads):
    for _ in range(2):
        sound = Soundness(tmp_path)
        assert sound.fault(shard, "abc", 4, 2) is None
        sound.remember()
    assert len(reads) == 1
    (tmp_path / SEEN).write_text("{ damaged")
    assert Soundness(tmp_path).fault(shard, "abc", 4, 2) is None
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("wanted", "why"),
    [(("abd", 4, 2), "another recipe"), (("abc", 0, 2), "other trials"), (("abc", 4, 3), "other")],
)
def test_a_shard_of_something_else_is_told(shard, tmp_path, wanted, why):
    sound = Soundness(tmp_path)
    assert sound.fault(shard, "abc", 4, 2) is None
    assert why in sound.fault(shard, *wanted)
    assert sound.fault(shard.with_name("none.h5"), *wanted) is None


def test_damage_is_seen_whatever_the_time_stamp_says(shard, tmp_path):
    sound = Soundness(tmp_path)
    assert sound.fault(shard, "abc", 4, 2) is None
    stat = shard.stat()
    with h5py.File(shard, "r+") as file:
        file["soma_mV"][1, 3] = -69.5
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert "does not match its checksum" in sound.fault(shard, "abc", 4, 2)


def test_what_was_just_verified_is_not_read_again(shard, tmp_path, reads):
    sound = Soundness(tmp_path)
    sound.vouch(shard, "abc", 4, 2)
    sound.remember()
    assert Soundness(tmp_path).fault(shard, "abc", 4, 2) is None
    assert reads == []
