"""What every rule's script starts with: its log, and how a failure is told."""

import fcntl
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from neuronio.errors import NeuronIOError

TENTHS = 10


class Job:
    """One running job: writes to the rule's log, and short lines to the terminal as well.

    A failure leaves its traceback in the log with one sentence as the last line, which the
    workflow prints again when it ends.
    """

    def __init__(self, log: str):
        self.log = Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.log.open("a")
        self._wait_for_orphan()
        self._file.truncate(0)
        sys.excepthook = self._fail

    def note(self, text: str) -> None:
        """Write a line to the log."""
        self._write(f"{time.strftime('%H:%M:%S')} {text}")

    def say(self, text: str) -> None:
        """Write a line to the log and to the terminal."""
        self.note(text)
        print(text, file=sys.stderr, flush=True)

    def bar(self, what: str, unit: str) -> Callable[..., None]:
        """A function of (done, total, detail) that shows progress: a line for every tenth.

        Lines rather than one that is redrawn: jobs run side by side and share the terminal.
        """
        shown = -1

        def progress(done: int, total: int, detail: str = "") -> None:
            nonlocal shown
            tenths = TENTHS * done // total
            if tenths > shown:
                shown = tenths
                drawn = "#" * tenths + "-" * (TENTHS - tenths)
                self.say(f"{what} [{drawn}] {done} of {total} {unit}{detail}")

        return progress

    def _wait_for_orphan(self) -> None:
        """Wait until no job of a killed Snakemake, which lives on, does the same work."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for the earlier job of {self.log} to end", file=sys.stderr, flush=True)
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def _fail(self, kind, error, trace) -> None:
        self._write("".join(traceback.format_exception(kind, error, trace)).rstrip())
        told = str(error) if isinstance(error, NeuronIOError) else f"{kind.__name__}: {error}"
        self._write(f"error: {' '.join(told.split())}")

    def _write(self, text: str) -> None:
        self._file.write(text + "\n")
        self._file.flush()
