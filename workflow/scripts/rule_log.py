"""What every rule's script starts with: its log, and how a failure is told."""

import os
import sys
import time
import traceback
from pathlib import Path

from neuronio.errors import NeuronIOError
from neuronio.files import lock_file
from neuronio.progress import Report, in_tenths


class RuleLog:
    """A running rule: writes to its log, and short lines to the terminal as well.

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

    def progress(self, what: str, unit: str) -> Report:
        """Shows progress by a line for every tenth: jobs run side by side, and share a terminal.

        Where `make run` shows the logs' own lines live, they go to the log alone, every hundredth.
        """
        if os.environ.get("NEURONIO_PROGRESS") == "logs":
            return in_tenths(what, unit, self.note, parts=100)
        return in_tenths(what, unit, self.say)

    def _wait_for_orphan(self) -> None:
        """Wait until no job of a killed Snakemake, which lives on, does the same work."""
        if not lock_file(self._file):
            print(f"Waiting for the earlier job of {self.log} to end", file=sys.stderr, flush=True)
            lock_file(self._file, wait=True)

    def _fail(self, kind, error, trace) -> None:
        told = str(error) if isinstance(error, NeuronIOError) else f"{kind.__name__}: {error}"
        sentence = f"error: {' '.join(told.split())}"
        try:
            self._write("".join(traceback.format_exception(kind, error, trace)) + sentence)
        except OSError:  # a full disk takes no log either
            print(sentence, file=sys.stderr, flush=True)

    def _write(self, text: str) -> None:
        self._file.write(text + "\n")
        self._file.flush()
