"""ListOps as sequence sets: nested operators on digits, whose answer is the label.

A token is a channel: digits 0 to 9, then [MIN, [MAX, [MED, [SM and the closing bracket.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import partial

import numpy as np

from neuronio.data.listops_trees import DIGITS, N_TOKENS, draw_tree, evaluate
from neuronio.data.sequence_making import GeneratedTask, Part, row_seed
from neuronio.data.sequences import offsets

ROWS = {"train": 96_000, "valid": 2_000, "test": 2_000}
# Trees belong to splits by a hash of their tokens, so that no two splits share one.
EIGHTHS = {"train": range(6), "valid": range(6, 7), "test": range(7, 8)}
LEVELS = {"first token": 0, "one level": 1, "two levels": 2, "three levels": 3}
"""Trivial rules: levels of operators that are worked out (`listops_trees.evaluate`)."""


def listops_part(shortest: int, longest: int, seed: int, split: str, rows: range) -> Part:
    """Rows of trees with `shortest` to `longest` tokens.

    Raises:
        NeuronIOError: such trees are too rare to be drawn.
    """
    streams = (np.random.default_rng(row_seed(seed, split, i)) for i in rows)
    return part_of_trees([_tree(rng, split, shortest, longest) for rng in streams])


def part_of_trees(trees: list[np.ndarray]) -> Part:
    """Rows of some trees, and whether the trivial rules are right on them.

    Raises:
        NeuronIOError: as `evaluate`.
    """
    tokens = np.concatenate(trees)
    answer = evaluate(tokens)
    right = {name: evaluate(tokens, levels) == answer for name, levels in LEVELS.items()}
    return Part(token_arrays(trees) | {"label": answer}, right)


def token_arrays(rows: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of a sequence set without labels, from rows of one token a step."""
    length = np.array([len(row) for row in rows], np.int32)
    return {
        "length": length,
        "start": offsets(length),
        "step": np.concatenate([np.arange(n, dtype=np.int32) for n in length]),
        "channel": np.concatenate(rows).astype(np.int16),
    }


def _tree(rng: np.random.Generator, split: str, shortest: int, longest: int) -> np.ndarray:
    while True:
        tokens = draw_tree(rng, shortest, longest)
        if zlib.crc32(tokens.astype("<i2").tobytes()) % 8 in EIGHTHS[split]:
            return tokens


def listops_scores(label: np.ndarray, extra: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How often each trivial rule is right."""
    return {name: float(extra[name].mean()) for name in LEVELS}


def _task(name: str, shortest: int, longest: int) -> GeneratedTask:
    return GeneratedTask(
        name=name,
        channels=N_TOKENS,
        classes=DIGITS,
        step_unit="token",
        settings={"shortest": shortest, "longest": longest},
        rows=ROWS,
        part=partial(listops_part, shortest, longest),
        scores=listops_scores,
        module=__name__,
        part_rows=500,
    )


LISTOPS = _task("listops", 501, 1999)
LISTOPS_SHORT = _task("listops-short", 101, 499)
