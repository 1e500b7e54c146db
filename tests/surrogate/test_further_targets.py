"""Nexus voltage and components of the dendrites as targets: known components, a fit, errors."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import N_SEGMENTS, made_up_trial

from neuronio.config import EvaluationConfig
from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import Recording
from neuronio.errors import NeuronIOError
from neuronio.surrogate.comparison import compare_fits
from neuronio.surrogate.evaluate import evaluate, predict_one
from neuronio.surrogate.fit_settings import fitted_options
from neuronio.surrogate.further_targets import FurtherTargets, further_targets
from neuronio.surrogate.load import load_model
from neuronio.surrogate.score_words import headline
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.train import FitSpec, fit
from neuronio.training import TrainingConfig

N_TRIALS = 6
# The dendrites of the made-up trials move along two directions, the first one far more.
SLOW, FAST = np.array([3.0, 3, 3, 0, 0, 0]), np.array([0.0, 0, 0, 1, -1, 0])


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """A shard of six trials with dendritic voltages that have known components."""
    rng = np.random.default_rng(3)
    trials = []
    for index in range(N_TRIALS):
        inputs, recording = made_up_trial(rng, 400)
        wave = np.sin(np.arange(400) / 40 + index)
        noise = rng.standard_normal(400)
        dendrites = (-70 + np.outer(SLOW, wave) + np.outer(FAST, noise)).astype(np.float32)
        spikes = recording.spike_ms
        recording = Recording(recording.soma_mV, recording.nexus_mV, spikes, None, dendrites)
        trials.append((index, inputs, recording))
    lengths = np.full(N_SEGMENTS, 20.0)
    table = SegmentTable(
        np.array(["basal"] * N_SEGMENTS), lengths, np.cumsum(lengths), np.arange(N_SEGMENTS)
    )
    path = tmp_path_factory.mktemp("dendrites") / "shard.h5"
    return write_shard(path, trials, {"cell": "made-up"}, table)


def test_components_are_the_directions_the_dendrites_move_along(shard):
    targets = further_targets([shard], nexus=True, components=2, ignore_ms=100)
    assert targets.names == ["nexus", "dendrites_pc1", "dendrites_pc2"]
    slow, fast = targets.component
    np.testing.assert_allclose(slow, SLOW / np.linalg.norm(SLOW), atol=0.05)
    np.testing.assert_allclose(np.abs(fast @ FAST) / np.linalg.norm(FAST), 1.0, atol=0.05)
    with Shard(shard) as trials:
        raw = np.stack([targets.raw(trials, i)[100:] for i in range(N_TRIALS)])
        units = np.stack([targets.of(trials, i)[100:] for i in range(N_TRIALS)])
        np.testing.assert_array_equal(raw[1, :, 0], trials.nexus_mV(1)[100:])
    np.testing.assert_allclose(units.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(units.std((0, 1)), 1, atol=1e-4)
    # Two components hold all that moves, but for what rounding to 0.04 mV adds.
    assert raw[..., 1:].var((0, 1)).sum() == pytest.approx(targets.dendrites_variance, rel=0.05)


def test_without_further_targets_there_are_none(shard, tmp_path):
    assert further_targets([shard], nexus=False, components=0, ignore_ms=0) is None
    assert FurtherTargets.load(tmp_path) is None
    assert TrialStore([shard])[0].further.shape == (400, 0)


def test_targets_survive_the_disk_and_damage_is_one_sentence(shard, tmp_path):
    targets = further_targets([shard], nexus=True, components=1, ignore_ms=0)
    targets.save(tmp_path)
    read = FurtherTargets.load(tmp_path)
    assert read.names == targets.names
    for name, value in vars(targets).items():
        np.testing.assert_array_equal(getattr(read, name), value)
    (tmp_path / "targets.npz").write_bytes(b"no archive")
    with pytest.raises(NeuronIOError, match=r"targets\.npz is damaged .*fit again"):
        FurtherTargets.load(tmp_path)


def fit_to(shard, make_shard, out, **training):
    settings = TrainingConfig(
        **{"steps": 20, "validate_every": 20, "window_ms": 100, "burn_in_ms": 20, **training}
    )
    options = {"num_branch": 3, "synapses_per_branch": 4}
    chosen = fitted_options("branch_elm", 3, options, settings, 2 * N_SEGMENTS)
    return FitSpec("branch_elm", chosen, 0, settings, [shard], [make_shard(3)], out, 100)


def test_a_fit_has_an_output_for_each_target(shard, make_shard, tmp_path):
    spec = fit_to(shard, make_shard, tmp_path / "fit", nexus=True, dendrites=2)
    fit(spec)
    model = load_model(spec.out)
    assert model.module.options.outputs == 5
    assert FurtherTargets.load(spec.out).names == ["nexus", "dendrites_pc1", "dendrites_pc2"]


def test_an_interrupted_fit_goes_on_with_its_own_targets(shard, make_shard, tmp_path):
    """Their last bits depend on how many threads computed them."""
    spec = fit_to(shard, make_shard, tmp_path / "fit", nexus=True, dendrites=1)
    fit(spec)
    own = FurtherTargets.load(spec.out)
    replace(own, scale=own.scale * np.float32(1 + 1e-6)).save(spec.out)
    before = (spec.out / "targets.npz").read_bytes()
    fit(spec)
    (spec.out / "summary.json").unlink()
    fit(spec)
    assert (spec.out / "targets.npz").read_bytes() == before


def test_a_fit_without_its_own_targets_is_one_sentence(shard, make_shard, tmp_path):
    spec = fit_to(shard, make_shard, tmp_path / "fit", dendrites=2)
    fit(spec)
    path = spec.out / "targets.npz"
    further_targets([shard], nexus=True, components=0, ignore_ms=0).save(spec.out)
    with pytest.raises(NeuronIOError, match=r"of 1 further targets, but the model has 2"):
        load_model(spec.out)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(NeuronIOError, match=r"targets\.npz is damaged"):
        load_model(spec.out)
    path.unlink()
    with pytest.raises(NeuronIOError, match=r"of 0 further targets, but the model has 2"):
        load_model(spec.out)


def test_an_evaluation_scores_every_target(shard, make_shard, tmp_path):
    """Against the same scores from `predict`, which gives both traces in mV."""
    spec = fit_to(shard, make_shard, tmp_path / "fit", nexus=True, dendrites=1)
    fit(spec)
    settings = EvaluationConfig(ignore_ms=100, bootstrap=20)
    document = evaluate(spec.out, [shard], settings)
    assert any("nexus" in line for line in headline(document))
    with Shard(shard) as trials:
        nexus = [trials.nexus_mV(i) for i in range(N_TRIALS)]
    told = [predict_one(spec.out, [shard], i, settings) for i in range(N_TRIALS)]
    for i in range(N_TRIALS):
        np.testing.assert_allclose(told[i]["true_nexus_mV"], nexus[i], atol=1e-4)
    for name in ("nexus", "dendrites_pc1"):
        true, predicted = (
            np.stack([t[f"{side}{name}_mV"][100:] for t in told]) for side in ("true_", "")
        )
        error = predicted - true
        found = document["scores"]
        rmse, explained = found[f"{name}_rmse_mV"], found[f"{name}_explained_variance"]
        assert rmse["value"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
        assert rmse["low"] < rmse["value"] < rmse["high"]
        assert explained["value"] == pytest.approx(1 - error.var() / true.var(), abs=1e-4)


def test_fits_to_other_targets_can_be_compared(shard, make_shard, tmp_path):
    both = [fit_to(shard, make_shard, tmp_path / str(v), dendrites=v) for v in (0, 2)]
    for spec in both:
        fit(spec)
    settings = EvaluationConfig(ignore_ms=100, bootstrap=20)
    document = compare_fits(both[1].out, both[0].out, [shard], settings)
    assert document["scores"]["soma_rmse_mV"]["difference"] is not None


def test_what_cannot_be_a_target_is_one_sentence(shard, make_shard, tmp_path):
    with pytest.raises(NeuronIOError, match=r"no dendritic voltages.*record_segments"):
        fit(fit_to(make_shard(1), make_shard, tmp_path / "none", dendrites=1))
    with pytest.raises(NeuronIOError, match=r"training\.dendrites is 7, but the cell has 6"):
        fit(fit_to(shard, make_shard, tmp_path / "many", dendrites=7))
    with pytest.raises(NeuronIOError, match="'outputs' of model 'elm' is 4, but training asks"):
        fitted_options("elm", 2, {"outputs": 4}, TrainingConfig(nexus=True), 12)
