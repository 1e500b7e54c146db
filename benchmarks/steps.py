"""How long a step takes; to be imported before torch, whose threads it tells how to wait.

On a machine with other work to do, threads that spin while they wait for one that is not scheduled
make every way many times slower, so there they sleep (OMP_WAIT_POLICY=PASSIVE), for all ways alike.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import machine

BUSY = machine.busy()
if BUSY:  # read once, when torch loads its OpenMP
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def median_ms(step: Callable[[], None], budget_s: float, most: int = 50) -> float:
    """Median duration of a step after one to warm up: as many as the budget allows, at least 1."""
    durations, begun = [], time.perf_counter()
    while len(durations) < 2 or (time.perf_counter() - begun < budget_s and len(durations) < most):
        start = time.perf_counter()
        step()
        durations.append(time.perf_counter() - start)
    return 1e3 * statistics.median(durations[1:])
