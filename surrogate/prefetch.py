"""Batches made ahead of their use."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Prefetcher:
    """Batches of consecutive steps, made by threads ahead of their use, in order.

    Args:
        make: step -> batch; must not depend on the order of calls.
        steps: the steps to make, in this order.
        workers: threads.
        ahead: batches that may wait.

    Attributes:
        waited_s: time that the user of the batches has spent waiting for them, s.
    """

    def __init__(self, make: Callable[[int], Any], steps: range, workers: int = 1, ahead: int = 4):
        self._make, self._steps, self._workers, self._ahead = make, steps, workers, ahead
        self.waited_s = 0.0

    def __iter__(self) -> Generator[Any]:
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="batches")
        try:
            waiting: deque = deque()
            for step in self._steps:
                waiting.append(pool.submit(self._make, step))
                if len(waiting) > self._ahead:
                    yield self._timed(waiting.popleft().result)
            while waiting:
                yield self._timed(waiting.popleft().result)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, get: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        batch = get()
        self.waited_s += time.perf_counter() - began
        return batch
