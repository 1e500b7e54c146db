"""Generators that users add, and which inputs a split of a dataset has."""

import sys

import numpy as np
import pytest

from neuronio.config import validate_config
from neuronio.data.shard import SegmentTable, Shard
from neuronio.errors import NeuronIOError
from neuronio.simulation.dataset import simulate_shard
from neuronio.simulation.inputs.draw import accept_trial, make_generator, make_inputs
from neuronio.simulation.inputs.generators import GENERATORS, Published
from neuronio.simulation.inputs.splits import SPLITS, split_inputs, trial_rng

SEGMENTS = SegmentTable(
    np.array(["basal"] * 200 + ["apical"] * 400), np.full(600, 20.0), np.zeros(600), np.arange(600)
)
USERS_GENERATOR = """
import numpy as np

from neuronio.simulation.inputs.generators import Generator, generator
from neuronio.simulation.inputs.rates import Rates


@generator("flat")
class Flat(Generator):
    rate: float = 0.02

    def rates(self, segments, duration_ms, rng):
        weight = np.full((1, 2 * len(segments)), self.rate)
        return Rates(np.ones((duration_ms, 1)), weight)

    def accepts(self, n_output_spikes, rng):
        return n_output_spikes < 3
"""


@pytest.fixture
def users_file(tmp_path, monkeypatch):
    """The path of a user's file with the generator `flat`, which is forgotten afterwards."""
    monkeypatch.setattr(GENERATORS, "_entries", dict(GENERATORS._entries))
    path = tmp_path / "mine.py"
    path.write_text(USERS_GENERATOR)
    return path


def test_a_generator_of_a_users_file_draws_and_rejects(users_file):
    name = f"{users_file}:flat"
    events = make_inputs(name, {"rate": 0.05}, SEGMENTS, 300, trial_rng(0, 0))
    assert events.n_events == pytest.approx(300 * 1200 * 0.05, rel=0.05)
    verdicts = [accept_trial(name, {}, spikes, trial_rng(0, 0)) for spikes in (2, 3)]
    assert verdicts == [True, False]
    with pytest.raises(NeuronIOError, match="unknown key 'rat'; did you mean 'rate'"):
        make_generator(name, {"rat": 0.1})
    with pytest.raises(NeuronIOError, match="no generator 'flatt'; did you mean 'flat'"):
        make_generator(f"{users_file}:flatt", {})


def test_a_users_file_may_import_what_lies_beside_it(users_file, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "beside_mine.py").write_text("RATE = 0.02\n")
    own = folder / "flat_too.py"
    text = USERS_GENERATOR.replace('"flat"', '"flat_too"').replace("= 0.02", "= RATE")
    own.write_text(f"from beside_mine import RATE\n{text}")
    assert make_generator(f"{own}:flat_too", {}).rate == 0.02
    assert str(folder) not in sys.path


def test_a_taken_name_and_a_missing_file_are_refused(users_file):
    with pytest.raises(NeuronIOError, match="'ergodic' is registered twice"):
        GENERATORS.add("ergodic", Published)
    with pytest.raises(NeuronIOError, match=r"no file .*none\.py to take a generator from"):
        make_generator(f"{users_file.with_name('none.py')}:flat", {})


def test_the_test_split_may_have_inputs_of_its_own():
    document = {
        "name": "splits",
        "dataset": {
            "trials": {"train": 1, "valid": 1, "test": 1},
            "test_generator": {"generator": "ood"},
        },
    }
    run = validate_config(document)
    found = [split_inputs(run, split).generator for split in SPLITS]
    assert found == ["published", "published", "ood"]


def test_worker_processes_know_the_generator_of_a_users_file(users_file, tmp_path):
    document = {
        "name": "users",
        "inputs": {"generator": f"{users_file}:flat", "parameters": {"rate": 0.001}},
        "dataset": {"duration_ms": 20, "trials": {"train": 1, "valid": 1, "test": 1}},
    }
    path = simulate_shard(validate_config(document), "valid", 0, tmp_path / "v.h5", workers=1)
    with Shard(path) as shard:
        expected = 20 * shard.n_synapses * 0.001
        assert abs(shard.inputs(0).n_events - expected) < 5 * np.sqrt(expected)
