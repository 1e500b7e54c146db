import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neuronio.data.shard import Shard
from neuronio.errors import NeuronIOError
from neuronio.surrogate import windows
from neuronio.surrogate.prefetch import Prefetcher
from neuronio.surrogate.protocol import SomaScale, spike_bins
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.windows import WindowSampler


def same(a, b):
    pairs = [(a.events.synapse, b.events.synapse), (a.events.offset, b.events.offset)]
    return all(
        torch.equal(x, y) for x, y in [*pairs, (a.spikes, b.spikes), (a.voltages, b.voltages)]
    )


def test_spike_bins_follow_the_published_rule():
    bins = spike_bins(np.array([0.125, 1.25, 10.5, 11.375, 99.9]), 100)
    assert np.flatnonzero(bins).tolist() == [0, 10, 99]


def test_soma_target_is_clipped_shifted_and_scaled():
    scale = SomaScale()
    target = scale.target(np.array([-67.7, -77.7, 30.0], dtype=np.float32))
    np.testing.assert_allclose(target, [0.0, -1.0, 1.27], atol=1e-6)
    np.testing.assert_allclose(scale.to_mV(target), [-67.7, -77.7, -55.0], atol=1e-4)


def test_a_window_is_a_piece_of_its_trial(make_shard):
    path = make_shard(1)
    store = TrialStore([path])
    sampler = WindowSampler(store, 3, 100, 10, seed=5)
    trials, starts = sampler.draw(4)
    batch = sampler.batch(4)
    with Shard(path) as shard:
        for row, (trial, start) in enumerate(zip(trials, starts, strict=True)):
            span = slice(start, start + 100)
            expected = shard.inputs(int(trial)).dense()[:, span]
            np.testing.assert_array_equal(batch.events.dense()[row].numpy(), expected)
            soma = (np.minimum(shard.soma_mV(int(trial)), -55) + 67.7) / 10
            np.testing.assert_allclose(batch.voltages[row, :, 0], soma[span], rtol=1e-5, atol=1e-6)
            spikes = spike_bins(shard.spike_ms(int(trial)), 400)[span]
            np.testing.assert_array_equal(batch.spikes[row], spikes)


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_do_not_depend_on_workers_or_history(make_shard, workers):
    def sampler():
        return WindowSampler(TrialStore([make_shard(1), make_shard(2)]), 4, 50, 5, seed=0)

    alone = [sampler().batch(step) for step in range(12)]
    fed = list(Prefetcher(sampler().batch, range(12), workers, ahead=3))
    assert len(fed) == 12
    assert all(same(a, b) for a, b in zip(alone, fed, strict=True))
    resumed = list(Prefetcher(sampler().batch, range(7, 12)))
    assert all(same(a, b) for a, b in zip(alone[7:], resumed, strict=True))


def test_every_step_and_seed_draws_anew(make_shard):
    store = TrialStore([make_shard(1)])
    starts = [
        tuple(WindowSampler(store, 8, 50, 4, seed).draw(step)[1])
        for seed in range(3)
        for step in range(12)
    ]
    assert len(set(starts)) == len(starts)


def test_windows_reach_both_ends_of_a_trial(make_shard):
    sampler = WindowSampler(TrialStore([make_shard(1)]), 64, 397, 1, seed=0)
    starts = np.concatenate([sampler.draw(step)[1] for step in range(4)])
    assert set(starts) == {0, 1, 2, 3}


def test_a_small_cache_holds_few_trials_and_changes_nothing(make_shard):
    paths = [make_shard(seed, n_trials=12, duration_ms=20_000) for seed in (1, 2)]
    large, small = TrialStore(paths), TrialStore(paths, cache_mib=1)
    for index in np.random.default_rng(0).integers(24, size=40):
        np.testing.assert_array_equal(large[int(index)].soma_mV, small[int(index)].soma_mV)
        assert small.cached_bytes <= 2**20
    assert large.cached_bytes > 2**20


def test_the_first_trials_of_several_shards_are_taken_and_named(make_shard):
    paths = [make_shard(1), make_shard(2), make_shard(3)]
    whole, part = TrialStore(paths), TrialStore(paths, first=6)
    assert (len(whole), len(part)) == (12, 6)
    np.testing.assert_array_equal(part[5].soma_mV, whole[5].soma_mV)
    data = part.provenance()
    assert data["trials"] == 6
    assert [file["trials"] for file in data["files"]] == [4, 2]
    drawn = [WindowSampler(part, 4, 50, 5, seed=0).draw(step)[0] for step in range(40)]
    assert set(np.ravel(drawn)) == set(range(6))
    for index in (6, 11):
        with pytest.raises(NeuronIOError, match="does not exist"):
            part[index]
    with pytest.raises(NeuronIOError, match="first 13 trials were asked for, but there are 12"):
        TrialStore(paths, first=13)


def test_shards_of_another_shape_are_refused(make_shard):
    with pytest.raises(NeuronIOError, match="give shards of one dataset"):
        TrialStore([make_shard(1), make_shard(1, duration_ms=500)])


def test_a_window_longer_than_the_trials_is_refused(make_shard):
    with pytest.raises(
        NeuronIOError, match="window_ms is 401, but of the trials' 400 ms only 400 come"
    ):
        WindowSampler(TrialStore([make_shard(1)]), 1, 401, 1, 0)


def test_a_shard_damaged_after_opening_stops_the_feed(make_shard, tmp_path):
    path = tmp_path / "broken.h5"
    path.write_bytes(make_shard(1).read_bytes())
    sampler = WindowSampler(TrialStore([path]), 4, 50, 5, seed=0)
    with h5py.File(path, "r+") as file:
        where = file["soma_mV"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[where : where + 64] = bytes(64)
    path.write_bytes(bytes(content))
    with pytest.raises(NeuronIOError, match="damaged"):
        list(Prefetcher(sampler.batch, range(20)))


@given(st.lists(st.floats(0, 999.99), max_size=20))
def test_every_spike_lands_in_a_bin_of_its_trial(times):
    bins = np.flatnonzero(spike_bins(np.array(times), 1000))
    assert bins.tolist() == sorted({int(time - 0.5) for time in times})


def test_a_large_dataset_is_read_through_a_moving_pool(make_shard, monkeypatch):
    monkeypatch.setattr(windows, "POOL", 6)
    monkeypatch.setattr(windows, "WINDOWS_PER_TRIAL", 4)
    store = TrialStore([make_shard(1, n_trials=20)])
    sampler = WindowSampler(store, 4, 50, 10, seed=0)
    drawn = np.array([sampler.draw(step)[0] for step in range(400)])
    assert all(len(np.unique(drawn[step : step + 5])) <= 10 for step in range(395))
    counts = np.bincount(drawn.ravel(), minlength=20)
    assert counts.min() > 0.6 * counts.mean()
    assert counts.max() < 1.4 * counts.mean()


def test_the_pool_grows_until_it_holds_every_trial_of_a_small_dataset(make_shard, monkeypatch):
    monkeypatch.setattr(windows, "FIRST_POOL", 2)
    sampler = WindowSampler(TrialStore([make_shard(1, n_trials=12)]), 8, 50, 10, seed=0)
    assert len(np.unique(sampler.draw(0)[0])) <= 2
    drawn = np.array([sampler.draw(step)[0] for step in range(10, 210)])
    counts = np.bincount(drawn.ravel(), minlength=12)
    assert counts.min() > 0.7 * counts.mean()


def test_spikes_outside_the_trial_are_in_no_bin():
    assert np.flatnonzero(spike_bins(np.array([-3.0, 0.2, 5.5, 401.0]), 400)).tolist() == [0, 5]
