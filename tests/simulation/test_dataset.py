"""Datasets: resumable to the byte, isolated from crashes, and nothing silently dropped."""

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from neuronio.config import validate_config
from neuronio.data.shard import Shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.recipe import digest
from neuronio.simulation import jobs
from neuronio.simulation.cell_spec import CELLS
from neuronio.simulation.dataset import _take, make_dataset, simulate_shard
from neuronio.simulation.engines.base import TrialFailure
from neuronio.simulation.inputs.draw import accept_trial
from neuronio.simulation.inputs.generators import GENERATORS
from neuronio.simulation.inputs.splits import shard_trials, trial_rng
from neuronio.simulation.jobs import Job, shard_recipe
from neuronio.simulation.making import OpenShard
from neuronio.simulation.parts import Parts
from neuronio.simulation.queue import Draw

DOCUMENT = {
    "name": "test",
    "engine": {"name": "neuron"},
    "dataset": {
        "duration_ms": 40,
        "trials": {"train": 3, "valid": 1, "test": 1},
        "trials_per_shard": 2,
    },
}


def config(**dataset):
    return validate_config({**DOCUMENT, "dataset": {**DOCUMENT["dataset"], **dataset}})


def rows(path):
    with Path(path).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A dataset made without interruption."""
    folder = tmp_path_factory.mktemp("dataset")
    make_dataset(config(), folder)
    return folder


@pytest.mark.slow
def test_the_manifest_lists_every_trial(finished):
    found = rows(finished / "manifest.csv")
    assert [(r["split"], r["trial"], r["status"]) for r in found] == [
        ("train", "0", "ok"),
        ("train", "1", "ok"),
        ("train", "2", "ok"),
        ("valid", "0", "ok"),
        ("test", "0", "ok"),
    ]
    with Shard(finished / "train" / "shard-001.h5") as shard:
        assert list(shard.trial_index) == [2]
        assert int(found[2]["excitatory_inputs"]) == shard.inputs(0).n_excitatory
        assert shard.info["split"] == "train"


@pytest.mark.slow
def test_a_dataset_that_was_killed_ends_with_the_same_bytes(finished, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT))
    out = tmp_path / "out"
    code = (
        "from neuronio.config import load_config; "
        "from neuronio.simulation.dataset import make_dataset; "
        f"make_dataset(load_config({str(path)!r}), {str(out)!r}, workers=1)"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(out.rglob("trial-*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = list(out.rglob("trial-*.npz"))
    assert kept
    stamps = {part: part.stat().st_mtime_ns for part in kept}
    done, left = [], []

    def look(finished: int, total: int, detail: str) -> None:
        done.append(finished)
        left.append({part: part.stat().st_mtime_ns for part in kept if part.exists()})

    make_dataset(config(), out, progress=look)
    assert done[0] >= len(kept)
    assert left[0] == stamps  # none of them was made again
    for shard in sorted(finished.rglob("*.h5")):
        assert (out / shard.relative_to(finished)).read_bytes() == shard.read_bytes()
    assert not list(out.rglob("*.parts"))


@pytest.mark.slow
def test_a_finished_dataset_is_left_alone_and_another_is_not_mixed_in(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.h5")}
    make_dataset(config(), finished)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*.h5")} == before
    with pytest.raises(NeuronIOError, match=r"made with other settings \(dataset_seed\)"):
        make_dataset(config().model_copy(update={"seed": 2}), finished)
    with pytest.raises(NeuronIOError, match="its trials"):
        make_dataset(config(duration_ms=50), finished)
    with pytest.raises(NeuronIOError, match=r"shard-001\.h5 is there, but the dataset ends before"):
        make_dataset(config(trials={"train": 2, "valid": 1, "test": 1}), finished)


@pytest.mark.slow
def test_a_damaged_shard_is_named(finished, tmp_path):
    shard = finished / "valid" / "shard-000.h5"
    good = shard.read_bytes()
    try:
        shard.write_bytes(good[:-200])
        with pytest.raises(NeuronIOError, match=r"valid/shard-000\.h5"):
            make_dataset(config(), finished)
    finally:
        shard.write_bytes(good)


def test_the_rejection_rule_decides_by_spikes_and_seed_alone(tmp_path, random_inputs):
    document = {**DOCUMENT, "inputs": {"generator": "ergodic", "parameters": {"keep_busy": 0.0}}}
    job = Job.of(validate_config(document), "train")
    inputs, trace = random_inputs(4, 10, 0.1), np.zeros(10, np.float32)
    places = [(range(2), Parts(tmp_path))]
    busy = Recording(trace, trace, np.linspace(0, 9, 30))
    assert jobs._verdict(job, places, Draw(0), inputs, busy) == "rejected"
    calm = Recording(trace, trace, np.linspace(0, 9, 5))
    assert jobs._verdict(job, places, Draw(0, 1), inputs, calm) == "done"
    failed = TrialFailure("voltage became NaN")
    assert jobs._verdict(job, places, Draw(1), inputs, failed) == "voltage became NaN"
    # What a killed run knew of its draws.
    assert Parts(tmp_path).verdicts() == {0: {0: "rejected", 1: "done"}}


@pytest.mark.slow
def test_failed_trials_stand_in_the_shard_and_the_manifest(tmp_path):
    run = config()
    job = Job.of(run, "train")
    out = tmp_path / "train" / "shard-000.h5"
    parts = Parts(out.parent / f".shard-000.{job.digest()}.parts")
    silent = InputEvents.from_events(696, 40, [], [])
    parts.save(Draw(0, failed="first reason"), silent, TrialFailure("second reason"))
    simulate_shard(run, "train", 0, out)
    with Shard(out) as shard:
        assert list(shard.trial_index) == [1]
        assert shard.info["failed"] == {"0": "second reason"}
    for split, number in (("train", 1), ("valid", 0), ("test", 0)):
        path = tmp_path / split / f"shard-{number:03d}.h5"
        simulate_shard(run, split, number, path)
    found = rows(make_dataset(run, tmp_path))
    listed = {(r["split"], r["trial"]): (r["status"], r["reason"]) for r in found}
    assert listed["train", "0"] == ("failed", "second reason")
    assert listed["train", "1"] == ("ok", "")


def test_a_shard_whose_every_trial_failed_is_an_error(tmp_path):
    run = config()
    out = tmp_path / "shard-000.h5"
    parts = Parts(tmp_path / f".shard-000.{Job.of(run, 'valid').digest()}.parts")
    parts.save(Draw(0), InputEvents.from_events(696, 40, [], []), TrialFailure("it blew up"))
    with pytest.raises(NeuronIOError, match=r"every trial of .* failed; the first because it blew"):
        simulate_shard(run, "valid", 0, out)


def toy(**changes):
    """A configuration of a cell and a generator that are files of the working folder."""
    inputs = {"generator": "mine.py:level", "parameters": {"rate": 0.01}}
    return validate_config(
        {**DOCUMENT, "cell": {"model": "mine.yaml"}, "inputs": inputs, **changes}
    )


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """The working folder, with a cell, its morphology and a generator of the user's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GENERATORS, "_entries", dict(GENERATORS._entries))
    cell = yaml.safe_load((CELLS / "packaged.yaml").read_text())
    cell |= {"morphology": "mine.swc", "nexus": None}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(cell))
    rows = ["1 1 0 0 0 10 -1", "2 1 0 10 0 10 1", "3 3 0 -60 0 1 1", "4 3 0 -160 0 1 3"]
    rows += ["5 4 0 100 0 2 2", "6 4 0 300 0 2 5", "7 4 -80 400 0 1 6", "8 4 80 450 0 1 6"]
    (tmp_path / "mine.swc").write_text("\n".join(rows))
    (tmp_path / "mine.py").write_text(USERS_GENERATOR)
    return tmp_path


def one_by_one(run, split):
    """(index, attempts before, inputs, recording) of a split's trials, each draw after the last."""
    job = Job.of(run, split)
    engine = job.make_engine()
    for index in (i for shard in shard_trials(run, split) for i in shard):
        for attempt in range(1000):
            inputs = job.draw_inputs(Draw(index, attempt), engine.segment_table())
            [recording] = engine.run([inputs])
            rng = trial_rng(run.seed, index, split=split, attempt=attempt, purpose="acceptance")
            generator, parameters = job.inputs.generator, job.inputs.parameters
            if accept_trial(generator, parameters, len(recording.spike_ms), rng):
                yield index, attempt, inputs, recording
                break


@pytest.mark.parametrize("generator", ["ergodic", "published"])
def test_trials_are_those_of_draws_one_after_another(generator, own_files):
    parameters = {"keep_silent": 0.3} if generator == "ergodic" else {}
    trials = {"train": 23, "valid": 1, "test": 1}
    run = toy(
        inputs={"generator": generator, "parameters": parameters},
        engine={"name": "ensemble"},
        dataset={"duration_ms": 20, "trials": trials, "trials_per_shard": 9},
    )

    def killed(finished, total, detail):
        if finished >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_dataset(run, own_files / "killed", workers=1, progress=killed)
    kept = list((own_files / "killed").rglob("trial-*.npz"))
    assert len(kept) >= 5
    assert (generator == "ergodic") == any((own_files / "killed").rglob("draw-*.rejected"))
    for name, workers in {"killed": 3, "one": 1}.items():
        make_dataset(run, own_files / name, workers=workers)
    wanted, attempts = one_by_one(run, "train"), []
    for path in sorted((own_files / "one" / "train").glob("*.h5")):
        assert (own_files / "killed" / "train" / path.name).read_bytes() == path.read_bytes()
        with Shard(path) as shard:
            for i, found in enumerate(map(int, shard.trial_index)):
                index, attempt, inputs, recording = next(wanted)
                assert (found, shard.info["attempts"].get(str(found), 0)) == (index, attempt)
                np.testing.assert_array_equal(shard.inputs(i).synapse, inputs.synapse)
                np.testing.assert_array_equal(shard.soma_mV(i), recording.soma_mV)
                np.testing.assert_array_equal(shard.nexus_mV(i), recording.nexus_mV)
                np.testing.assert_array_equal(shard.spike_ms(i), recording.spike_ms)
                attempts.append(attempt)
    assert not list(own_files.rglob("*.parts"))
    assert len(attempts) == 23
    assert (max(attempts) >= 3) == (generator == "ergodic")


USERS_GENERATOR = """
import numpy as np

from neuronio.simulation.inputs.generators import Generator, generator
from neuronio.simulation.inputs.rates import Rates


@generator("level")
class Level(Generator):
    rate: float = 0.02
    gain: float = 1.0

    def rates(self, segments, duration_ms, rng):
        weight = np.full((1, 2 * len(segments)), self.rate * self.gain)
        return Rates(np.ones((duration_ms, 1)), weight)
"""


def test_a_job_knows_what_decides_its_trials(own_files):
    before = Job.of(toy(), "train")
    assert before.info()["generator_parameters"] == {"rate": 0.01, "gain": 1.0}
    assert before.digest() == Job.of(toy(), "train").digest()
    digests = {before.digest()}
    for name, addition in {"mine.swc": "\n9 4 80 500 0 1 8", "mine.py": "\n# edited"}.items():
        path = own_files / name
        text = path.read_text()
        path.write_text(text + addition)
        digests.add(Job.of(toy(), "train").digest())
        path.write_text(text)
    explicit = {"generator": "mine.py:level", "parameters": {"rate": 0.01, "gain": 1.0}}
    assert Job.of(toy(inputs=explicit), "train").digest() == before.digest()
    for parameters in ({"rate": 0.02}, {"rate": 0.01, "gain": 2.0}):
        changed = {"generator": "mine.py:level", "parameters": parameters}
        digests.add(Job.of(toy(inputs=changed), "train").digest())
    digests.add(Job.of(toy(), "valid").digest())
    digests.add(Job.of(toy(seed=5), "train").digest())
    digests.add(Job.of(toy(t0_artefact=True), "train").digest())
    assert len(digests) == 8


def test_a_shard_knows_its_recipe(own_files):
    path = simulate_shard(toy(), "train", 0, own_files / "one.h5", workers=1)
    job = Job.of(toy(), "train")
    with Shard(path) as shard:
        assert shard_recipe(shard) == job.recipe()
        assert shard.info["recipe"] == digest(shard_recipe(shard)) == job.digest()
        assert shard.info["vector_bits"] in {128, 256, 512}


def test_trials_of_the_same_recipe_are_taken_from_another_shard(own_files):
    def with_trials(n, **changes):
        trials = {"train": n, "valid": 1, "test": 1}
        return toy(dataset={**DOCUMENT["dataset"], "trials": trials}, **changes)

    one = simulate_shard(with_trials(1), "train", 0, own_files / "one.h5", workers=1)
    job = Job.of(with_trials(2), "train")
    taking = OpenShard(job, own_files / "taking.h5", range(2))
    _take(job, taking, one)
    assert [taking.parts.path(i).exists() for i in (0, 1)] == [True, False]
    assert taking.missing == {1}
    for name, reuse in {"with.h5": [one], "without.h5": []}.items():
        simulate_shard(with_trials(2), "train", 0, own_files / name, workers=1, reuse=reuse)
    assert (own_files / "with.h5").read_bytes() == (own_files / "without.h5").read_bytes()
    another = Job.of(with_trials(2, seed=99), "train")
    other = OpenShard(another, own_files / "other.h5", range(2))
    _take(another, other, one)
    one.write_bytes(one.read_bytes()[:-100])
    _take(job, other, one)
    assert not other.parts.path(0).exists()


def test_a_changed_default_of_a_generator_is_another_job(monkeypatch):
    before = Job.of(config(), "train")
    document = before.info()["generator_parameters"]
    assert document["heterogeneity"] == [0.5, 1.5]
    made = jobs.make_generator("published", {"heterogeneity": [0.5, 1.4]})
    monkeypatch.setattr(jobs, "make_generator", lambda name, parameters: made)
    assert Job.of(config(), "train").digest() != before.digest()


def test_a_job_is_the_same_in_another_folder(own_files, tmp_path_factory, monkeypatch):
    there = tmp_path_factory.mktemp("elsewhere")
    for path in own_files.iterdir():
        (there / path.name).write_bytes(path.read_bytes())
    digests = set()
    for folder in (own_files, there):
        monkeypatch.setattr(GENERATORS, "_entries", dict(GENERATORS._entries))
        GENERATORS._entries.pop("level", None)
        inputs = {"generator": f"{folder}/mine.py:level"}
        run = toy(cell={"model": str(folder / "mine.yaml")}, inputs=inputs)
        digests.add(Job.of(run, "train").digest())
    assert len(digests) == 1


@pytest.mark.slow
def test_an_edited_morphology_is_not_mixed_in(own_files):
    out = own_files / "out"
    make_dataset(toy(), out, workers=1)
    with Shard(out / "train" / "shard-000.h5") as shard:
        sha256 = hashlib.sha256((own_files / "mine.swc").read_bytes()).hexdigest()
        assert shard.info["morphology_sha256"] == sha256
        assert shard.info["generator_parameters"] == {"rate": 0.01, "gain": 1.0}
        assert len(shard.info["generator_sha256"]) == 64
    make_dataset(toy(), out, workers=1)
    # Parts of an interrupted run of the cell as it was.
    old = Parts(own_files / f".new.{Job.of(toy(), 'train').digest()}.parts")
    silent = InputEvents.from_events(99, 40, [], [])
    for index in range(2):
        old.save(Draw(index, failed="of old"), silent, TrialFailure("of the old cell"))
    with (own_files / "mine.swc").open("a") as file:
        file.write("\n9 4 80 500 0 1 8")
    with pytest.raises(NeuronIOError, match=r"other settings \(morphology_sha256\)"):
        make_dataset(toy(), out, workers=1)
    simulate_shard(toy(), "train", 0, own_files / "new.h5", workers=1)
    with Shard(own_files / "new.h5") as shard:
        assert shard.info["failed"] == {}
        assert list(shard.trial_index) == [0, 1]


@pytest.mark.parametrize("name", ["ensemble", "neuron"])
def test_inputs_of_a_synapse_that_is_not_there_reach_no_engine(name, own_files):
    engine = Job.of(toy(engine={"name": name}), "train").make_engine()
    n, offset = len(engine.segment_table()), np.arange(11)
    sound = InputEvents(n, 10, np.zeros(10, np.uint16), offset)
    assert np.isfinite(engine.run([sound])[0].soma_mV).all()
    with pytest.raises(NeuronIOError, match=f"0 to 65535, but there are only {2 * n}"):
        engine.run([InputEvents(n, 10, np.array([0] * 9 + [65535], np.uint16), offset)])


def test_scale_sizes_every_split():
    run = config(scale=0.5, trials={"train": 9, "valid": 1, "test": 4})
    assert {s: [len(r) for r in shard_trials(run, s)] for s in ("train", "valid", "test")} == {
        "train": [2, 2],
        "valid": [1],
        "test": [2],
    }
