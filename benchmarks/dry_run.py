"""A dataset job without the simulation: how long its groups of lanes take on so many cores."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

from neuronio.simulation.queue import DONE, REJECTED, Draw, Queue


@dataclass(frozen=True)
class DryRun:
    """What a job took.

    Attributes:
        time: wall time, in times that one group of lanes takes.
        groups: how many groups ran.
        draws: simulations that one after another would take.
        kept: the attempt that was kept of every trial.
    """

    lanes: int
    cores: int
    time: float
    groups: int
    draws: int
    kept: dict[int, int]

    @property
    def of_linear(self) -> float:
        """Speed as a share of every lane of every core being of use all the time."""
        return self.draws / self.lanes / self.cores / self.time

    @property
    def lanes_per_draw(self) -> float:
        """Lanes that were paid for, for every draw that counted."""
        return self.groups * self.lanes / self.draws


def verdict(draw: Draw, rejected: float, seed: int) -> str:
    """Whether a draw is turned away, which follows from the draw alone."""
    coin = random.Random(f"{seed} {draw.index} {draw.attempt}").random()
    return REJECTED if coin < rejected else DONE


def dry_run(n_trials: int, lanes: int, cores: int, rejected: float = 0.28, seed: int = 0) -> DryRun:
    """Run the queue of a dataset's trials against a clock; groups differ by 2% in their time.

    Args:
        rejected: share of draws that are turned away; as of `ergodic` on the neuronio cell.
    """
    clock, queue = random.Random(seed), Queue("ergodic" if rejected else "")
    for index in range(n_trials):
        list(queue.add(Draw(index)))
    kept: dict[int, int] = {}
    under_way: list[tuple[float, int, list[Draw]]] = []
    now, groups = 0.0, 0
    while True:
        while len(under_way) < cores and (task := queue.next_task(lanes)):
            groups += 1
            heapq.heappush(under_way, (now + clock.uniform(0.98, 1.02), groups, task))
        if not under_way:
            draws = sum(attempt + 1 for attempt in kept.values())
            return DryRun(lanes, cores, now, groups, draws, kept)
        now, _, task = heapq.heappop(under_way)
        for done in queue.settle(task, [verdict(draw, rejected, seed) for draw in task]):
            kept[done.draw.index] = done.draw.attempt
