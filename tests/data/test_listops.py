from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import fftconvolve

from neuronio.data.listops import EIGHTHS, LEVELS, LISTOPS, LISTOPS_SHORT, listops_part
from neuronio.data.listops_trees import CLOSE, FIRST_OPERATOR, NAMES, count_trees, evaluate
from neuronio.data.sequences import SPLITS
from neuronio.errors import NeuronIOError

ROWS = 1000
STANDARD_ERRORS = 4.5
# docs/long-horizon.md: of a sample of a few hundred trees, and of rules that may not be ours.
FACT_SHEET = {"first token": 0.369, "one level": 0.53, "two levels": 0.74, "three levels": 0.84}
# Of 96,000 of our own trees.
MEASURED = {"first token": 0.358, "one level": 0.559, "two levels": 0.717, "three levels": 0.819}
FACT_SHEET_SHARES = (0.17, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08, 0.17)


@pytest.fixture(scope="module")
def trees():
    """Rows of the full lengths: what a part holds."""
    return listops_part(501, 1999, 0, "train", range(ROWS))


def tokens(text):
    return np.array([NAMES.index(name) for name in text.split()], np.int16)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[MIN 3 1 2 ]", 1),
        ("[MAX 3 1 2 ]", 3),
        ("[MED 2 5 ]", 3),
        ("[MED 1 9 5 ]", 5),
        ("[MED 0 1 8 9 ]", 4),
        ("[SM 9 9 9 ]", 7),
        ("[MAX 4 3 [MIN 2 3 ] 1 0 [MED 1 5 8 9 2 ] ]", 5),
        ("[SM [SM 5 6 ] [MIN [MAX 0 8 ] 9 ] ]", 9),
    ],
)
def test_known_trees(text, answer):
    assert evaluate(tokens(text)) == [answer]


def plain(tree):
    """The answer of a nested list."""
    if isinstance(tree, int):
        return tree
    operator, values = tree[0], sorted(map(plain, tree[1:]))
    n = len(values)
    middle = (values[(n - 1) // 2] + values[n // 2]) // 2
    return {"MIN": values[0], "MAX": values[-1], "MED": middle, "SM": sum(values) % 10}[operator]


def written(tree):
    """The tokens of a nested list, as text."""
    if isinstance(tree, int):
        return str(tree)
    return f"[{tree[0]} {' '.join(map(written, tree[1:]))} ]"


def operators(argument):
    names = st.sampled_from(["MIN", "MAX", "MED", "SM"])
    arguments = st.lists(argument, min_size=1, max_size=6)
    return st.builds(lambda name, values: [name, *values], names, arguments)


TREES = operators(st.recursive(st.integers(0, 9), operators, max_leaves=30))


@given(st.lists(TREES, min_size=1, max_size=4))
def test_many_trees_at_once_are_evaluated_like_each_alone(trees):
    found = evaluate(tokens(" ".join(map(written, trees))))
    assert found.tolist() == [plain(tree) for tree in trees]


@given(TREES)
def test_without_levels_the_first_token_alone_counts(tree):
    alone = evaluate(tokens(written(tree)), 0)
    assert alone == [{"MIN": 0, "MAX": 9, "MED": 5, "SM": 9}[tree[0]]]
    assert evaluate(tokens(written(tree)), 40) == [plain(tree)]


def test_levels_that_are_not_worked_out_have_their_commonest_answer():
    tree = tokens("[SM 1 [MIN 7 8 ] [MAX 1 [SM 2 2 ] ] ]")
    assert [int(evaluate(tree, n)[0]) for n in range(4)] == [9, (1 + 0 + 9) % 10, 7, 2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[MIN 1 2", "1 operators are left open"),
        ("[MIN 1 ] ]", "token 3 closes"),
        ("[MIN 1 ] 4", "token 3 is a digit outside"),
        ("[MIN ]", "token 0 opens an operator without arguments"),
        ("", "no token"),
    ],
)
def test_what_is_no_tree_is_refused(text, told):
    with pytest.raises(NeuronIOError, match=told):
        evaluate(tokens(text))


def rows_of(part):
    return [part.arrays["channel"][a:b] for a, b in pairwise(part.arrays["start"])]


def test_trees_are_as_they_are_drawn(trees):
    for row in rows_of(trees):
        assert count_trees(row) == 1
        depth = np.cumsum((row >= FIRST_OPERATOR) * 1 - 2 * (row == CLOSE))
        assert depth.max() <= 9  # and the digits in it are at depth 10
        assert 501 <= len(row) <= 1999


def length_distribution(longest):
    """Probability of each number of tokens of a tree, from the rules of its growth."""
    shares = np.zeros(longest + 1)
    shares[1] = 1  # at depth 10
    for _ in range(9):
        of_arguments, many = np.zeros(longest + 1), np.eye(1, longest + 1)[0]
        for n in range(1, 11):
            many = fftconvolve(many, shares)[: longest + 1]
            of_arguments += many / 9 if n >= 2 else 0
        # An operator has two tokens beside those of its arguments, a digit one.
        shares = np.concatenate([[0, 0.75], 0.25 * of_arguments[: longest - 1]])
    return shares


def test_lengths_follow_from_the_rules_of_growth(trees):
    shares = length_distribution(1999)[501:]
    tokens_of, kept = np.arange(501, 2000), shares.sum()
    assert kept == pytest.approx(0.082, abs=0.001)  # fact sheet: 8.2 % of trees
    mean = (shares * tokens_of).sum() / kept
    sd = np.sqrt((shares * (tokens_of - mean) ** 2).sum() / kept)
    length = trees.arrays["length"]
    assert abs(length.mean() - mean) < STANDARD_ERRORS * sd / np.sqrt(ROWS)
    for share in (0.1, 0.5, 0.9):
        at = tokens_of[np.searchsorted(np.cumsum(shares) / kept, share)]
        error = np.sqrt(share * (1 - share) / ROWS)
        assert abs((length <= at).mean() - share) < STANDARD_ERRORS * error


def within(found, wanted, n):
    """Whether a share of n samples may be the one that is wanted."""
    return abs(found - wanted) < STANDARD_ERRORS * np.sqrt(wanted * (1 - wanted) / n)


def test_answers_are_as_common_as_published(trees):
    shares = np.bincount(trees.arrays["label"], minlength=10) / ROWS
    for found, wanted in zip(shares, FACT_SHEET_SHARES, strict=True):
        assert within(found, wanted, ROWS)


@pytest.mark.parametrize("name", LEVELS)
def test_trivial_rules_score_what_is_known_of_them(trees, name):
    score = trees.extra[name].mean()
    assert within(score, MEASURED[name], ROWS)
    assert within(score, FACT_SHEET[name], ROWS)


def test_a_row_follows_from_its_seed_split_and_number_alone():
    whole = rows_of(listops_part(101, 499, 7, "test", range(6)))
    alone = rows_of(listops_part(101, 499, 7, "test", range(4, 5)))
    np.testing.assert_array_equal(whole[4], alone[0])
    for seed, split in ((8, "test"), (7, "valid")):
        other = rows_of(listops_part(101, 499, seed, split, range(4, 5)))
        assert not np.array_equal(other[0], alone[0])


def test_no_tree_can_be_in_two_splits():
    eighths = [set(EIGHTHS[split]) for split in SPLITS]
    assert sum(map(len, eighths)) == 8
    assert set.union(*eighths) == set(range(8))
    part = {split: rows_of(listops_part(3, 12, 0, split, range(300))) for split in SPLITS}
    small = {split: {row.tobytes() for row in rows} for split, rows in part.items()}
    assert small["train"].isdisjoint(small["valid"] | small["test"])
    assert small["valid"].isdisjoint(small["test"])
    assert all(len(found) < 300 for found in small.values())  # so short that trees do recur


def test_sizes_are_the_published_ones():
    assert LISTOPS.rows == LISTOPS_SHORT.rows == {"train": 96000, "valid": 2000, "test": 2000}
    assert (LISTOPS.channels, LISTOPS.classes) == (15, 10)
