import errno
import os
import pickle

import pytest
import torch

from neuronio.errors import NeuronIOError
from neuronio.files import read_csv, read_json, write_atomic, write_csv, write_json
from neuronio.surrogate.checkpoint import load_weights, read_tensors, write_tensors


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    write_atomic(path, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NeuronIOError, match="no space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["checkpoint.pt"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NeuronIOError, match="cannot write"):
        write_atomic(tmp_path / "file" / "x.json", b"")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("/tmp/neuronio-must-not-exist",)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    path = tmp_path / "best.pt"
    torch.save({"weights": Evil()}, path)
    with pytest.raises(NeuronIOError, match="not a readable checkpoint"):
        read_tensors(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(NeuronIOError, match="not a readable checkpoint"):
        read_tensors(path)
    assert not os.path.exists("/tmp/neuronio-must-not-exist")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", bytes(1000)])
def test_files_that_are_no_checkpoint_are_one_sentence(tmp_path, content):
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    with pytest.raises(NeuronIOError, match="not a readable checkpoint"):
        read_tensors(path)


def test_a_missing_checkpoint_says_what_to_give(tmp_path):
    with pytest.raises(NeuronIOError, match="give the directory of a fit"):
        read_tensors(tmp_path / "best.pt")


def test_equal_states_give_equal_bytes(tmp_path):
    for name in "ab":
        write_tensors(tmp_path / name, {"w": torch.arange(5.0), "step": 3})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    write_tensors(tmp_path / "b", read_tensors(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_of_another_shape_are_refused(tmp_path):
    model = torch.nn.Linear(2, 2)
    with pytest.raises(NeuronIOError, match="do not fit the model"):
        load_weights(model, torch.nn.Linear(3, 2).state_dict(), tmp_path)
    with pytest.raises(NeuronIOError, match="do not fit the model"):
        load_weights(model, [1.0], tmp_path)


def test_history_and_json_come_back(tmp_path):
    rows = [{"step": 1, "loss": 0.1 + 0.2, "auc": None}, {"step": 2, "loss": 1e-9, "auc": 0.5}]
    write_csv(tmp_path / "history.csv", rows)
    assert read_csv(tmp_path / "history.csv") == rows
    write_json(tmp_path / "a.json", rows)
    assert read_json(tmp_path / "a.json") == rows
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(NeuronIOError, match="cannot read"):
        read_json(tmp_path / "a.json")
