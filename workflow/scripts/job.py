"""What every rule's script starts with: its log, and how a failure is told."""

import sys
import time
import traceback
from pathlib import Path

from data.errors import NeuronIOError


class Job:
    """One running job: writes to the rule's log, and short lines to the terminal as well.

    A failure leaves its traceback in the log with one sentence as the last line, which the
    workflow prints again when it ends.
    """

    def __init__(self, log: str):
        self.log = Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        sys.excepthook = self._fail

    def note(self, text: str) -> None:
        """Write a line to the log."""
        self._write(f"{time.strftime('%H:%M:%S')} {text}")

    def say(self, text: str) -> None:
        """Write a line to the log and to the terminal."""
        self.note(text)
        print(text, file=sys.stderr, flush=True)

    def _fail(self, kind, error, trace) -> None:
        self._write("".join(traceback.format_exception(kind, error, trace)).rstrip())
        told = str(error) if isinstance(error, NeuronIOError) else f"{kind.__name__}: {error}"
        self._write(f"error: {' '.join(told.split())}")

    def _write(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(text + "\n")
