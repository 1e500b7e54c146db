"""ListOps trees as tokens: drawn at random, and evaluated, many at once.

A tree is the list of its tokens in reading order: a digit is one token, an operator an opening
token, its arguments, and a closing one. Source: Nangia & Bowman (2018), in the lengths of Tay et
al. (2021); `docs/long-horizon.md` has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuronio.errors import NeuronIOError

OPERATORS = ("MIN", "MAX", "MED", "SM")
DIGITS = 10
FIRST_OPERATOR = DIGITS
CLOSE = DIGITS + len(OPERATORS)
N_TOKENS = CLOSE + 1
NAMES = (*map(str, range(DIGITS)), *(f"[{name}" for name in OPERATORS), "]")

OPERATOR_SHARE = 0.25
FEWEST_ARGUMENTS, MOST_ARGUMENTS = 2, 10
DEEPEST = 10
COMMONEST = np.array([0, 9, 5, 9], np.int16)
"""The answer that each operator has most often in trees of 500 to 2,000 tokens; SM has none."""
MOST_DRAWS = 100_000


def draw_tree(rng: np.random.Generator, shortest: int, longest: int) -> np.ndarray:
    """Tokens of a random tree of `shortest` to `longest` tokens, (T,) int16.

    A node above the deepest level is an operator with probability 1/4, of 2 to 10 arguments. Trees
    of other lengths are drawn anew; the root is always an operator, as it is in all trees that are
    kept.

    Raises:
        NeuronIOError: none of 100,000 trees had such a length.
    """
    for _ in range(MOST_DRAWS):
        levels = _draw_levels(rng, longest)
        if levels and sum(map(_n_tokens, levels)) >= shortest:
            return _in_reading_order(levels)
    raise NeuronIOError(
        f"no tree of {shortest} to {longest} tokens in {MOST_DRAWS} draws; allow more lengths"
    )


@dataclass(frozen=True)
class _Level:
    """All nodes of one depth, from left to right: the token of each, and its arguments."""

    token: np.ndarray
    arguments: np.ndarray


def _n_tokens(level: _Level) -> int:
    return len(level.token) + int(np.count_nonzero(level.arguments))


def _draw_levels(rng: np.random.Generator, longest: int) -> list[_Level]:
    """A tree, level by level; none once it is too long."""
    levels: list[_Level] = []
    nodes = tokens = 1
    while nodes:
        share = 0.0 if len(levels) + 1 == DEEPEST else OPERATOR_SHARE if levels else 1.0
        is_operator = rng.random(nodes) < share
        token = rng.integers(0, DIGITS, nodes)
        arguments = np.zeros(nodes, np.int64)
        n = np.count_nonzero(is_operator)
        token[is_operator] = FIRST_OPERATOR + rng.integers(0, len(OPERATORS), n)
        arguments[is_operator] = rng.integers(FEWEST_ARGUMENTS, MOST_ARGUMENTS + 1, n)
        levels.append(_Level(token, arguments))
        nodes = int(arguments.sum())
        tokens += nodes + int(n)
        if tokens > longest:
            return []
    return levels


def _in_reading_order(levels: list[_Level]) -> np.ndarray:
    """Where each node goes follows from the sizes of what is before it."""
    sizes = [np.zeros(0, np.int64)]
    for level in reversed(levels):
        below = np.concatenate([[0], np.cumsum(sizes[0])])
        last = np.cumsum(level.arguments)
        inside = below[last] - below[last - level.arguments]
        sizes.insert(0, 1 + (level.arguments > 0) + inside)
    tokens = np.full(int(sizes[0][0]), CLOSE, np.int16)
    place = np.zeros(1, np.int64)
    for level, size in zip(levels, sizes[1:], strict=True):
        tokens[place] = level.token
        before = np.cumsum(size) - size
        first = np.cumsum(level.arguments) - level.arguments
        parent = np.repeat(np.arange(len(place)), level.arguments)
        # Among its siblings a node comes after those before it; the parent's token is first.
        place = place[parent] + 1 + before - np.append(before, 0)[first[parent]]
    return tokens


def evaluate(tokens: np.ndarray, levels: int | None = None) -> np.ndarray:
    """Answers of trees that follow each other without gaps.

    Args:
        tokens: (E,), of n whole trees whose roots are operators.
        levels: of operators that are worked out, the root's included; for those below stands the
            commonest answer of their kind, `COMMONEST`. So 0 tells what the first token alone
            tells. All when left out.

    Returns:
        (n,) int16, 0 to 9.

    Raises:
        NeuronIOError: brackets do not match, a tree is a digit alone, or an operator is empty.
    """
    count_trees(tokens)
    opens, closes, inside = _brackets(tokens)
    # Depth of a node, the root's 1; closing tokens are no nodes.
    depth = np.where(closes, 0, inside + (tokens < DIGITS))
    below = 1 + (int(depth.max(initial=0)) if levels is None else levels)
    operators = np.flatnonzero(opens & (depth == below))
    answer = COMMONEST[tokens[operators] - FIRST_OPERATOR]
    for level in range(below - 1, 0, -1):
        children = np.flatnonzero(depth == level + 1)
        value = tokens[children].astype(np.int16)
        value[opens[children]] = answer
        operators = np.flatnonzero(opens & (depth == level))
        parent = np.searchsorted(operators, children) - 1
        answer = _apply(tokens[operators] - FIRST_OPERATOR, value, parent)
    return answer


def _apply(operator: np.ndarray, value: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """The answer of each operator from its arguments' values, which are sorted by operator."""
    n = np.bincount(parent, minlength=len(operator))
    first = np.cumsum(n) - n
    if not len(operator):
        return np.zeros(0, np.int16)
    rising = value[np.lexsort((value, parent))]
    twice_middle = rising[first + (n - 1) // 2] + rising[first + n // 2]
    total = np.add.reduceat(value.astype(np.int64), first)
    answers = (rising[first], rising[first + n - 1], twice_middle // 2, total % DIGITS)
    return np.choose(operator, answers).astype(np.int16)


def count_trees(tokens: np.ndarray) -> int:
    """How many whole trees follow each other.

    Raises:
        NeuronIOError: as `evaluate`.
    """
    opens, closes, inside = _brackets(tokens)
    after = np.append(tokens[1:], CLOSE)
    faults = {
        "closes an operator that is not open": inside < 0,
        "is a digit outside an operator": (tokens < DIGITS) & (inside == 0),
        "opens an operator without arguments": opens & (after == CLOSE),
    }
    for what, bad in faults.items():
        if bad.any():
            raise NeuronIOError(f"token {int(np.argmax(bad))} {what}")
    if not closes.any() or inside[-1]:
        raise NeuronIOError(f"{inside[-1]} operators are left open" if len(tokens) else "no token")
    return int(np.count_nonzero(closes & (inside == 0)))


def _brackets(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each token opens an operator or closes one, and how many are open after it."""
    opens = (tokens >= FIRST_OPERATOR) & (tokens < CLOSE)
    closes = tokens == CLOSE
    return opens, closes, np.cumsum(opens.astype(np.int32) - closes, dtype=np.int32)
