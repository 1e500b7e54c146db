"""Files that are whole or not there, also after a power cut."""

import errno
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.files import replacing, write_csv, write_json, write_npz


def shard(path):
    soma = np.full(9, -70, dtype=np.float32)
    segments = SegmentTable(np.array(["basal"]), np.ones(1), np.ones(1), np.zeros(1))
    trial = InputEvents.from_events(1, 9, [0], [3]), Recording(soma, soma, np.zeros(0))
    write_shard(path, [(0, *trial)], {}, segments)


WRITERS = {
    "shard": shard,
    "npz": lambda path: write_npz(path, {"a": 1}),
    "json": lambda path: write_json(path, {"a": 1}),
    "csv": lambda path: write_csv(path, [{"a": 1}]),
}


def is_folder(descriptor):
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


@pytest.mark.parametrize("kind", WRITERS)
def test_content_is_flushed_before_the_name_and_the_name_before_the_end(
    tmp_path, monkeypatch, kind
):
    path, done = tmp_path / "a.file", []
    flush, rename = os.fsync, os.replace

    def fsync(descriptor):
        done.append(("flush", "folder" if is_folder(descriptor) else "file", path.exists()))
        flush(descriptor)

    def replace(source, target):
        done.append(("rename", os.path.getsize(source) > 0, path.exists()))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    WRITERS[kind](path)
    assert done == [("flush", "file", False), ("rename", True, False), ("flush", "folder", True)]


FULL = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from neuronio.data.digits.shd import write_shd
from neuronio.data.sequences import About, SequenceSet
from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
rng, out = np.random.default_rng(0), Path(sys.argv[1])
soma = rng.standard_normal(60_000).astype(np.float32)
segments = SegmentTable(np.array(["basal"]), np.ones(1), np.ones(1), np.zeros(1))
trial = InputEvents.from_events(1, 60_000, [0], [3]), Recording(soma, soma, np.zeros(0))
step = np.sort(rng.integers(0, 60_000, 60_000))
rows = [(step, rng.integers(0, 700, 60_000))] * 4
about = About("made-up", "train", 700, 2, "bin", bin_ms=1.0)
writers = {
    "shard": lambda p: write_shard(p, [(i, *trial) for i in range(4)], {}, segments),
    "set": lambda p: SequenceSet.from_rows(about, np.zeros(4), rows, 60_000).write(p),
    "digits": lambda p: write_shd(p, rows, np.zeros(4), np.zeros(4), ["m"], {}),
}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for size in (1_000, 50_000, 200_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    for name, write in writers.items():
        try:
            write(out / f"{name}.h5")
        except NeuronIOError as error:
            print(name, str(error).count("cannot write"), len(str(error).splitlines()))
"""


def test_hdf5_files_that_find_no_room_are_one_sentence_and_leave_nothing(tmp_path):
    """A limit on a file's size refuses writes as a full disk does, wherever in the file."""
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["shard 1 1", "set 1 1", "digits 1 1"] * 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_while_flushing_is_one_sentence(tmp_path, monkeypatch, number):
    def full(descriptor):
        raise OSError(number, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NeuronIOError, match="no space left for"):
        shard(tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_flushed_does_not_undo_the_file(tmp_path, monkeypatch):
    flush = os.fsync

    def fsync(descriptor):
        if is_folder(descriptor):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"
