import json
import os
from pathlib import Path

import numpy as np
import pytest

import neuronio
from neuronio.config import EvaluationConfig
from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.surrogate.evaluate import evaluate, predict_one
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.figures.scales import scored_words
from neuronio.surrogate.inference import predict_trials, predictions
from neuronio.surrogate.load import load_model
from neuronio.surrogate.protocol import Protocol
from neuronio.surrogate.results_table import table_rows
from neuronio.surrogate.score_words import LABELS, headline
from neuronio.surrogate.scored import scored_trials
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.threshold import FROM_FIT, FROM_GIVEN, FROM_SAME
from neuronio.surrogate.train import FitSpec, fit, validation_columns
from neuronio.surrogate.windows import WindowSampler
from neuronio.training import TrainingConfig

MIRROR = Path(os.environ.get("NEURONIO_MIRROR") or "nowhere")
needs_mirror = pytest.mark.skipif(
    not all((MIRROR / folder).is_dir() for folder in ("golden", "elm_published")),
    reason="NEURONIO_MIRROR does not name a folder with golden trials and published weights",
)
SETTINGS = EvaluationConfig(ignore_ms=100, bootstrap=50)
OURS = Protocol.of(SETTINGS)


@pytest.fixture(scope="module")
def fitted(make_shard, tmp_path_factory):
    """A small TCN that sees 7 ms of the past."""
    out = tmp_path_factory.mktemp("fits") / "tcn-4-seed0"
    options = sized_options("tcn", 4, {"inputs": 12, "depth": 2, "kernels": (5, 3)})
    training = TrainingConfig(
        steps=60, validate_every=30, window_ms=100, burn_in_ms=20, learning_rate=0.01
    )
    fit(FitSpec("tcn", options, 0, training, [make_shard(1)], [make_shard(3)], out, 100))
    return out


def test_an_evaluation_is_json_and_says_what_was_evaluated(fitted, make_shard):
    document = evaluate(fitted, [make_shard(4), make_shard(5)], SETTINGS)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["name"] == "tcn-4-seed0"
    assert document["data"]["trials_scored"] == 8
    assert document["data"]["cell"] == "made-up"
    assert document["data"]["scored_s"] == pytest.approx(8 * 0.3)
    assert not document["data"]["seen_in_fit"]
    assert document["spike_threshold"]["chosen_on"] == FROM_FIT
    for entry in document["scores"].values():
        assert entry["low"] <= entry["high"]
    assert any("ROC AUC" in line for line in headline(document))


def test_chance_and_the_mean_voltage_stand_beside_the_scores(fitted, make_shard):
    store, document = TrialStore([make_shard(4)]), evaluate(fitted, [make_shard(4)], SETTINGS)
    chance, mean = (document["reference"][name] for name in ("chance", "mean_voltage"))
    spikes = np.stack([store[i].spikes[100:] for i in range(4)])
    soma = np.minimum(np.stack([store[i].soma_mV[100:] for i in range(4)]), -55.0)
    assert chance["auc"]["value"] == 0.5
    assert chance["average_precision"]["value"] == pytest.approx(spikes.mean())
    assert mean["soma_rmse_mV"]["value"] == pytest.approx(soma.astype(float).std(), rel=1e-5)
    assert {*chance, *mean} <= set(document["scores"]) == set(LABELS)
    lines = "\n".join(headline(document))
    assert "chance 0.5000" in lines
    assert f"constant {mean['soma_rmse_mV']['value']:.4f}" in lines
    _, *rows = table_rows([document])
    assert [(row["model"], row["source"]) for row in rows] == [
        ("chance", "reference"),
        ("mean_voltage", "reference"),
    ]
    assert all(row["parameters"] is None for row in rows)


def test_trials_seen_in_the_fit_are_reported(fitted, make_shard):
    assert evaluate(fitted, [make_shard(1)], SETTINGS)["data"]["seen_in_fit"]


def test_streaming_and_published_windows_agree_for_a_short_memory(fitted, make_shard):
    store, module = TrialStore([make_shard(4)]), load_model(fitted).module
    windows = Protocol(100, windows_ms=(90, 20))
    one_pass = list(predict_trials(module, store, range(4), OURS))
    in_windows = list(predict_trials(module, store, range(4), windows))
    for (_, *whole, _), (_, *pieces, _) in zip(one_pass, in_windows, strict=True):
        np.testing.assert_allclose(whole, pieces, atol=1e-4)


def test_the_order_and_grouping_of_trials_do_not_matter(fitted, make_shard):
    store, module = TrialStore([make_shard(4)]), load_model(fitted).module
    together = {i: logit for i, logit, _, _ in predict_trials(module, store, range(4), OURS)}
    ((_, alone, _, _),) = predict_trials(module, store, [2], OURS)
    np.testing.assert_allclose(together[2], alone, atol=1e-5)


def test_trials_with_too_many_spikes_are_left_out(make_shard):
    store = TrialStore([make_shard(4, n_trials=12)])
    counts = [int(store[i].spikes.sum()) for i in range(12)]
    limit = int(np.median(counts))
    kept = scored_trials(store, Protocol(100, limit))
    assert kept == [i for i, count in enumerate(counts) if count <= limit]
    assert 0 < len(kept) < 12
    busy = TrialStore([make_shard(6, rate=0.2)])
    with pytest.raises(NeuronIOError, match="raise max_spikes_per_trial"):
        scored_trials(busy, Protocol(100, 0))


def test_the_spike_threshold_can_come_from_given_validation_data(fitted, make_shard):
    document = evaluate(fitted, [make_shard(4)], SETTINGS, valid=[make_shard(5)])
    assert document["spike_threshold"]["chosen_on"] == FROM_GIVEN
    assert 0 < document["spike_threshold"]["probability"] < 1
    with pytest.raises(NeuronIOError, match="chosen on trials that are scored"):
        evaluate(fitted, [make_shard(4), make_shard(5)], SETTINGS, valid=[make_shard(5)])


def test_a_prediction_covers_the_whole_trial(fitted, make_shard):
    prediction = predict_one(fitted, [make_shard(4)], 1, SETTINGS)
    assert {array.shape for array in prediction.values()} == {(400,)}
    assert prediction["true_soma_mV"].max() <= -55
    with pytest.raises(NeuronIOError, match="trial 9 does not exist; there are 4"):
        predict_one(fitted, [make_shard(4)], 9, SETTINGS)


def test_ignoring_the_whole_trial_is_refused(fitted, make_shard):
    with pytest.raises(NeuronIOError, match="ignore_ms is 400, but the trials last only 400 ms"):
        evaluate(fitted, [make_shard(4)], EvaluationConfig(ignore_ms=400))


def test_what_torch_does_not_see_and_negative_numbers_are_refused(fitted, make_shard, tmp_path):
    data, settings = [make_shard(5)], EvaluationConfig(ignore_ms=50)
    for ask, given in ((evaluate, (settings,)), (predict_one, (0, settings))):
        with pytest.raises(NeuronIOError, match="device is 'gpu'"):
            ask(fitted, data, *given, device="gpu")
    for name in ("seed", "ignore_ms"):
        with pytest.raises(NeuronIOError, match=f"{name} is -1, but must not be negative"):
            neuronio.fit("linear", data, data, tmp_path / "out", size=1, **{name: -1})
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_model_is_refused(tmp_path, fitted):
    with pytest.raises(NeuronIOError, match="neither a fit directory"):
        load_model(tmp_path)
    document = json.loads((fitted / "config.json").read_text())
    document["options"]["width"] = 5
    (tmp_path / "config.json").write_text(json.dumps(document))
    (tmp_path / "best.pt").write_bytes((fitted / "best.pt").read_bytes())
    with pytest.raises(NeuronIOError, match="do not fit the model"):
        load_model(tmp_path)


def golden_shard(folder, out):
    """The golden trials of 6 s as a shard, with the soma voltage of the published setting."""
    trials = []
    for number in (101, 102):
        path = folder / f"neuronio_trial_{number}.npz"
        with np.load(path) as arrays:
            traces = arrays["cvode_soma_mV"], arrays["cvode_nexus_mV"]
            traces = [trace[:6000].astype(np.float32) for trace in traces]
            trials.append((number, InputEvents.load_npz(path), (traces, arrays["cvode_spike_ms"])))
    n = trials[0][1].n_segments
    segments = SegmentTable(np.array(["basal"] * n), np.ones(n), np.ones(n), np.arange(n))
    return write_shard(
        out,
        [(i, events, Recording(*traces, spikes)) for i, events, (traces, spikes) in trials],
        {"cell": "neuronio"},
        segments,
    )


@needs_mirror
@pytest.mark.parametrize(("units", "least"), [(5, 0.94), (20, 0.96)])
def test_published_weights_explain_the_golden_trials(tmp_path, units, least):
    data = golden_shard(MIRROR / "golden", tmp_path / "golden.h5")
    folder = MIRROR / "elm_published" / f"num_memory_{units}"
    document = evaluate(folder, [data], EvaluationConfig(bootstrap=0))
    assert document["spike_threshold"]["chosen_on"] == FROM_SAME
    assert document["scores"]["soma_explained_variance"]["value"] > least
    assert document["scores"]["auc"]["value"] > 0.97


def test_the_published_protocol_is_what_it_says(fitted, make_shard):
    paths = [make_shard(4, n_trials=6), make_shard(5, n_trials=6)]
    store = TrialStore(paths)
    counts = [store.n_spikes(i) for i in range(12)]
    most = int(np.median(counts))
    rest = {"ignore_ms": 100, "bootstrap": 0, "max_spikes_per_trial": most}
    published = {"mode": "published", "window_ms": 90, "overlap_ms": 20, **rest}
    document = evaluate(fitted, paths, EvaluationConfig(**published))
    assert document["data"]["trials_scored"] == sum(count <= most for count in counts)
    assert document["data"]["trials_left_out"] == sum(count > most for count in counts)
    assert set(document["legacy"]) == {
        *("soma_rmse_mV", "soma_mae_mV", "soma_explained_variance"),
        *("tp_at_fp_0.0025", "tp_at_fp_0.01"),
    }
    assert document["protocol"] == (
        f"trials of at most {most} output spikes, after the first 100 ms of each, in windows of 90 "
        "ms that overlap by 20"
    )
    raw = evaluate(fitted, paths, EvaluationConfig(**rest))
    assert raw["legacy"] == {}
    assert "legacy" not in "\n".join(headline(raw))
    for name, entry in document["scores"].items():  # a memory of 7 ms: windows change nothing
        assert entry["value"] == pytest.approx(raw["scores"][name]["value"], abs=1e-4)


def test_left_alone_all_trials_are_scored_and_published_leaves_out_the_busy_ones():
    assert Protocol.of(EvaluationConfig()).kept([0, 25, 400]) == [0, 1, 2]
    assert Protocol.of(EvaluationConfig(mode="published")).kept([0, 24, 25]) == [0, 1]
    assert Protocol.of(EvaluationConfig()).words() == "all trials, after the first 500 ms of each"


def test_every_place_says_how_many_trials_and_spikes_were_scored(fitted, make_shard):
    settings = EvaluationConfig(ignore_ms=100, bootstrap=0, max_spikes_per_trial=40)
    document = evaluate(fitted, [make_shard(4, n_trials=12)], settings)
    data = document["data"]
    said = f"{data['trials_scored']} of 12 trials, {data['spikes']} spikes"
    assert said in headline(document)[0]
    row, *reference = table_rows([document])
    assert {r["trials"] for r in reference} == {row["trials"]}
    assert (row["trials"], row["trials_left_out"]) == (
        data["trials_scored"],
        data["trials_left_out"],
    )
    assert (row["spikes"], row["ignore_ms"]) == (data["spikes"], 100)
    assert not any(name.startswith("legacy") for name in row)
    assert f"{data['trials_scored']} trials with {data['spikes']} spikes" in scored_words(
        [document]
    )


def test_the_ignored_start_is_used_nowhere(fitted, make_shard, tmp_path):
    """Training windows, validation and scores keep out of the same first ms."""
    trials = []
    with Shard(make_shard(4)) as shard:
        for i in range(4):
            kept = shard.recording(i)
            soma, spikes = kept.soma_mV.copy(), kept.spike_ms[kept.spike_ms > 102]
            soma[:100] = 40.0
            trials.append((i, shard.inputs(i), Recording(soma, kept.nexus_mV, spikes)))
        changed = write_shard(tmp_path / "changed.h5", trials, {"cell": "x"}, shard.segments)
    scores, columns = [], []
    for data in (make_shard(4), changed):
        scores.append(evaluate(fitted, [data], SETTINGS)["scores"])
        seen = predictions(load_model(fitted).module, TrialStore([data]), range(4), OURS)
        columns.append(validation_columns(seen, 0.5))
    assert scores[0] == scores[1]
    assert columns[0] == columns[1]
    config = json.loads((fitted / "config.json").read_text())
    assert config["ignore_ms"] == 100
    sampler = WindowSampler(TrialStore([make_shard(1)]), 64, 100, 10, seed=0, ignore_ms=100)
    starts = np.concatenate([sampler.draw(step)[1] for step in range(20)])
    assert (starts.min(), starts.max()) == (100, 300)
    with pytest.raises(NeuronIOError, match="only 200 come after ignore_ms"):
        WindowSampler(TrialStore([make_shard(1)]), 1, 201, 10, seed=0, ignore_ms=200)
