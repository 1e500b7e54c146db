"""Rates in factored form: smoothing, pasting, and the exactness of the sampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from neuronio.simulation.inputs.rates import (
    Rates,
    clusters,
    gaussian_window,
    paste,
    smooth_at,
    smoothed_hold,
    spike_probability,
)


def convolved(x: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Zero-padded convolution of each column, cut to the column's length about its middle."""
    full = np.stack([np.convolve(column, window) for column in x.T], axis=1)
    start = (len(window) - 1) // 2
    return full[start : start + len(x)]


@given(st.floats(1e-4, 50))
def test_closed_form_is_the_mean_of_a_clipped_exponential(rate):
    below, _ = integrate.quad(lambda x: rate * x * np.exp(-x), 0, min(1 / rate, 60))
    wanted = below + np.exp(-1 / rate)
    assert spike_probability(np.array(rate)) == pytest.approx(wanted, rel=1e-6)


@given(st.floats(1e-4, 50))
def test_spike_probability_is_bounded_by_the_rate_and_by_one(rate):
    p = spike_probability(np.array(rate))
    assert 0 < p <= min(rate, 1)


@pytest.mark.parametrize("rate", [0.002, 0.1, 0.5, 2.0])
def test_sampling_agrees_with_the_two_stage_rule(rate):
    """One uniform a bin, against an exponential and a uniform: the same Bernoulli probability."""
    n = 400_000
    rng = np.random.default_rng(3)
    ours = Rates(np.ones((n // 100, 1)), np.full((1, 100), rate)).sample(rng).n_events
    theirs = np.count_nonzero(rng.random(n) < rng.exponential(rate, n))
    p = float(spike_probability(np.array(rate)))
    deviation = np.sqrt(n * p * (1 - p))
    assert abs(ours - n * p) < 4 * deviation
    assert abs(theirs - n * p) < 4 * deviation


def test_samples_are_sorted_and_at_most_one_a_bin():
    rng = np.random.default_rng(0)
    rates = Rates(rng.random((777, 3)), rng.random((3, 40)))
    events = rates.sample(rng)
    key = events.time_ms.astype(int) * 40 + events.synapse
    assert (np.diff(key) > 0).all()
    assert events.offset[-1] == events.n_events
    assert (events.n_segments, events.duration_ms) == (20, 777)


def test_samples_of_bins_and_synapses_are_independent():
    events = Rates(np.ones((20_000, 1)), np.full((1, 10), 0.3)).sample(np.random.default_rng(1))
    spikes = events.dense().astype(float)
    across = np.corrcoef(spikes)[~np.eye(10, dtype=bool)]
    along = [np.corrcoef(s[1:], s[:-1])[0, 1] for s in spikes]
    assert np.abs([*across, *along]).max() < 4.5 / np.sqrt(20_000)


@settings(max_examples=60)
@given(st.integers(1, 400), st.integers(1, 130), st.integers(1, 80))
def test_smoothed_hold_is_the_convolution_of_the_intervals(duration_ms, interval_ms, sigma_ms):
    n = -(-duration_ms // interval_ms)
    hold = np.arange(duration_ms)[:, None] // interval_ms == np.arange(n)
    wanted = convolved(hold.astype(float), gaussian_window(sigma_ms))
    np.testing.assert_allclose(
        smoothed_hold(duration_ms, interval_ms, sigma_ms), wanted, atol=1e-12
    )


@pytest.mark.parametrize("sigma_ms", [5, 25, 61])
def test_window_has_the_published_length_and_width(sigma_ms):
    window = gaussian_window(sigma_ms)
    x = np.arange(len(window)) - (len(window) - 1) / 2
    assert len(window) == 1 + 7 * sigma_ms
    assert window.sum() == pytest.approx(1)
    assert np.sqrt(window @ x**2) == pytest.approx(sigma_ms, rel=0.02)  # cut at 3.5 sigma


def test_smoothing_keeps_a_constant_rate_but_fades_at_the_ends():
    total = smoothed_hold(2000, 50, 30).sum(axis=1)
    inside = slice(4 * 30, -4 * 30)
    np.testing.assert_allclose(total[inside], 1.0, atol=1e-12)
    assert total[0] == pytest.approx(0.5, abs=0.02)
    assert total[-1] == pytest.approx(0.5, abs=0.02)


def test_a_later_paste_covers_an_earlier_one():
    whole = np.ones((10, 2))
    out = paste([(0, whole), (2, 3 * np.ones((4, 1))), (4, 5 * np.ones((3, 1)))])
    assert out.sum(axis=1).tolist() == [2, 2, 3, 3, 5, 5, 5, 2, 2, 2]
    assert out.shape == (10, 4)


def test_edges_are_smoothed_and_the_rest_is_left_alone():
    course = np.where(np.arange(1000) < 400, 1.0, 3.0)[:, None]
    out = smooth_at(course, np.array([400]), 25)
    smooth = convolved(course, gaussian_window(25))
    near = np.abs(np.arange(1000) - 400) < 25 * np.sqrt(2 * np.log(5))
    np.testing.assert_allclose(out[near], smooth[near])
    assert (out[~near] == course[~near]).all()
    assert np.abs(np.diff(out[:, 0])).max() < 0.1 * 2


@settings(max_examples=30)
@given(st.lists(st.integers(0, 300), max_size=6), st.integers(1, 40))
def test_smoothing_at_edges_equals_smoothing_everything_there(edges, sigma_ms):
    course = np.random.default_rng(len(edges)).random((300, 4))
    out = smooth_at(course, np.array(edges, dtype=int), sigma_ms)
    smooth = convolved(course, gaussian_window(sigma_ms))
    changed = (out != course).any(axis=1)
    np.testing.assert_allclose(out[changed], smooth[changed])


@given(st.integers(1, 900), st.integers(1, 40))
def test_clusters_are_runs_of_nearly_equal_size(n_segments, n_clusters):
    label = clusters(n_segments, n_clusters)
    sizes = np.bincount(label, minlength=n_clusters)
    assert (np.diff(label) >= 0).all()
    assert len(sizes) == n_clusters
    assert sizes.max() - sizes.min() <= 1


def test_a_block_of_rates_is_a_part_of_the_whole():
    rng = np.random.default_rng(0)
    course = smoothed_hold(600, 40, 10)
    rates = Rates(course, rng.random((course.shape[1], 8)))
    np.testing.assert_allclose(rates.block(150, 330), rates.dense().T[150:330])
    assert stats.describe(rates.dense(), axis=None).minmax[0] >= 0
