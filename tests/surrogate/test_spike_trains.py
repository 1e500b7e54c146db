"""Scores of called spikes against cases worked out by hand, and against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.comparison import differences
from neuronio.surrogate.detection import detection
from neuronio.surrogate.matching import SpikeList, spike_list
from neuronio.surrogate.measure import Measure
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.spike_distance import van_rossum_squared
from neuronio.surrogate.spike_trains import spike_trains

NONE = [[]]


def trains(*times):
    """A SpikeList of one list of times a trial."""
    trial = np.repeat(np.arange(len(times)), [len(t) for t in times])
    return SpikeList(trial, np.array([t for one in times for t in one], dtype=int), len(times))


def distance(a, b, tau_ms=10.0):
    return van_rossum_squared(trains(*a), trains(*b), tau_ms)


def test_a_spike_that_the_other_train_lacks_is_one_half():
    assert distance([[7]], NONE) == pytest.approx([0.5])
    assert distance(NONE, [[7]]) == pytest.approx([0.5])


@pytest.mark.parametrize("apart", [1, 3, 10, 100])
def test_two_spikes_apart_are_one_minus_an_exponential(apart):
    assert distance([[5]], [[5 + apart]]) == pytest.approx([1 - np.exp(-apart / 10)])


def test_equal_trains_are_not_apart_and_a_doublet_interacts():
    assert distance([[3, 9, 50]], [[3, 9, 50]]) == pytest.approx([0.0], abs=1e-12)
    assert distance([[3, 9]], NONE) == pytest.approx([1 + np.exp(-6 / 10)])


def test_trials_do_not_interact():
    together = distance([[99], [], [4, 8]], [[], [0], [5]])
    alone = [distance([a], [b])[0] for a, b in (([99], []), ([], [0]), ([4, 8], [5]))]
    assert together == pytest.approx(alone)


times = st.lists(st.integers(0, 60), max_size=8, unique=True).map(sorted)


@given(
    st.lists(st.tuples(times, times), min_size=1, max_size=3), st.sampled_from([1.0, 10.0, 35.0])
)
def test_the_walk_equals_the_sum_over_all_pairs(trials, tau_ms):
    found = distance([a for a, _ in trials], [b for _, b in trials], tau_ms)
    for squared, (a, b) in zip(found, trials, strict=True):
        t, mark = np.array([*a, *b], dtype=float), np.array([1.0] * len(a) + [-1.0] * len(b))
        pairs = np.exp(-np.abs(np.subtract.outer(t, t)) / tau_ms)
        assert squared == pytest.approx(mark @ pairs @ mark / 2, abs=1e-9)


def test_the_distance_is_the_integral_that_defines_it():
    fine, tau_ms = np.arange(0, 400, 0.005), 10.0

    def trace(times):
        since = fine - np.array(times)[:, None]
        return np.where(since >= 0, np.exp(-np.maximum(since, 0) / tau_ms), 0.0).sum(axis=0)

    a, b = [10, 14, 60], [11, 90]
    integral = ((trace(a) - trace(b)) ** 2).sum() * 0.005 / tau_ms
    assert distance([a], [b]) == pytest.approx([integral], rel=1e-3)


def values(true, called, duration_ms=1000):
    return spike_trains(trains(*true), trains(*called), duration_ms).points


def test_scores_of_two_trials_by_hand():
    """4 true, 4 called; pairs within 0, 1, 2, 5 ms: 1, 2, 2, 3. Trials of 500 ms: +1 and -1."""
    found = values([[10], [100, 200, 300]], [[10, 40], [201, 295]], 500)
    f1 = {ms: found[f"spike_f1_{ms}ms"] for ms in (0, 1, 2, 5)}
    assert f1 == pytest.approx({0: 2 / 8, 1: 4 / 8, 2: 4 / 8, 5: 6 / 8})
    assert found["rate_mae_hz"] == pytest.approx((1 + 1) / 2 / 0.5)
    assert found["rate_bias_hz"] == pytest.approx(0.0)
    assert found["rate_mae_relative"] == pytest.approx(2 / 4)
    assert found["rate_bias_relative"] == pytest.approx(0.0)


def test_too_many_and_too_few_spikes_have_a_sign():
    more, fewer = values([[10]], [[10, 50, 90]]), values([[10, 50]], [[10]])
    assert (more["rate_bias_hz"], more["rate_bias_relative"]) == (2.0, 2.0)
    assert (fewer["rate_bias_hz"], fewer["rate_bias_relative"]) == (-1.0, -0.5)
    assert fewer["rate_mae_hz"] == 1.0


def test_the_distance_is_relative_to_silence():
    far = [[100, 300], [500, 900]]
    assert values(far, [[], []])["van_rossum_10ms"] == pytest.approx(1.0)
    assert values(far, far)["van_rossum_10ms"] == pytest.approx(0.0)
    assert values(far, [[100, 300], [500]])["van_rossum_10ms"] == pytest.approx(np.sqrt(1 / 4))
    shifted = values(far, [[103, 303], [503, 903]])["van_rossum_10ms"]
    assert shifted == pytest.approx(np.sqrt(2 * (1 - np.exp(-3 / 10))))


def test_without_a_threshold_nothing_is_defined():
    points = spike_trains(trains([3]), None, 100).points
    assert len(points) == 9
    assert set(points.values()) == {None}


def test_weights_of_trials_are_the_trials_repeated():
    """A resample that takes a trial twice scores what the trials so repeated score."""
    rng = np.random.default_rng(0)
    true, called = rng.random((2, 5, 300)) < 0.02
    taken = [0, 0, 2, 3, 3]
    weight = np.bincount(taken, minlength=5)[None].astype(float)
    whole = spike_trains(spike_list(true), spike_list(called), 300)
    repeated = spike_trains(spike_list(true[taken]), spike_list(called[taken]), 300)
    found = {name: v[0] for name, v in whole.weighted(weight).items()}
    assert found == pytest.approx(repeated.points)


def test_a_difference_of_the_same_measure_is_zero_and_pairing_narrows_it():
    rng = np.random.default_rng(1)
    common = rng.standard_normal(40)
    a, b = common + 0.1 * rng.standard_normal(40), common + 0.3

    def mean(x):
        return Measure.of_sums(lambda w: {"mean": w @ x / w.sum(axis=1)}, 40)

    draws = Resamples.draw(40, 400, 0.95, 0)
    (same,) = differences([mean(a)], [mean(a)], draws).values()
    assert (same["difference"], same["low"], same["high"]) == (0.0, 0.0, 0.0)
    assert not same["excludes_0"]
    (paired,), alone = differences([mean(a)], [mean(b)], draws).values(), mean(b).scores(draws)
    width = paired["high"] - paired["low"]
    assert paired["difference"] == pytest.approx((b - a).mean())
    assert width < 0.3 * (alone["mean"]["high"] - alone["mean"]["low"])
    # of a mean the interval is known: Student's
    known = ttest_rel(b, a).confidence_interval(0.95)
    assert width == pytest.approx(known.high - known.low, rel=0.1)


@pytest.mark.slow
def test_a_difference_of_equally_good_fits_excludes_0_no_more_often_than_it_says():
    """Nominally 5%, of average precision on 24 uneven trials with a spike each on average."""
    rng, wrong, repeats = np.random.default_rng(7), 0, 120
    for repeat in range(repeats):
        spikes = rng.random((24, 500)) < 0.002 * rng.lognormal(-0.5, 1.0, (24, 1))
        signal, noise = rng.uniform(1, 4, (24, 1)), rng.standard_normal((3, *spikes.shape))
        logits = (0.8 * noise[0] + 0.6 * own + signal * spikes for own in noise[1:])
        a, b = ([detection(Predictions(spikes, logit, spikes, spikes))] for logit in logits)
        draws = Resamples.draw(24, 400, 0.95, seed=repeat)
        wrong += bool(differences(a, b, draws)["average_precision"]["excludes_0"])
    assert wrong / repeats <= 0.1
