"""The generators: their rates, the percentiles of their spikes, and that a seed fixes them."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neuronio.data.shard import SegmentTable
from neuronio.errors import NeuronIOError
from neuronio.simulation.inputs.draw import accept_trial, make_generator, make_inputs
from neuronio.simulation.inputs.generators import (
    GENERATORS,
    Ergodic,
    OutOfDistribution,
    Published,
)
from neuronio.simulation.inputs.rates import tree_shares
from neuronio.simulation.inputs.splits import trial_rng
from neuronio.simulation.quality import input_percentiles

N_BASAL, N_APICAL = 262, 377
EXCITATORY, INHIBITORY = slice(0, 639), slice(639, 1278)
BASAL, APICAL = slice(0, 262), slice(262, 639)


@pytest.fixture(scope="module")
def segments() -> SegmentTable:
    """As many segments as the `neuronio` cell has, with lengths of the same total."""
    rng = np.random.default_rng(639)
    length = rng.uniform(8, 32, 639)
    length[BASAL] *= 5133.49 / length[BASAL].sum()
    length[APICAL] *= 7440.91 / length[APICAL].sum()
    kind = np.array(["basal"] * N_BASAL + ["apical"] * N_APICAL)
    return SegmentTable(kind, length, np.linspace(0, 1300, 639), np.arange(639) // 4)


def tree_totals(weight: np.ndarray) -> dict[str, np.ndarray]:
    """Spikes per 100 ms of each tree and kind of synapse, from weights (K, 2 S) per ms."""
    excitation, inhibition = 100 * weight[:, EXCITATORY], 100 * weight[:, INHIBITORY]
    return {
        "basal_ex": excitation[:, BASAL].sum(axis=1),
        "apical_ex": excitation[:, APICAL].sum(axis=1),
        "basal_inh": inhibition[:, BASAL].sum(axis=1),
        "apical_inh": inhibition[:, APICAL].sum(axis=1),
    }


def weights(generator, segments, n: int, seed: int = 0) -> np.ndarray:
    """Weights of at least n independent intervals."""
    rng = np.random.default_rng(seed)
    drawn = []
    while sum(len(w) for w in drawn) < n:
        drawn.append(generator.draw(segments, 6000, rng).weight)
    return np.concatenate(drawn)


@pytest.mark.parametrize(
    ("name", "basal", "apical", "offsets"),
    [
        ("published", 800, 800, {"basal": (-600, 200), "apical": (-600, 200)}),
        ("published_test", 750, 800, {"basal": (-550, 200), "apical": (-550, 200)}),
        ("subthreshold", 100, 125, {"basal": (-100, 100), "apical": (-125, 125)}),
    ],
)
def test_tree_rates_have_the_stated_ranges(segments, name, basal, apical, offsets):
    generator = make_generator(name, {"heterogeneity": [1.0, 1.0]})
    total = tree_totals(weights(generator, segments, 2000))
    for tree, top in (("basal", basal), ("apical", apical)):
        ex, inh = total[f"{tree}_ex"], total[f"{tree}_inh"]
        assert stats.kstest(ex / top, "uniform").pvalue > 1e-3
        low, high = np.maximum(0, ex + offsets[tree][0]), ex + offsets[tree][1]
        assert stats.kstest((inh - low) / (high - low), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(total["basal_ex"], total["apical_ex"])[0, 1]) < 0.1


def test_published_stays_the_released_script():
    """The bits of a trial that was made before `published_test` was known."""
    table = SegmentTable(
        np.array(["basal"] * 40 + ["apical"] * 60),
        np.full(100, 20.0),
        np.zeros(100),
        np.arange(100),
    )
    events = make_inputs("published", {}, table, 1500, trial_rng(1, 0))
    assert events.n_events == 18910
    digest = hashlib.sha256(events.synapse.tobytes() + events.offset.tobytes()).hexdigest()
    assert digest == "b6f68bb7a34c1733305560f4cdce22de9d7372d12c2414eef47ee71c5ad0a113"


def test_published_test_differs_from_the_released_script_in_its_ranges_alone():
    theirs, script = (make_generator(name, {}) for name in ("published_test", "published"))
    changed = {
        name: value for name, value in theirs.model_dump().items() if value != getattr(script, name)
    }
    assert changed == {
        "excitation_basal_per_100ms": (0, 750),
        "inhibition_offset_basal_per_100ms": (-550, 200),
        "inhibition_offset_apical_per_100ms": (-550, 200),
    }


def test_ergodic_rates_before_modulation_have_the_stated_ranges(segments):
    plain = {"oscillation_probability": 0, "no_inhibition_probability": 0, "cluster_probability": 0}
    generator = make_generator("ergodic", plain | {"heterogeneity": [1, 1]})
    total = tree_totals(weights(generator, segments, 2000))
    assert stats.kstest(total["basal_ex"] / 961, "uniform").pvalue > 1e-3
    assert stats.kstest(total["apical_ex"] / 997, "uniform").pvalue > 1e-3
    for tree in ("basal", "apical"):
        top = total[f"{tree}_ex"] + 600
        assert stats.kstest(total[f"{tree}_inh"] / top, "uniform").pvalue > 1e-3


def test_each_synapse_and_interval_has_its_own_factor(segments):
    plain = make_generator("published", {"heterogeneity": [1, 1]})
    varied = make_generator("published", {})
    base = weights(plain, segments, 60, seed=4)
    shares = np.concatenate([sum(tree_shares(segments, 10.0).values())] * 2)
    weight = weights(varied, segments, 400, seed=4)
    per_share = weight / shares
    for tree in (BASAL, APICAL):
        for first in (0, 639):
            block = per_share[:, first + tree.start : first + tree.stop]
            factor = block / block.mean(axis=1, keepdims=True)
            assert 0.4 < factor.min() < 0.6
            assert 1.4 < factor.max() < 1.6
            assert factor.std() == pytest.approx(1 / np.sqrt(12), rel=0.03)
            assert abs(np.corrcoef(factor[1:].ravel(), factor[:-1].ravel())[0, 1]) < 0.02
    factor = per_share / np.repeat(per_share.mean(axis=1, keepdims=True), 1278, axis=1)
    pair = np.corrcoef(factor[:, 5], factor[:, 639 + 5])[0, 1]
    assert abs(pair) < 0.5
    assert np.ptp(base[:, BASAL] / shares[BASAL], axis=1).max() < 1e-9


def test_segments_get_spikes_in_proportion_to_length_plus_10_um(segments):
    rates = {"excitation_basal_per_100ms": 900.0, "inhibition_apical_per_100ms": 600.0}
    events = make_inputs("constant", rates, segments, 6000, trial_rng(0, 0))
    counts = np.bincount(events.synapse, minlength=1278)
    for tree, kind, total in (
        (BASAL, EXCITATORY, 900),
        (APICAL, EXCITATORY, 300),
        (BASAL, INHIBITORY, 300),
        (APICAL, INHIBITORY, 600),
    ):
        share = segments.length_um[tree] + 10
        expected = 60 * total * share / share.sum()
        found = counts[kind][tree]
        assert abs(found.sum() - 60 * total) < 5 * np.sqrt(60 * total)
        chi = ((found - expected) ** 2 / expected).sum()
        assert stats.chi2.sf(chi, len(share)) > 1e-3


def test_population_rate_is_as_smooth_as_sigma_says(segments):
    """A rate held for 20 ms and smoothed over sigma has an autocorrelation sqrt(2) sigma wide."""
    for sigma in (30, 120):
        options = {"interval_ms": [20], "interval_jitter_ms": 0, "sigma_jitter_ms": 0}
        generator = make_generator("published", options | {"sigma_ms": [sigma]})
        rate = generator.rates(segments, 10_000, np.random.default_rng(sigma))
        course = (rate.time_course @ rate.weight[:, EXCITATORY].sum(axis=1))[600:-600]
        course -= course.mean()
        lag = int(np.sqrt(2) * sigma)
        correlation = (course[lag:] @ course[:-lag]) / (course @ course)
        assert correlation == pytest.approx(np.exp(-0.5), abs=0.2)


def test_jitter_spreads_the_interval_and_the_width(segments):
    rng = np.random.default_rng(0)
    generator = make_generator("published", {"interval_ms": [100], "sigma_ms": [40]})
    counts = [generator.draw(segments, 6000, rng).time_course.shape[1] for _ in range(60)]
    assert min(counts) < 53
    assert max(counts) > 70
    assert all(6000 / 119 <= n <= 6000 / 81 + 1 for n in counts)


def mean_percentiles(name: str, segments, n: int) -> np.ndarray:
    trials = (make_inputs(name, {}, segments, 6000, trial_rng(11, i)) for i in range(n))
    return np.mean([input_percentiles(trial) for trial in trials], axis=0)


# Published file names: mean and standard deviation over some 300 files of 128 trials.
FILE_MEAN, FILE_SD = np.array([127, 1165, 47, 1312]), np.array([11, 22, 12, 28])


def test_ergodic_percentiles_agree_with_the_published_file_names(segments):
    spread = FILE_SD * np.sqrt(128 / 40)
    assert (np.abs(mean_percentiles("ergodic", segments, 40) - FILE_MEAN) < 3 * spread).all()


def test_ergodic_draws_are_modulated_as_often_as_stated(segments):
    n, rng = 600, np.random.default_rng(2)
    generator = make_generator("ergodic", {"interval_ms": [200], "sigma_ms": [30]})
    silent = clustered = swinging = 0
    for _ in range(n):
        draw = generator.draw(segments, 1500, rng)
        active = draw.weight[:, EXCITATORY].any(axis=0)
        silent += not draw.weight[:, INHIBITORY].any()
        clustered += not active.all()
        swinging += np.ptp(draw.time_course.sum(axis=1)[300:-300]) > 0.5
    for found, probability in ((silent, 0.30), (clustered, 0.25), (swinging, 0.20)):
        assert stats.binomtest(found, n, probability).pvalue > 1e-3


def test_ergodic_clusters_are_few_runs_for_both_kinds_of_synapse(segments):
    options = {"cluster_probability": 1, "no_inhibition_probability": 0}
    generator = make_generator("ergodic", options)
    sizes = []
    for seed in range(60):
        weight = generator.draw(segments, 500, np.random.default_rng(seed)).weight
        active = weight[:, EXCITATORY].any(axis=0)
        assert (active == weight[:, INHIBITORY].any(axis=0)).all()
        runs = np.count_nonzero(np.diff(active.astype(int)) == 1) + active[0]
        assert 1 <= runs <= 4
        sizes.append(active.sum())
    assert min(sizes) < 639 / 20
    assert max(sizes) <= 639 / 4 + 2


def test_ergodic_without_pastes_and_modulation_is_the_published_scheme(segments):
    """With one set of options, both give the same spikes from the same random numbers."""
    shared = {name: getattr(Published(), name) for name in Published.model_fields}
    off = {"n_pastes": 0, "oscillation_probability": 0, "no_inhibition_probability": 0}
    options = shared | off | {"cluster_probability": 0}
    a = make_generator("ergodic", options).rates(segments, 900, trial_rng(1, 2)).dense()
    b = make_generator("published", {}).rates(segments, 900, trial_rng(1, 2)).dense()
    np.testing.assert_array_equal(a, b)


def test_subthreshold_drive_is_weak(segments):
    low_ex, high_ex, _, high_inh = mean_percentiles("subthreshold", segments, 4)
    assert high_ex < 225
    assert high_inh < 450
    assert low_ex > 0


def test_ood_synchrony_gathers_spikes_into_volleys(segments):
    def fano(name, options):
        events = make_inputs(name, options, segments, 6000, trial_rng(3, 1))
        per_ms = np.diff(events.offset)
        return per_ms.var() / per_ms.mean()

    assert fano("ood", {"regimes": ["synchrony"]}) > 5 * fano("published", {})


def test_ood_can_drop_inhibition_or_press_drive_into_clusters(segments):
    bare = make_inputs("ood", {"regimes": ["no_inhibition"]}, segments, 2000, trial_rng(3, 1))
    assert bare.n_excitatory == bare.n_events > 0
    packed = make_inputs("ood", {"regimes": ["clusters"]}, segments, 2000, trial_rng(3, 1))
    driven = np.unique(packed.synapse % 639)
    assert len(driven) <= 2 * (639 / 20 + 1)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ood", {"regimes": ["clusters"]}),
        ("ergodic", {"cluster_probability": 1.0, "no_inhibition_probability": 0.0}),
    ],
)
def test_a_cell_of_few_segments_has_no_empty_clusters(name, parameters):
    few = SegmentTable(
        np.array(["basal", "apical"] * 5), np.full(10, 20.0), np.full(10, 50.0), np.arange(10)
    )
    for index in range(40):
        rates = make_generator(name, parameters).rates(few, 300, trial_rng(3, index))
        assert rates.weight.any(), index


def test_ood_takes_each_regime_in_turn(segments):
    generator = OutOfDistribution()
    seen = set()
    for seed in range(20):
        rates = generator.rates(segments, 400, np.random.default_rng(seed))
        bare = not rates.weight[:, INHIBITORY].any()
        clustered = not rates.weight[:, EXCITATORY].any(axis=0).all()
        seen.add("no_inhibition" if bare else "clusters" if clustered else "synchrony")
    assert seen == {"synchrony", "no_inhibition", "clusters"}


@pytest.mark.parametrize("name", list(GENERATORS))
def test_a_trial_follows_from_seed_and_index_alone(segments, name):
    def spikes(seed, index):
        events = make_inputs(name, {}, segments, 700, trial_rng(seed, index))
        return events.synapse.tobytes() + events.offset.tobytes()

    first = spikes(1, 5)
    assert spikes(1, 6) != first
    assert spikes(2, 5) != first
    assert spikes(1, 5) == first


def test_every_trial_attempt_and_purpose_has_a_stream_that_numpy_would_spawn():
    train, valid, _ = np.random.SeedSequence(77).spawn(3)
    attempts = [trial.spawn(2) for trial in train.spawn(4)]
    inputs, _ = attempts[3][1].spawn(2)
    found = trial_rng(77, 3, split="train", attempt=1).random()
    assert found == np.random.default_rng(inputs).random()
    others = [
        trial_rng(77, 3).random(),
        trial_rng(77, 3, purpose="acceptance").random(),
        trial_rng(77, 3, split="valid", attempt=1).random(),
        trial_rng(77, 2, attempt=1).random(),
    ]
    assert len({found, *others}) == 5
    assert valid.spawn_key != train.spawn_key


@settings(max_examples=40)
@given(st.sampled_from(list(GENERATORS)), st.integers(1, 300), st.integers(1, 9))
def test_any_duration_and_any_cell_gives_valid_events(name, duration_ms, n_segments):
    table = SegmentTable(
        np.array(["basal"] * (n_segments // 2) + ["apical"] * (n_segments - n_segments // 2)),
        np.full(n_segments, 20.0),
        np.zeros(n_segments),
        np.zeros(n_segments, dtype=int),
    )
    events = make_inputs(name, {}, table, duration_ms, trial_rng(0, duration_ms))
    assert (events.duration_ms, events.n_segments) == (duration_ms, n_segments)
    assert len(events.offset) == duration_ms + 1
    assert events.offset[-1] == events.n_events
    assert not events.n_events or events.synapse.max() < 2 * n_segments


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("publishd", {}, "no generator 'publishd'; did you mean 'published'"),
        ("something", {}, "take one of constant, published"),
        ("published", {"sigma": [3]}, "unknown key 'sigma'; did you mean 'sigma_ms'"),
        ("published", {"sigma_ms": ["a"]}, "sigma_ms.*'a'.*integer"),
        ("published", {"sigma_ms": []}, "sigma_ms"),
        ("published", {"heterogeneity": [2, 1]}, r"heterogeneity.*\[2.0, 1.0\].*lower one first"),
        ("published", {"heterogeneity": [-1, 1]}, "heterogeneity.*start at 0"),
        ("published", {"excitation_basal_per_100ms": [0, float("inf")]}, "finite"),
        ("published", {"interval_jitter_ms": 30}, "interval_jitter_ms is 30.*interval_ms is 25"),
        ("published", {"oscillation_depth": 0.5}, "unknown key 'oscillation_depth'; take one of "),
        ("ergodic", {"cluster_probability": 1.5}, "cluster_probability.*1.5.*less than or equal"),
        ("ergodic", {"paste_ms": [9, 3]}, "paste_ms"),
        ("ergodic", {"n_clusters": [0]}, "n_clusters"),
        ("ood", {"regimes": ["sync"]}, "sync.*synchrony"),
        ("ood", {"n_active_clusters": 50}, "n_active_clusters is 50.*20"),
        ("constant", {"excitation_basal_per_100ms": -1.0}, "excitation_basal_per_100ms.*-1"),
    ],
)
def test_bad_parameters_are_one_sentence_that_names_them(name, parameters, says):
    with pytest.raises(NeuronIOError, match=says) as error:
        make_generator(name, parameters)
    assert "\n" not in str(error.value)
    assert ". " not in str(error.value)


def test_generators_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        Ergodic().n_pastes = 3


def test_busy_trials_are_kept_one_time_in_ten():
    n = 3000
    kept = sum(
        accept_trial("ergodic", {}, 25, trial_rng(9, i, purpose="acceptance")) for i in range(n)
    )
    assert stats.binomtest(kept, n, 0.1).pvalue > 1e-3
    verdicts = [
        accept_trial("ergodic", {}, 40, trial_rng(9, 3, purpose="acceptance")) for _ in range(5)
    ]
    assert len(set(verdicts)) == 1


def test_silent_trials_are_thinned_as_asked():
    n = 2000
    rngs = [trial_rng(9, i, purpose="acceptance") for i in range(n)]
    kept = sum(accept_trial("ergodic", {"keep_silent": 0.6}, 0, rng) for rng in rngs)
    assert stats.binomtest(kept, n, 0.6).pvalue > 1e-3


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "ergodic"])
def test_other_generators_keep_every_trial(name):
    assert all(accept_trial(name, {}, spikes, trial_rng(0, 0)) for spikes in (0, 24, 500))


def test_ordinary_ergodic_trials_are_always_kept():
    assert all(accept_trial("ergodic", {}, spikes, trial_rng(0, 0)) for spikes in (1, 24))
