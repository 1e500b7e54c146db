import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from neuronio.data.matching import match_sorted

BINS = st.lists(st.integers(0, 200), max_size=25).map(sorted)


@given(BINS, BINS, st.integers(0, 5))
def test_pairs_are_one_to_one_within_tolerance_rising_and_as_many_as_can_be(a, b, tolerance):
    pairs = match_sorted(a, b, tolerance)
    assert pairs.shape == (len(pairs), 2)
    assert (np.diff(pairs, axis=0) > 0).all()
    left, right = np.array(a, dtype=int), np.array(b, dtype=int)
    assert (np.abs(left[pairs[:, 0]] - right[pairs[:, 1]]) <= tolerance).all()
    if a and b:
        close = csr_matrix(np.abs(left[:, None] - right[None, :]) <= tolerance)
        assert len(pairs) == np.count_nonzero(maximum_bipartite_matching(close) >= 0)
