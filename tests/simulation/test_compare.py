"""Comparing two runs: spikes matched one to one, voltages away from spikes, the worst trial."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.simulation.compare import (
    Comparison,
    away_from,
    compare_recordings,
    compare_shards,
    match_spikes,
)
from neuronio.simulation.figures import plot_comparison

TIMES = st.lists(st.integers(0, 400), unique=True, max_size=25).map(lambda t: np.sort(t) / 8.0)
DURATION_MS = 200


@given(TIMES, TIMES, st.sampled_from([0.25, 1.0, 2.0]))
def test_matching_is_one_to_one_within_tolerance_and_as_large_as_can_be(a, b, tolerance):
    pairs = match_spikes(a, b, tolerance)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert (np.abs(a[pairs[:, 0]] - b[pairs[:, 1]]) <= tolerance).all()
    if len(a) and len(b):
        close = csr_matrix(np.abs(a[:, None] - b[None, :]) <= tolerance)
        assert len(pairs) == np.count_nonzero(maximum_bipartite_matching(close) >= 0)


@given(TIMES, TIMES)
def test_matching_does_not_depend_on_which_run_comes_first(a, b):
    assert len(match_spikes(a, b, 1.0)) == len(match_spikes(b, a, 1.0))


@given(TIMES)
def test_what_is_away_from_spikes(spikes):
    time = np.arange(DURATION_MS * 8) / 8
    keep = away_from(time, spikes, 3.0)
    near = (np.abs(time[:, None] - spikes[None, :]) <= 3.0).any(axis=1)
    assert not keep[near].any()
    assert np.count_nonzero(~keep) - np.count_nonzero(near) <= len(spikes)


def recording(spike_ms, offset_mV=0.0, seed=0) -> Recording:
    rng = np.random.default_rng(seed)
    soma = rng.normal(-65, 2, DURATION_MS).astype(np.float32)
    for t in spike_ms:
        soma[int(t)] += 90
    spikes = np.array(spike_ms, dtype=float)
    return Recording(soma + np.float32(offset_mV), soma, spikes)


def test_equal_recordings_differ_by_nothing():
    found = compare_recordings(recording([20.0, 90.5]), recording([20.0, 90.5]))
    assert found.matched == (2, 2, 2)
    assert (found.rms_mV, found.largest_mV, found.diverged_ms) == (0.0, 0.0, None)


def test_moved_spikes_count_by_tolerance_and_leave_the_voltage_alone():
    found = compare_recordings(
        recording([20.0, 60.0, 100.0, 150.0]), recording([20.125, 60.875, 101.75, 153.0])
    )
    assert found.matched == (1, 2, 3)
    assert found.lag_ms == pytest.approx((0.125, 0.875, 1.75))
    assert found.diverged_ms == 150.0
    assert found.rms_mV == 0.0


def test_an_offset_shows_as_the_rms_and_a_late_one_not_before_the_runs_part():
    assert compare_recordings(recording([50.0]), recording([50.0], 0.25)).rms_mV == pytest.approx(
        0.25, rel=1e-4
    )
    late = recording([50.0])
    late.soma_mV[120:] += 4
    late = Recording(late.soma_mV, late.nexus_mV, np.array([50.0, 110.0]))
    found = compare_recordings(recording([50.0]), late)
    assert found.diverged_ms == 110.0
    assert found.rms_before_mV == 0.0
    assert found.rms_mV > 1
    assert found.largest_mV == pytest.approx(4, rel=1e-3)


@pytest.fixture
def shards(tmp_path):
    """Two runs of trials 0 to 4; b lacks trial 0, has 9 more, and trial 3 is off by 1 mV."""
    table = SegmentTable(np.array(["basal", "apical"]), np.ones(2), np.ones(2), np.arange(2))

    def inputs(index):
        dense = np.random.default_rng(index).random((2, 2, DURATION_MS)) < 0.05
        return InputEvents.from_dense(*dense)

    def run(path, indices, change):
        trials = [(i, inputs(i), change(i)) for i in indices]
        return write_shard(path, trials, {"cell": "packaged"}, table)

    a = run(tmp_path / "a.h5", range(5), lambda i: recording([30.0 + i, 80.0], seed=i))
    b = run(
        tmp_path / "b.h5",
        [9, 4, 3, 2, 1],
        lambda i: recording([30.5 + i, 80.0], 1.0 if i == 3 else 0.01, seed=i),
    )
    return a, b


def test_shards_are_compared_trial_by_trial(shards):
    found = compare_shards(*shards)
    assert [t.trial_index for t in found.trials] == [1, 2, 3, 4]
    assert found.unshared == 2
    assert found.n_spikes == (8, 8)
    assert [found.coincidence(t) for t in (0.25, 1.0, 2.0)] == [0.5, 1.0, 1.0]
    assert found.worst.trial_index == 3
    assert found.rms_mV == pytest.approx(np.sqrt((1 + 3e-4) / 4), rel=1e-3)
    assert found.summary()["worst_trial"]["trial_index"] == 3
    assert any("worst trial" in line and "3" in line for line in found.lines())


def test_every_figure_of_a_comparison_has_its_n(shards):
    found = compare_shards(*shards)
    samples, before = found.n_samples
    assert samples == sum(t.n_samples for t in found.trials) <= 4 * DURATION_MS
    assert before == samples > 0.8 * 4 * DURATION_MS
    summary = found.summary()
    assert (summary["trials"], summary["spikes_a"], summary["spikes_b"]) == (4, 8, 8)
    assert summary["samples"] == summary["samples_before_divergence"] == samples
    assert summary["worst_trial"]["n_samples"] == found.worst.n_samples
    text = "\n".join(found.lines())
    assert "of 8 and 8 in 4 trials" in text
    assert text.count(f"{samples:,} samples of 4 trials") == 2


def test_trials_weigh_by_their_samples_until_they_part(tmp_path):
    """A trial that parts at once has hardly a sample before, and hardly a say."""
    early = compare_recordings(recording([]), recording([4.0], 1.0))
    late = compare_recordings(recording([]), recording([], 0.1))
    found = Comparison(tmp_path, tmp_path, (early, late), 0)
    assert early.n_samples_before <= 1
    assert found.rms_before_mV == pytest.approx(0.1, rel=0.3)
    assert found.rms_mV == pytest.approx(np.sqrt((1 + 0.01) / 2), rel=0.03)


def test_a_run_as_a_prediction_of_another_has_the_scores_of_surrogates():
    a, b = recording([20.75, 60.0, 100.0, 150.0]), recording([20.0, 61.0, 105.0, 149.0, 190.0])
    a.soma_mV[30:40] = np.linspace(-70, -60, 10)
    b.soma_mV[:] = a.soma_mV
    b.soma_mV[30:40] += 2.0
    b.soma_mV[45], a.soma_mV[45] = 30.0, -50.0  # both are clipped
    judged = compare_recordings(a, b, ignore_ms=0).judged
    # Bins are int(t - 0.5): 20, 59, 99, 149 and 19, 60, 104, 148, 189.
    assert judged.matched == (0, 3, 3, 4)
    assert judged.f1 == {0: 0.0, 1: 6 / 9, 2: 6 / 9, 5: 8 / 9}
    assert judged.rmse_mV == pytest.approx(np.sqrt(10 * 2.0**2 / DURATION_MS))
    late = compare_recordings(a, b, ignore_ms=60).judged
    assert (late.n_spikes, late.n_true, late.matched) == (2 + 4, 2, (0, 1, 1, 2))
    silent = late.n_samples - 2
    assert late.auc == pytest.approx(0.5 * (1 + 0 / 2 - 4 / silent))
    assert late.rmse_mV == 0.0
    assert compare_recordings(a, b, ignore_ms=195).judged.f1 == dict.fromkeys((0, 1, 2, 5))


def test_trials_count_together_and_what_is_left_out_is_said(shards):
    found = compare_shards(*shards, ignore_ms=50)
    # Of every trial the spike at 80 ms is left; one of four is 1 mV off, the others 0.01 mV.
    assert found.judged.f1 == {0: 1.0, 1: 1.0, 2: 1.0, 5: 1.0}
    scores = found.summary()["b_as_prediction_of_a"]
    assert (scores["ignore_ms"], scores["spike_f1_0ms"]) == (50, 1.0)
    assert scores["soma_rmse_mV"] == pytest.approx(np.sqrt((1 + 3e-4) / 4), rel=0.02)
    assert "after the first 50 ms" in found.lines()[-1]
    whole = compare_shards(*shards, ignore_ms=0)
    assert whole.judged.f1 == {0: 0.5, 1: 1.0, 2: 1.0, 5: 1.0}
    none_left = compare_shards(*shards)
    assert none_left.judged.rmse_mV is None
    assert none_left.lines()[-1].endswith("nothing after the first 500 ms of each trial")


def test_a_shard_equals_itself(shards):
    found = compare_shards(shards[0], shards[0])
    assert found.coincidence(0.25) == 1.0
    assert found.rms_mV == found.rms_before_mV == 0.0


def test_comparison_is_drawn(shards, tmp_path):
    (path,) = plot_comparison(compare_shards(*shards), tmp_path / "figures" / "c.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_other_inputs_or_no_common_trial_are_errors(shards, tmp_path):
    table = SegmentTable(np.array(["basal", "apical"]), np.ones(2), np.ones(2), np.arange(2))
    dense = np.zeros((2, 2, DURATION_MS), dtype=bool)
    dense[0, 0, 3] = True
    other = InputEvents.from_dense(*dense)
    same_index = write_shard(tmp_path / "x.h5", [(2, other, recording([]))], {}, table)
    with pytest.raises(NeuronIOError, match="trial 2 has other inputs"):
        compare_shards(shards[0], same_index)
    new_index = write_shard(tmp_path / "y.h5", [(70, other, recording([]))], {}, table)
    with pytest.raises(NeuronIOError, match="share no trial"):
        compare_shards(shards[0], new_index)
