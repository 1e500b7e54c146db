"""One way to show how far long work is."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Report = Callable[[int, int, str], None]
"""Called with how much is done, of how much, and a short text that goes with it."""

TENTHS = 10
EVERY_S = 60.0
LOOK_S = 1.0


def silent(done: int, total: int, detail: str = "") -> None:
    """A report that shows nothing."""


def in_words(seconds: float) -> str:
    """A length of time, roughly."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def counted(number: int, what: str) -> str:
    """So many things: 1 fit, 2,000 fits."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def in_tenths(
    what: str,
    unit: str,
    say: Callable[[str], Any],
    parts: int = TENTHS,
    every_s: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """A report that says a line for every tenth: for logs, and for jobs that share a terminal.

    Args:
        parts: as many lines in place of ten.
        every_s: a line that comes so long after the last is said whatever the tenth, s.
    """
    shown, said_s = -1, 0.0
    began: tuple[float, int] | None = None  # when, and what was done before

    def report(done: int, total: int, detail: str = "") -> None:
        nonlocal shown, said_s, began
        part, now_s = parts * done // max(total, 1), clock()
        began = began or (now_s, done)
        if part > shown or now_s - said_s >= every_s:
            shown, said_s = part, now_s
            tenths = TENTHS * part // parts
            drawn = "#" * tenths + "-" * (TENTHS - tenths)
            words = [f"{what} [{drawn}] {done} of {total} {unit}", detail]
            if began[1] < done < total:
                left_s = (now_s - began[0]) * (total - done) / (done - began[1])
                words.append(f"{in_words(left_s)} left")
            say(", ".join(filter(None, words)))

    return report


class ProgressBar:
    """A bar on a terminal; elsewhere a line for every tenth, and at least one a minute.

    Use as a context that gives a `Report`.

    Args:
        what: is done, such as "Simulate".
        unit: what is counted, such as "trials".
        quiet: show nothing.
        clock: tells the time, s.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
        from rich.table import Column

        console = Console(stderr=True)
        # On a narrow terminal the bar gives way, not the figures.
        count = MofNCompleteColumn(table_column=Column(no_wrap=True))
        left = TimeRemainingColumn(table_column=Column(no_wrap=True))
        said = "{task.description}{task.fields[detail]}"
        self._drawn = console.is_terminal and not quiet
        self._bar = Progress(said, BarColumn(), count, left, console=console)
        self._what, self._unit, self._quiet, self._clock = what, unit, quiet, clock
        self._ended = threading.Event()

    def __enter__(self) -> Report:
        if self._quiet:
            return silent
        if not self._drawn:
            return self._lines()
        self._bar.start()
        task = self._bar.add_task(f"{self._what} ({self._unit})", total=None, detail="")

        def report(done: int, total: int, detail: str = "") -> None:
            below = f"\n{detail}" if detail else ""
            self._bar.update(task, completed=done, total=total, detail=below)

        return report

    def _lines(self) -> Report:
        """A report in lines, of which the last is said again when nothing new has come for long."""

        def say(line: str) -> None:
            print(line, file=sys.stderr, flush=True)

        lines = in_tenths(self._what, self._unit, say, every_s=EVERY_S, clock=self._clock)
        last: tuple[int, int, str] | None = None

        def report(done: int, total: int, detail: str = "") -> None:
            nonlocal last
            last = done, total, detail
            lines(*last)

        def repeat() -> None:
            while not self._ended.wait(LOOK_S):
                if last:
                    lines(*last)

        threading.Thread(target=repeat, daemon=True).start()
        return report

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        if self._drawn:
            self._bar.stop()
