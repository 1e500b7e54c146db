"""Trials in processes of their own, so that a crash in NEURON loses one trial and no more."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from neuronio.data.shard import SegmentTable
from neuronio.errors import NeuronIOError

START_LIMIT_S = 600.0
Serve = Callable[[Any, Connection], None]


@dataclass
class Worker:
    """A running worker process: what it is doing, and until when it may."""

    process: subprocess.Popen
    connection: Connection
    errors: Any
    task: Any = None
    deadline: float = field(default_factory=lambda: time.monotonic() + START_LIMIT_S)

    def stop(self) -> str:
        """End the process; returns the last thing it said."""
        self.process.kill()
        self.process.wait()
        self.connection.close()
        self.errors.seek(0)
        lines = [line for line in self.errors.read().decode(errors="replace").splitlines() if line]
        self.errors.close()
        return lines[-1] if lines else f"exit status {self.process.returncode}"


@dataclass(frozen=True)
class Ready:
    """What a worker says once its cell is built."""

    segments: SegmentTable
    batch_size: int


class WorkerPool:
    """Worker processes that each build an engine and then run tasks.

    Args:
        serve: what a worker runs: called with `setup` and a connection, it sends `Ready`, then
            answers every task until the connection closes. A function of a module, since it goes
            to the workers by its name.
        setup: picklable.
        size: number of processes at most; each starts when there is a task for it.
        limit_s: longest wall time of one task of one trial, s; beyond it the process is killed.
    """

    def __init__(self, serve: Serve, setup: Any, size: int, limit_s: float):
        self._start_message, self._size, self._limit_s = (serve, setup), size, limit_s
        self._workers = [self._start()]
        self.ready = self._first_ready()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exception) -> None:
        for worker in self._workers:
            worker.stop()

    def run(self, next_task: Callable[[], list | None]) -> Iterator[tuple[list, Any]]:
        """Run tasks until `next_task` gives None while nothing is under way.

        Yields:
            (task, answer); the answer is a string, the reason, where the worker died on the task.
        """
        while True:
            while self._has_room() and (task := next_task()) is not None:
                self._give(task)
            if not any(worker.task for worker in self._workers):
                return
            yield from self._answers()

    def _has_room(self) -> bool:
        return len(self._workers) < self._size or not all(w.task for w in self._workers)

    def _give(self, task: list) -> None:
        worker = next((worker for worker in self._workers if not worker.task), None)
        if worker is None:
            self._workers.append(worker := self._start())
        worker.task = task
        worker.deadline = time.monotonic() + START_LIMIT_S + self._limit_s * len(task)
        # Where the process is gone, `_answers` sees its connection end and says so.
        with contextlib.suppress(OSError):
            worker.connection.send(task)

    def _answers(self) -> Iterator[tuple[list, Any]]:
        busy = [worker for worker in self._workers if worker.task]
        wait([worker.connection for worker in busy], timeout=5)
        for worker in busy:
            task = worker.task
            answer = self._answer(worker)
            if answer is None:
                continue
            if isinstance(answer, NeuronIOError):
                raise answer
            if isinstance(answer, str):
                self._workers.remove(worker)
            else:
                worker.task = None
            yield task, answer

    def _answer(self, worker: Worker) -> Any:
        """The worker's answer, None while it works, or a string once it is dead."""
        try:
            while worker.connection.poll():
                answer = worker.connection.recv()
                if not isinstance(answer, Ready):
                    return answer
        except (EOFError, OSError):
            return f"the simulation process died ({worker.stop()})"
        if time.monotonic() > worker.deadline:
            worker.stop()
            return "the simulation process hung and was killed"
        return None

    def _first_ready(self) -> Ready:
        worker = self._workers[0]
        try:
            if not worker.connection.poll(START_LIMIT_S):
                worker.stop()
                raise NeuronIOError("a simulation process did not start in time")
            answer = worker.connection.recv()
        except (EOFError, OSError) as error:
            raise NeuronIOError(f"a simulation process died at start: {worker.stop()}") from error
        if isinstance(answer, NeuronIOError):
            worker.stop()
            raise answer
        return answer

    def _start(self) -> Worker:
        ours, theirs = socket.socketpair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by Worker.stop)
        code = f"from neuronio.simulation.worker import main; main({theirs.fileno()})"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        theirs.close()
        connection = Connection(ours.detach())
        # Where the process is gone, `_first_ready` and `_answers` say so.
        with contextlib.suppress(OSError):
            connection.send(self._start_message)
        return Worker(process, connection, errors)


def main(descriptor: int) -> None:
    """What a worker process runs: the function that comes over the socket, until it closes."""
    connection = Connection(descriptor)
    # A closed connection means that the parent has gone: there is nobody left to serve.
    with contextlib.suppress(EOFError, ConnectionResetError, BrokenPipeError):
        try:
            serve, setup = connection.recv()
            serve(setup, connection)
        except NeuronIOError as error:
            connection.send(error)
