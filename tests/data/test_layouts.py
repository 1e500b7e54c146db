"""The layouts that the reference shows, from the modules' docstrings, are those of the files."""

import re

import h5py
import numpy as np
import pytest

import neuronio.data.sequences as sequences
import neuronio.data.shard as shards
from neuronio.data.trial import InputEvents, Recording

S, T = 5, 40
LINE = re.compile(r"^    (\S.*?) +\((.*?)\)(?: of \(n,\))? ([a-z0-9 ]*)", re.MULTILINE)
TYPE = re.compile(r"(?:u?int|float)\d+")


def told(module) -> dict[str, tuple[int, set[str]]]:
    """Number of dimensions and admitted types, by the name of a dataset."""
    found = {}
    for names, shape, words in LINE.findall(module.__doc__):
        dimensions = len([part for part in shape.split(",") if part.strip()])
        for name in names.split(", "):
            found[name] = (dimensions, set(TYPE.findall(words)))
    return found


def held(path) -> dict[str, tuple[int, str]]:
    """The same of a file."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: (item.ndim, str(item.dtype))})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def shard(path):
    rng = np.random.default_rng(1)
    inputs = InputEvents.from_dense(*(rng.random((2, S, T)) < 0.1))
    soma, nexus = rng.normal(-70, 5, (2, T)).astype(np.float32)
    fine, segments = rng.normal(-70, 5, 8 * T), rng.normal(-70, 20, (S, T)).astype(np.float32)
    recording = Recording(soma, nexus, np.array([3.0]), fine.astype(np.float32), segments)
    table = shards.SegmentTable(np.array(["basal"] * S), *np.ones((2, S)), np.arange(S))
    return shards.write_shard(path, [(0, inputs, recording)], {}, table)


def sequence_set(path):
    about = sequences.About("made-up", "train", channels=3, classes=2, step_unit="token")
    made = sequences.SequenceSet(
        about,
        label=np.array([0, 1], np.int16),
        length=np.array([2, 1], np.int32),
        start=np.array([0, 2, 3]),
        step=np.array([0, 1, 0], np.int32),
        channel=np.array([0, 2, 1], np.int16),
        value=np.ones(3, np.float32),
        group=np.array([0, 1], np.int32),
    )
    made.write(path)
    return path


@pytest.mark.parametrize(("module", "make"), [(shards, shard), (sequences, sequence_set)])
def test_every_dataset_is_told_with_its_shape_and_type(module, make, tmp_path):
    layout, found = told(module), held(make(tmp_path / "file.h5"))
    segments = layout.pop("segments/...", None)
    if segments:
        inside = module.__doc__.split("segments/...")[1].split("\n")[0].split(")")[1]
        for name in re.findall(r"\w+", inside):
            assert found.pop(f"segments/{name}")[0] == segments[0]
    assert layout.keys() == found.keys()
    for name, (dimensions, dtype) in found.items():
        assert layout[name][0] == dimensions, name
        assert not layout[name][1] or dtype in layout[name][1], name
