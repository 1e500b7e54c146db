"""Datasets: resumable to the byte, isolated from crashes, and nothing silently dropped."""

import csv
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
from neuronio.simulation import jobs
from neuronio.simulation.dataset import Queue, _settle, make_dataset, simulate_shard
from neuronio.simulation.engines.base import TrialFailure
from neuronio.simulation.inputs.splits import shard_trials
from neuronio.simulation.jobs import Draw, Job, Parts, serve
from neuronio.simulation.worker import WorkerPool

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
    done = []
    make_dataset(config(), out, progress=lambda finished, total, detail: done.append(finished))
    assert done[0] >= len(kept)
    assert all(not part.exists() or part.stat().st_mtime_ns == t for part, t in stamps.items())
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


@pytest.mark.slow
def test_a_process_that_dies_loses_its_task_alone(tmp_path):
    job = Job.of(config(), "train")
    tasks = [[Draw(0)], [Draw(1)]]
    answers = []
    with WorkerPool(serve, (job, tmp_path), 1, 60) as pool:
        for _, answer in pool.run(lambda: tasks.pop(0) if tasks else None):
            answers.append(answer)
            if len(answers) == 1:
                # The next task meets a dead process, as after a crash within NEURON.
                os.kill(pool._workers[0].process.pid, signal.SIGKILL)
        assert answers[0] == ["done"]
        assert "the simulation process died" in answers[1]
        tasks.append([Draw(1)])
        assert [answer for _, answer in pool.run(lambda: tasks.pop(0) if tasks else None)] == [
            ["done"]
        ]


def test_a_crash_is_retried_alone_then_listed(tmp_path, random_inputs):
    queue, parts = Queue(2), Parts(tmp_path)
    inputs = random_inputs(4, 10, 0.1)
    _settle(queue, parts, [Draw(0), Draw(1)], "it died", lambda draw: inputs)
    again = queue.next_task()
    assert again == [Draw(0, failed="it died")]
    assert queue.next_task() == [Draw(1, failed="it died")]
    _settle(queue, parts, again, "it died again", lambda draw: inputs)
    assert queue.next_task() is None
    facts, kept, recording = parts.load(0)
    assert facts == {"attempt": 0, "retried": "it died", "failed": "it died again"}
    assert recording is None
    np.testing.assert_array_equal(kept.dense(), inputs.dense())


def test_a_rejected_trial_is_drawn_again(tmp_path, random_inputs):
    queue, parts = Queue(8), Parts(tmp_path)
    _settle(queue, parts, [Draw(4, attempt=2)], ["rejected"], None)
    assert queue.next_task() == [Draw(4, attempt=3)]


def test_the_rejection_rule_decides_by_spikes_and_seed_alone(tmp_path, random_inputs):
    document = {**DOCUMENT, "inputs": {"generator": "ergodic", "parameters": {"keep_busy": 0.0}}}
    job = Job.of(validate_config(document), "train")
    inputs, trace = random_inputs(4, 10, 0.1), np.zeros(10, np.float32)
    busy = Recording(trace, trace, np.linspace(0, 9, 30))
    assert jobs._verdict(job, Parts(tmp_path), Draw(0), inputs, busy) == "rejected"
    calm = Recording(trace, trace, np.linspace(0, 9, 5))
    assert jobs._verdict(job, Parts(tmp_path), Draw(0), inputs, calm) == "done"
    failed = TrialFailure("voltage became NaN")
    assert jobs._verdict(job, Parts(tmp_path), Draw(1), inputs, failed) == "voltage became NaN"


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


def test_scale_sizes_every_split():
    run = config(scale=0.5, trials={"train": 9, "valid": 1, "test": 4})
    assert {s: [len(r) for r in shard_trials(run, s)] for s in ("train", "valid", "test")} == {
        "train": [2, 2],
        "valid": [1],
        "test": [2],
    }
