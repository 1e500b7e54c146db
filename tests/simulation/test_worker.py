"""Worker processes: one that dies costs its task and no more, and none starts without a task."""

import os
import signal

import pytest

from neuronio.config import validate_config
from neuronio.data.shard import SegmentTable
from neuronio.simulation.engines.base import available_cores
from neuronio.simulation.jobs import Job, serve
from neuronio.simulation.parts import Parts
from neuronio.simulation.queue import Draw
from neuronio.simulation.worker import Ready, WorkerPool


@pytest.mark.slow
def test_a_process_that_dies_loses_its_task_alone(tmp_path):
    trials = {"train": 2, "valid": 1, "test": 1}
    document = {"engine": {"name": "neuron"}, "dataset": {"duration_ms": 40, "trials": trials}}
    job = Job.of(validate_config({"name": "test", **document}), "train")
    tasks = [[Draw(0)], [Draw(1)]]
    answers = []
    with WorkerPool(serve, (job, [(range(2), Parts(tmp_path))]), 1, 60) as pool:
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


def echo(setup, connection):
    """A worker that answers every task with it."""
    connection.send(Ready(SegmentTable([], [], [], []), 1))
    while True:
        connection.send(connection.recv())


def test_no_more_processes_start_than_there_are_tasks_for():
    tasks = [["a"], ["b"]]
    with WorkerPool(echo, None, 5, 60) as pool:
        answers = sorted(answer for _, answer in pool.run(lambda: tasks.pop(0) if tasks else None))
        assert answers == [["a"], ["b"]]
        assert len(pool._workers) == 2


def test_cores_are_counted_where_the_system_tells_no_affinity(monkeypatch):
    """As macOS does not."""
    if hasattr(os, "sched_getaffinity"):
        assert available_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for told, cores in ((6, 6), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda told=told: told)
        assert available_cores() == cores
