"""Which draws of which trials run next: lanes are kept full, and the first accepted draw counts.

A group of lanes costs the same however few of them are taken. Where a generator turns trials away,
a task that is short of draws is therefore filled with the next draws of trials whose verdict is
not known yet. Which of a trial's draws is kept does not depend on that: it is the first that is
accepted, all before it being rejected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from neuronio.simulation.inputs.draw import MAX_ATTEMPTS, rejected_for_ever

# Verdicts of draws that did not fail: the trial is on disk, or it is to be drawn again.
DONE, REJECTED = "done", "rejected"


@dataclass(frozen=True)
class Draw:
    """One draw of a trial: its index, how often it was redrawn, and whether it failed before.

    `alone`: its process died, maybe for no fault of this draw; the same engine tries it by itself.
    """

    index: int
    attempt: int = 0
    failed: str = ""
    alone: bool = False

    @property
    def by_itself(self) -> bool:
        """Whether it shares no task with others."""
        return self.alone or bool(self.failed)


@dataclass(frozen=True)
class Finished:
    """The draw that decides a trial; `failure` says why it gave nothing, where nothing is kept."""

    draw: Draw
    failure: str = ""


@dataclass
class _Trial:
    """A trial that is not finished.

    Attributes:
        next: the draw that its end hangs on, all earlier ones being rejected.
        running: attempts that are under way.
        verdicts: on later attempts than the next.
    """

    next: Draw
    verdicts: dict[int, str]
    running: set[int] = field(default_factory=set)

    def early(self) -> tuple[int, int] | None:
        """On how many open verdicts the first attempt hangs that may be tried early, and which.

        None where no attempt is worth a try: one before it may be the last.
        """
        attempt, open_verdicts = self.next.attempt, 0
        while attempt in self.running or attempt in self.verdicts:
            if attempt in self.running:
                open_verdicts += 1
            elif self.verdicts[attempt] != REJECTED:
                return None
            attempt += 1
        return (open_verdicts, attempt) if attempt < MAX_ATTEMPTS else None


@dataclass
class Queue:
    """Draws that wait, handed out in tasks.

    Args:
        generator: the name of what may turn trials away; empty where nothing does.
    """

    generator: str = ""
    _trials: dict[int, _Trial] = field(default_factory=dict)
    _again: deque[int] = field(default_factory=deque)
    _fresh: deque[int] = field(default_factory=deque)
    _alone: deque[int] = field(default_factory=deque)

    def add(self, draw: Draw, known: Mapping[int, str] | None = None) -> Iterator[Finished]:
        """Queue a trial from a draw on; verdicts on its draws may be known, and finish it."""
        trial = self._trials[draw.index] = _Trial(draw, dict(known or {}))
        yield from self._move_on(trial, self._fresh)

    def next_task(self, size: int) -> list[Draw] | None:
        """Up to `size` draws, which cost as much as one; one that failed, or whose process died,
        comes alone.

        Redraws come first. Less than half of `size` waits for draws that are under way, since
        those may add to it.
        """
        waiting = len(self._again) + len(self._fresh)
        if waiting and (2 * waiting >= size or not self._may_grow()):
            return self._batch(size)
        if not self._alone:
            return None
        trial = self._trials[self._alone.popleft()]
        trial.running.add(trial.next.attempt)
        return [trial.next]

    def settle(self, task: Sequence[Draw], answer: Sequence[str] | str) -> Iterator[Finished]:
        """Take a task's verdicts, or why its process died; gives the trials that it finishes.

        Raises:
            NeuronIOError: a trial was rejected too often.
        """
        died = isinstance(answer, str)
        verdicts = [answer] * len(task) if isinstance(answer, str) else answer
        for draw, verdict in zip(task, verdicts, strict=True):
            trial = self._trials.get(draw.index)
            if trial is None:
                continue
            trial.running.discard(draw.attempt)
            if died and not draw.by_itself:
                # A draw before its turn is drawn again when that comes.
                if draw == trial.next:
                    trial.next = replace(draw, alone=True)
                    self._alone.append(draw.index)
                continue
            if draw.failed and verdict not in (DONE, REJECTED):
                del self._trials[draw.index]
                yield Finished(draw, verdict)
                continue
            trial.verdicts[draw.attempt] = verdict
            if draw == trial.next:
                yield from self._move_on(trial, self._again)

    def _move_on(self, trial: _Trial, line: deque[int]) -> Iterator[Finished]:
        """Go through the known verdicts in the order of the draws, then wait in line."""
        while (verdict := trial.verdicts.pop(trial.next.attempt, None)) is not None:
            index, attempt = trial.next.index, trial.next.attempt + 1
            if verdict == DONE:
                del self._trials[index]
                yield Finished(trial.next)
                return
            if verdict != REJECTED:
                trial.next = replace(trial.next, failed=verdict, alone=False)
                self._alone.append(index)
                return
            if attempt >= MAX_ATTEMPTS:
                raise rejected_for_ever(index, self.generator)
            trial.next, line = Draw(index, attempt), self._again
        if trial.next.attempt not in trial.running:
            line.append(trial.next.index)

    def _may_grow(self) -> bool:
        in_lanes = (t for t in self._trials.values() if t.running and not t.next.by_itself)
        return bool(self.generator) and any(in_lanes)

    def _batch(self, size: int) -> list[Draw]:
        task: list[Draw] = []
        while len(task) < size and (line := self._again or self._fresh):
            task.append(self._run(self._trials[line.popleft()].next))
        while self.generator and len(task) < size and (early := self._early()):
            task.append(self._run(early))
        return task

    def _run(self, draw: Draw) -> Draw:
        self._trials[draw.index].running.add(draw.attempt)
        return draw

    def _early(self) -> Draw | None:
        """The draw whose turn has not come that is likeliest to be needed."""
        trials = ((t.early(), i) for i, t in self._trials.items() if not t.next.by_itself)
        found = [(*early, index) for early, index in trials if early]
        if not found:
            return None
        _, attempt, index = min(found)
        return Draw(index, attempt)
