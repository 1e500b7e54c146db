"""The order of statements: independent chains side by side."""

from __future__ import annotations

import re

# Cycles until a result is there, roughly: what is called by name, and any other arithmetic.
LATENCY = {"exp2_": 36, "one_minus_exp2": 40, "Linoid": 24, "log2_of": 48, "reciprocal": 12}
ARITHMETIC = 5
NAMES = re.compile(r"\b(?:[xq]\d+|current|conductance|place)\b|\bs\[\d+\]")


def interleaved(lines: list[str], window: int) -> list[str]:
    """The statements in an order in which each waits less for those before it.

    A processor holds some hundred instructions at a time, fewer than two or three gates take, and
    each gate is one long chain. Among the next `window` statements the one whose operands are
    ready first comes first.

    Args:
        lines: each names at most one new vector, or sets a state; what it needs comes before it.
    """
    needs = _needs(lines)
    ready_at: dict[int, int] = {}
    order: list[int] = []
    waiting = list(range(len(lines)))
    time = 0
    while waiting:
        free = [i for i in waiting[:window] if all(k in ready_at for k in needs[i])]
        best = min(free, key=lambda i: (max((ready_at[k] for k in needs[i]), default=0), i))
        start = max([time, *(ready_at[k] for k in needs[best])])
        ready_at[best] = start + _latency(lines[best])
        time += 1
        order.append(best)
        waiting.remove(best)
    return [lines[i] for i in order]


def _latency(line: str) -> int:
    return sum(cycles for name, cycles in LATENCY.items() if name in line) or ARITHMETIC


def _needs(lines: list[str]) -> list[set[int]]:
    """For each statement, those that must come before it."""
    written: dict[str, int] = {}
    read: dict[str, list[int]] = {}
    needs = []
    for i, line in enumerate(lines):
        target, _, _ = line.removeprefix("const ").partition("=")
        names = NAMES.findall(line)
        sets = NAMES.findall(target.partition("(")[0])
        mine = {written[name] for name in names if name in written}
        for name in sets:
            mine.update(read.get(name, []))
            written[name] = i
        for name in names:
            read.setdefault(name, []).append(i)
        needs.append(mine - {i})
    return needs
