import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.stats import norm, t

from neuronio.surrogate.bootstrap import LEAST_TRIALS, Resamples, acceleration, bca
from neuronio.surrogate.detection import resampled_curves
from neuronio.surrogate.detection_curves import detection_curves
from neuronio.surrogate.legacy import legacy_scores
from neuronio.surrogate.matching import (
    SpikeList,
    best_threshold,
    called_spikes,
    candidate_spikes,
    matched_per_trial,
    spike_list,
)
from neuronio.surrogate.metrics import score
from neuronio.surrogate.points import Predictions, point_scores


def made_up(rng, n_trials=12, duration_ms=2000, signal=3.0, rate=0.004):
    spikes = rng.random((n_trials, duration_ms)) < rate
    logit = (rng.standard_normal(spikes.shape) + signal * spikes - 4).astype(np.float32)
    soma = (-70 + 3 * rng.standard_normal(spikes.shape)).astype(np.float32)
    predicted = (soma + rng.standard_normal(spikes.shape)).astype(np.float32)
    return Predictions(spikes, logit, soma, predicted)


def test_auc_is_the_chance_that_a_spike_outranks_silence():
    p = made_up(np.random.default_rng(0), n_trials=2, duration_ms=300, rate=0.03)
    yes, no = p.logit[p.spikes], p.logit[~p.spikes]
    wins = (yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean()
    assert point_scores(p)["auc"] == pytest.approx(wins, abs=1e-9)


def test_true_positives_are_counted_below_the_false_positive_rate():
    p = made_up(np.random.default_rng(1))
    scores, no, yes = point_scores(p), p.logit[~p.spikes], p.logit[p.spikes]
    for rate in (0.0025, 0.005, 0.01):
        allowed = int(rate * len(no))
        threshold = np.sort(no)[::-1][allowed]
        assert scores[f"tp_at_fp_{rate}"] == pytest.approx((yes > threshold).mean(), abs=1e-9)


def test_true_positives_of_equal_logits_lie_on_a_straight_line_of_the_curve():
    """Three levels of a spike and five silences each among a thousand: two are within 1%."""
    logit = np.full((1, 1018), -9.0, np.float32)
    logit[0, :18] = np.repeat([3.0, 2.0, 1.0], 6)
    spikes = np.zeros((1, 1018), bool)
    spikes[0, [0, 6, 12]] = True
    p = Predictions(spikes, logit, np.zeros_like(logit), np.zeros_like(logit))
    assert point_scores(p)["tp_at_fp_0.01"] == pytest.approx(2 / 3)
    assert resampled_curves(p, np.ones((1, 1)))["tp_at_fp_0.01"][0] == pytest.approx(2 / 3)
    roc = detection_curves(p)["roc"]
    assert np.interp(0.01, roc["false"], roc["true"]) == pytest.approx(2 / 3, abs=1e-4)


def test_one_resample_that_takes_every_trial_once_gives_the_scores_themselves():
    p = made_up(np.random.default_rng(2))
    curves, exact = resampled_curves(p, np.ones((1, 12))), point_scores(p)
    for name, values in curves.items():
        assert values[0] == pytest.approx(exact[name], abs=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, hits, repeats = np.random.default_rng(3), 0, 60
    truth = norm.cdf(1.5 / np.sqrt(2))  # AUC of two normal populations 1.5 sd apart
    for _ in range(repeats):
        p = made_up(rng, n_trials=40, duration_ms=300, signal=1.5)
        entry = score(p, None, Resamples.draw(40, 200, 0.9, seed=0))["auc"]
        hits += entry["low"] <= truth <= entry["high"]
    assert 0.8 <= hits / repeats <= 0.98


def test_the_bootstrap_is_seeded():
    p = made_up(np.random.default_rng(4))
    first, again, other = (
        score(p, called_spikes(p.logit, -2.0), Resamples.draw(12, 50, 0.95, s)) for s in (0, 0, 1)
    )
    assert first == again
    assert first["soma_rmse_mV"] != other["soma_rmse_mV"]
    for entry in first.values():
        assert entry["low"] <= entry["value"] <= entry["high"]


def test_a_perfect_model_scores_perfectly():
    rng = np.random.default_rng(5)
    p = made_up(rng)
    isolated = p.spikes.copy()
    for lag in (1, 2):
        isolated[:, lag:] &= ~p.spikes[:, :-lag]
    perfect = Predictions(isolated, np.where(isolated, 5.0, -5.0), p.soma_mV, p.soma_mV)
    called = called_spikes(perfect.logit, 0.0)
    scores = score(perfect, called, Resamples.draw(12, 20, 0.95, 0))
    errors = {name for name in scores if re.search("rmse|mae|bias|van_rossum", name)}
    assert len(errors) == 7
    for name, entry in scores.items():
        assert entry["value"] == pytest.approx(0.0 if name in errors else 1.0)


def test_without_spikes_detection_is_undefined_and_the_soma_is_not():
    p = made_up(np.random.default_rng(6), rate=0.0)
    scores = score(p, None, Resamples.draw(12, 20, 0.95, 0))
    undefined = {name for name, entry in scores.items() if entry["value"] is None}
    assert {name for name in scores if not name.startswith("soma")} == undefined
    assert scores["soma_rmse_mV"]["low"] is not None
    called = score(p, spike_list(p.logit > -3), Resamples.draw(12, 20, 0.95, 0))
    defined = {name for name, entry in called.items() if entry["value"] is not None}
    assert {name for name in defined if "soma" not in name} == {"rate_mae_hz", "rate_bias_hz"}


def test_legacy_scores_forgive_gain_and_offset_file_by_file():
    p = made_up(np.random.default_rng(7))
    files, kept = np.repeat([0, 1], 6), range(1, 11)
    gain, offset = np.where(files == 0, 0.3, 2.0)[:, None], np.where(files == 0, 11, -5)[:, None]
    worse = Predictions(p.spikes, p.logit, p.soma_mV, gain * p.predicted_mV + offset)
    assert point_scores(worse)["soma_rmse_mV"] > 5
    forgiven = legacy_scores(worse, files, kept, 500)
    assert forgiven == pytest.approx(legacy_scores(p, files, kept, 500), rel=1e-4)
    assert forgiven != pytest.approx(legacy_scores(worse, np.zeros(12), kept, 500), rel=1e-2)


def test_legacy_scores_rescale_before_anything_is_left_out():
    p = made_up(np.random.default_rng(7))
    kept = p.select(range(6), 500)
    before = legacy_scores(p, np.zeros(12), range(6), 500)["soma_rmse_mV"]
    after = legacy_scores(kept, np.zeros(6), range(6), 0)["soma_rmse_mV"]
    assert before != after


def test_legacy_true_positives_are_at_the_nearest_false_positive_rate():
    logit = np.linspace(1, -1, 242)[None]
    spikes = np.zeros((1, 242), bool)
    spikes[0, [0, 3]] = True
    p = Predictions(spikes, logit, np.zeros((1, 242)), np.random.default_rng(0).random((1, 242)))
    ours, theirs = point_scores(p), legacy_scores(p, [0], [0], 0)
    # 2 of 240 negatives, 0.83%, come before the second spike. We count it, since 0.83% is under 1%;
    # the nearest point of the curve is the first one at 0.83%, where it is not counted yet.
    assert (ours["tp_at_fp_0.01"], theirs["tp_at_fp_0.01"]) == (1.0, 0.5)
    assert (ours["tp_at_fp_0.0025"], theirs["tp_at_fp_0.0025"]) == (0.5, 0.0)


def test_bca_is_students_interval_where_nothing_is_skewed():
    drawn = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    found = bca(0.0, np.linspace(-1, 1, 50), drawn, 0.95)
    half = t.ppf(0.975, 49) * np.sqrt(50 / 49)
    assert (found["low"], found["high"]) == pytest.approx((-half, half), abs=0.01)


def test_bca_of_an_exponential_mean_leans_as_theory_says():
    """Efron & Tibshirani 1993, chapter 14: acceleration of a mean is skewness / (6 sqrt n)."""
    sample = -np.log1p(-(np.arange(40) + 0.5) / 40)
    without_one = (sample.sum() - sample) / 39
    skewness = ((sample - sample.mean()) ** 3).mean() / sample.std() ** 3
    assert acceleration(without_one) == pytest.approx(skewness / (6 * np.sqrt(40)), rel=1e-6)
    weight = Resamples.draw(40, 4000, 0.9, 0)
    (found,) = weight.intervals(lambda w: {"mean": w @ sample / w.sum(axis=1)}).values()
    low, high = np.percentile(weight.weight @ sample / 40, [5, 95])
    assert found["low"] > low
    assert found["high"] > high


def uneven(rng, n_trials):
    """Trials that differ in rate and in how well they are predicted, spikes at about 0.2%."""
    rate = 0.002 * rng.lognormal(-0.5, 1.0, (n_trials, 1))
    spikes = rng.random((n_trials, 500)) < rate
    signal = rng.uniform(1.0, 4.0, (n_trials, 1))
    logit = (rng.standard_normal(spikes.shape) + signal * spikes).astype(np.float32)
    return Predictions(spikes, logit, logit, logit)


def test_no_width_is_told_of_too_few_resamples():
    for values in ([0.3], [0.3, np.nan, np.nan], [0.3, 0.4, np.nan, np.nan, np.nan]):
        draws = Resamples.draw(4, len(values), 0.95, seed=0)
        widths = draws.half_widths(lambda weight, v=values: {"a": np.array([0.3] * 4 + v)})
        assert widths == {"a": None}
    assert draws.half_widths(lambda weight: {"a": np.arange(9.0)})["a"] > 0
    assert bca(0.3, np.full(4, 0.3), np.array([0.3]), 0.95) == {"low": None, "high": None}


def test_a_few_trials_have_no_interval():
    for n in (2, LEAST_TRIALS - 1, LEAST_TRIALS):
        p = made_up(np.random.default_rng(9), n_trials=n)
        found = score(p, None, Resamples.draw(n, 50, 0.95, 0))["soma_rmse_mV"]
        assert (found["low"] is not None) == (found["high"] is not None) == (n >= LEAST_TRIALS)


def test_a_score_of_one_trial_alone_has_no_interval():
    """Where one trial holds every spike, all resamples that have a score have the same one."""
    draws = Resamples.draw(LEAST_TRIALS, 200, 0.95, seed=0)

    def of_the_first(weight):
        return {"a": np.where(weight[:, 0] > 0, 0.4, np.nan)}

    assert draws.half_widths(of_the_first) == {"a": None}
    assert draws.intervals(of_the_first) == {"a": {"low": None, "high": None}}


def test_one_trial_is_scored_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score(made_up(np.random.default_rng(8), n_trials=1), None, Resamples.draw(1, 20, 0.95, 0))


@pytest.mark.slow
def test_average_precision_of_rare_spikes_is_covered():
    """Nominally 95%; of 64 uneven trials with a spike each on average, some 92%."""
    rng = np.random.default_rng(11)
    truth = point_scores(uneven(rng, 5_000))["average_precision"]
    hits, repeats = 0, 120
    for repeat in range(repeats):
        p, draws = uneven(rng, 64), Resamples.draw(64, 200, 0.95, seed=repeat)
        entry = score(p, None, draws)["average_precision"]
        hits += entry["low"] <= truth <= entry["high"]
    assert 0.86 <= hits / repeats <= 0.99


def test_explained_variance_forgives_an_offset_and_rmse_does_not():
    p = made_up(np.random.default_rng(8))
    shifted = Predictions(p.spikes, p.logit, p.soma_mV, p.soma_mV + 2)
    scores = point_scores(shifted)
    assert scores["soma_explained_variance"] == pytest.approx(1.0)
    assert scores["soma_rmse_mV"] == pytest.approx(2.0, rel=1e-5)


def test_soma_scores_of_a_few_numbers():
    """Errors 1, -1, 0, 2 of a truth with variance 5: mean 1/2, mean square 3/2."""
    true = np.array([[-70.0, -68.0], [-66.0, -64.0]], dtype=np.float32)
    predicted = true + np.array([[1, -1], [0, 2]], dtype=np.float32)
    p = Predictions(np.zeros((2, 2), bool), true, true, predicted)
    scores = score(p, None, Resamples.draw(2, 0, 0.95, 0))
    assert scores["soma_rmse_mV"]["value"] == pytest.approx(np.sqrt(1.5))
    assert scores["soma_mae_mV"]["value"] == pytest.approx(1.0)
    assert scores["soma_explained_variance"]["value"] == pytest.approx(1 - (1.5 - 0.25) / 5)


def test_detection_scores_of_a_few_numbers():
    """Ranked 1, 0, 1, 0, 0: five of the six pairs of a spike and a silence are in order."""
    p = made_up(np.random.default_rng(0), n_trials=1, duration_ms=5)
    p = Predictions(
        np.array([[True, False, True, False, False]]), -np.arange(5.0)[None], p.soma_mV, p.soma_mV
    )
    found = point_scores(p)
    assert found["auc"] == pytest.approx(5 / 6)
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["tp_at_fp_0.005"] == 0.5


times = st.lists(st.integers(0, 40), max_size=12, unique=True).map(sorted)


@given(st.lists(st.tuples(times, times), min_size=1, max_size=3), st.sampled_from([0, 1, 2, 5]))
def test_matching_finds_the_largest_number_of_pairs(trials, tolerance):
    def spikes(column):
        lists = [trial[column] for trial in trials]
        index = np.repeat(np.arange(len(lists)), [len(t) for t in lists])
        return SpikeList(
            index, np.array([t for times in lists for t in times], dtype=int), len(lists)
        )

    found = matched_per_trial(spikes(0), spikes(1), tolerance)
    for trial, (true, called) in enumerate(trials):
        near = np.abs(np.subtract.outer(true, called)) <= tolerance
        if not near.size:
            assert found[trial] == 0
            continue
        pairs = maximum_bipartite_matching(csr_array(near), perm_type="column")
        assert found[trial] == np.count_nonzero(pairs >= 0)


def test_a_broad_peak_is_one_spike_and_two_peaks_are_two():
    logit = np.full((1, 30), -9.0)
    logit[0, 5:9] = [-1, 2, 2, -1]
    logit[0, 15], logit[0, 19] = 1.0, 0.5
    found, values = candidate_spikes(logit)
    high = values > -5
    assert found.bin_ms[high].tolist() == [6, 15, 19]
    assert called_spikes(logit, 0.75).bin_ms.tolist() == [6, 15]


def test_the_threshold_is_the_one_with_the_best_f1():
    rng = np.random.default_rng(9)
    p = made_up(rng, signal=6.0)
    threshold = best_threshold(p.spikes, p.logit)
    true = spike_list(p.spikes)

    def f1(level):
        called = called_spikes(p.logit, level)
        matched = matched_per_trial(true, called, 2).sum()
        return 2 * matched / (len(true.bin_ms) + len(called.bin_ms))

    grid = np.linspace(p.logit.min(), p.logit.max(), 100)
    assert f1(threshold) >= max(map(f1, grid)) - 0.02
    assert best_threshold(np.zeros((2, 50), bool), p.logit[:2, :50]) is None


def test_quantised_curves_of_many_spikes_stay_close_to_the_exact_ones():
    p = made_up(np.random.default_rng(10), n_trials=20, duration_ms=4000, rate=0.05)
    assert p.spikes.sum() > 2048
    curves, exact = resampled_curves(p, np.ones((1, 20))), point_scores(p)
    for name, values in curves.items():
        assert values[0] == pytest.approx(exact[name], abs=1e-3)
