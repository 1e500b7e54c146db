"""One way to show how far long work is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Report = Callable[[int, int, str], None]
"""Called with how much is done, of how much, and a short text that goes with it."""

TENTHS = 10


def silent(done: int, total: int, detail: str = "") -> None:
    """A report that shows nothing."""


def in_tenths(what: str, unit: str, say: Callable[[str], Any], parts: int = TENTHS) -> Report:
    """A report that says a line for every tenth: for logs, and for jobs that share a terminal."""
    shown = -1

    def report(done: int, total: int, detail: str = "") -> None:
        nonlocal shown
        part = parts * done // max(total, 1)
        if part > shown:
            shown = part
            tenths = TENTHS * part // parts
            drawn = "#" * tenths + "-" * (TENTHS - tenths)
            say(f"{what} [{drawn}] {done} of {total} {unit}{', ' if detail else ''}{detail}")

    return report


class ProgressBar:
    """A bar on a terminal, `in_tenths` lines elsewhere; use as a context that gives a `Report`.

    Args:
        what: is done, such as "Simulate".
        unit: what is counted, such as "trials".
        quiet: show nothing.
    """

    def __init__(self, what: str, unit: str, *, quiet: bool = False):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        console = Console(stderr=True)
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._drawn = console.is_terminal and not quiet
        self._bar = Progress(*columns, "{task.fields[detail]}", console=console)
        self._what, self._unit, self._quiet = what, unit, quiet

    def __enter__(self) -> Report:
        if self._quiet:
            return silent
        if not self._drawn:
            return in_tenths(self._what, self._unit, lambda line: print(line, file=sys.stderr))
        self._bar.start()
        task = self._bar.add_task(f"{self._what} ({self._unit})", total=None, detail="")

        def report(done: int, total: int, detail: str = "") -> None:
            self._bar.update(task, completed=done, total=total, detail=detail)

        return report

    def __exit__(self, *exception: object) -> None:
        if self._drawn:
            self._bar.stop()
