"""How far a whole run is: read from the logs of its jobs, and shown while Snakemake is at work."""

from __future__ import annotations

import contextlib
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import psutil

from neuronio.errors import NeuronIOError
from neuronio.files import read_json
from neuronio.progress import in_words

JOBS = Path(".snakemake") / "jobs.json"
# Exit code of a run that is over before it begins, since it could simulate nothing.
NO_DATA = 3
EVERY_S = 60.0
LOOK_S = 0.5
SURE_AFTER_S = 30.0
END_WITHIN_S = 30.0
PROGRESS = re.compile(r"^\d\d:\d\d:\d\d (.*) \[[#-]+\] (\d+) of (\d+) ")
ENDED = re.compile(r"^error: ", re.MULTILINE)
# What Snakemake's own log says of its jobs.
SNAKEMAKES = Path(".snakemake") / "log"
BEGUN = re.compile(r"^Job (\d+): (.+)")
OVER = re.compile(r"^(?:Finished jobid:|    jobid:) (\d+)")
STEPS = re.compile(r"^(\d+) of (\d+) steps ")
DIGEST = re.compile(r"(-evaluation)?-[0-9a-f]{16}\b")
NAMED = 8


@dataclass(frozen=True)
class Job:
    """A job that takes long: its log, and how long a core is expected to be at it, s."""

    log: Path
    core_s: float


@dataclass(frozen=True)
class Look:
    """What the logs say at one moment.

    Attributes:
        done: share of the work, 0 to 1; None where nothing long is to be done.
        left_s: what is left, s; None where it cannot be told yet.
        at_work: jobs that have begun and not ended, with their share; None of a short one.
        steps: how many of Snakemake's jobs have ended, and of how many; None before the first.
    """

    done: float | None
    left_s: float | None
    at_work: list[tuple[str, float | None]]
    steps: tuple[int, int] | None = None

    def __str__(self) -> str:
        parts = [f"{100 * self.done:.0f}% of the work is done"] if self.done is not None else []
        parts += [f"about {in_words(self.left_s)} left"] if self.left_s is not None else []
        if not parts and self.steps:
            parts = [f"{self.steps[0]} of {self.steps[1]} jobs are done"]
        jobs = [n if s is None else f"{n} ({100 * s:.0f}%)" for n, s in self.shown()]
        at_work = f"at work: {', '.join(jobs)}" if jobs else ""
        return "; ".join(filter(None, [", ".join(parts), at_work])) or "begun"

    def shown(self) -> list[tuple[str, float | None]]:
        """The jobs at work that there is room for, and how many there are besides."""
        rest = len(self.at_work) - NAMED
        return [*self.at_work[:NAMED], *([(f"{rest} more", None)] if rest > 0 else [])]


class Steps:
    """The jobs of a run as Snakemake's log tells them, short ones too.

    Args:
        logs: the folder of Snakemake's logs.
        started: time of the run's start, s since the epoch; older logs say nothing of it.
    """

    def __init__(self, logs: Path, started: float):
        self._logs, self._started = logs, started
        self._file: IO[str] | None = None
        self._begun: dict[str, str] = {}
        self.done: tuple[int, int] | None = None

    def at_work(self) -> list[str]:
        """What the jobs are called that have begun and not ended, by what is new in the log."""
        if self._file is None:
            logs = [p for p in self._logs.glob("*.log") if p.stat().st_mtime >= self._started]
            if not logs:
                return []
            # The first, as jobs on other machines have logs of their own.
            self._file = min(logs).open(errors="replace")
        for line in self._file:
            if begun := BEGUN.match(line):
                self._begun[begun[1]] = DIGEST.sub("", begun[2])
            elif over := OVER.match(line):
                self._begun.pop(over[1], None)
            elif steps := STEPS.match(line):
                self.done = int(steps[1]), int(steps[2])
        return list(self._begun.values())


class Watch:
    """Looks at the jobs of a run.

    Args:
        jobs: what takes long.
        started: time of the run's start, s since the epoch; older logs say nothing of it.
        folder: the run's, where Snakemake's log says which short jobs are at work too.
    """

    def __init__(self, jobs: Sequence[Job], started: float, folder: Path | None = None):
        self._jobs, self._started = jobs, started
        self._steps = Steps(folder / SNAKEMAKES, started) if folder else None

    @classmethod
    def of(cls, folder: Path) -> Watch:
        """Of the run in a folder, with the jobs that `cost.py` has left there."""
        try:
            held = read_json(folder / JOBS)
        except NeuronIOError:
            held = []
        return cls([Job(folder / job["log"], job["core_s"]) for job in held], time.time(), folder)

    def look(self) -> Look:
        """Where the run is."""
        total = done = begun_with = 0.0
        at_work: list[tuple[str, float | None]] = []
        for job in self._jobs:
            name, first, share, ended = self._progress(job.log)
            total += job.core_s
            done += job.core_s * share
            begun_with += job.core_s * first
            if name and not ended and share < 1:
                at_work.append((name, share))
        steps = None
        if self._steps:
            shares = dict(at_work)
            at_work = [(name, shares.get(name)) for name in self._steps.at_work()]
            steps = self._steps.done
        if not total:
            return Look(None, None, at_work, steps)
        if steps and done >= total and steps[0] < steps[1]:
            return Look(None, None, at_work, steps)  # what takes long is made, others are not
        spent_s, made = time.time() - self._started, done - begun_with
        sure = spent_s > SURE_AFTER_S and made > 0
        left_s = (total - done) * spent_s / made if sure else None
        return Look(done / total, left_s, at_work, steps)

    def _progress(self, log: Path) -> tuple[str, float, float, bool]:
        """What a job is called, its shares then and now, and whether it ended in an error.

        A job's log begins with it: its first share is what it went on from.
        """
        nothing = "", 0.0, 0.0, False
        try:
            if log.stat().st_mtime < self._started:
                return nothing
            text = log.read_text(errors="replace")
        except OSError:
            return nothing
        found = [match for line in text.splitlines() if (match := PROGRESS.match(line))]
        if not found:
            return nothing
        first, share = (int(m[2]) / max(int(m[3]), 1) for m in (found[0], found[-1]))
        return found[-1][1], first, share, bool(ENDED.search(text))


class Terminated(BaseException):
    """This process is asked to end (SIGTERM), as `kill`, make or a batch system do."""


def end_when_asked() -> None:
    """From now on, SIGTERM raises `Terminated`: what this process has begun is then ended too."""

    def end(*_: Any) -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, end)


def call(command: Sequence[str], watch: Watch, **options: Any) -> int:
    """Run a command, and show meanwhile how far the run is; returns the exit code.

    On a terminal there is one live view below what the command prints; elsewhere a line is printed
    at least every minute.
    """
    if sys.stderr.isatty():
        return _call_live(command, watch, **options)
    process = subprocess.Popen(command, **options)
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(watch, ended), daemon=True)
    teller.start()
    try:
        return _wait(process)
    finally:
        ended.set()


def _tell(watch: Watch, ended: threading.Event) -> None:
    while not ended.wait(EVERY_S):
        print(f"{time.strftime('%H:%M:%S')} {watch.look()}", file=sys.stderr, flush=True)


def _wait(process: subprocess.Popen) -> int:
    """Wait for the end; an interrupt reaches the process as well, which then ends by itself."""
    try:
        return process.wait()
    except (KeyboardInterrupt, Terminated) as asked:
        _end(process, itself=isinstance(asked, KeyboardInterrupt))
        raise


def _end(process: subprocess.Popen, itself: bool) -> None:
    """See to it that a process ends, with all that it has begun."""
    if not itself:
        with contextlib.suppress(psutil.NoSuchProcess):
            begun = psutil.Process(process.pid).children(recursive=True)
            # Snakemake first, which then begins nothing more.
            for one in [process, *begun]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.terminate()
    try:
        process.wait(timeout=END_WITHIN_S)
    except (KeyboardInterrupt, Terminated, subprocess.TimeoutExpired):
        process.kill()


def _call_live(command: Sequence[str], watch: Watch, **options: Any) -> int:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    said = queue.SimpleQueue[str]()
    reader = threading.Thread(target=_read, args=(process.stdout, said), daemon=True)
    reader.start()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        try:
            while process.poll() is None:
                _show(said, console)
                live.update(_view(watch.look()), refresh=True)
                time.sleep(LOOK_S)
            reader.join(timeout=5)
            _show(said, console)
        except (KeyboardInterrupt, Terminated) as asked:
            # What Snakemake says from now on, of the jobs that it ends, is not shown.
            _end(process, itself=isinstance(asked, KeyboardInterrupt))
            raise
    return process.returncode


def _read(lines: Any, said: queue.SimpleQueue[str]) -> None:
    for line in lines:
        said.put(line)


def _show(said: queue.SimpleQueue[str], console: Any) -> None:
    while not said.empty():
        console.print(said.get().rstrip("\n"), markup=False, highlight=False, soft_wrap=True)


def _view(look: Look) -> Any:
    """The live view: a bar for the whole run, and one for each job at work."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table.grid(padding=(0, 1))
    rows: list[tuple[str, float | None]] = []
    if look.done is not None:
        rows = [("whole run", look.done)]
    elif look.steps:
        rows = [("whole run", look.steps[0] / look.steps[1])]
    for name, share in [*rows, *look.shown()]:
        if share is None:
            table.add_row(name)
            continue
        left = look.left_s if name == "whole run" else None
        words = f"about {in_words(left)} left" if left is not None else ""
        bar = ProgressBar(total=1.0, completed=share, width=30)
        table.add_row(name, bar, f"{100 * share:3.0f}%", words)
    return table
