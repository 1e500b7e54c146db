"""Two integrations of the same trials, one scored as a prediction of the other."""

import json

import numpy as np
import pytest

from neuronio.config import EvaluationConfig
from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.surrogate.figures.scales import scored_words
from neuronio.surrogate.floor import floor_scores, nearest_spike_ms
from neuronio.surrogate.results_table import read_evaluations, table_rows
from neuronio.surrogate.score_words import headline

SETTINGS = EvaluationConfig(ignore_ms=100, bootstrap=50)


def changed(shard, path, change, order=None):
    """The trials of a shard again, each (index, inputs, recording) as `change` makes it."""
    with Shard(shard) as source:
        trials = [
            change(int(source.trial_index[i]), source.inputs(i), source.recording(i))
            for i in order or range(len(source))
        ]
        return write_shard(path, trials, {"cell": "made-up", "engine": "other"}, source.segments)


def same(index, inputs, recording):
    return index, inputs, recording


def later(index, inputs, recording, by_ms=1):
    """Every spike `by_ms` later, and the voltage 2 mV lower."""
    soma = recording.soma_mV - 2
    return index, inputs, Recording(soma, recording.nexus_mV, recording.spike_ms + by_ms)


def value(document, name):
    return document["scores"][name]["value"]


def test_the_same_run_again_scores_perfectly(make_shard, tmp_path):
    test = make_shard(4)
    document = floor_scores([test], [changed(test, tmp_path / "again.h5", same)], SETTINGS)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    for name in document["scores"]:
        best = not any(error in name for error in ("rmse", "mae", "bias", "van_rossum"))
        assert value(document, name) == pytest.approx(float(best), abs=1e-6), name


def test_a_run_whose_spikes_come_later_and_whose_voltage_is_lower(make_shard, tmp_path):
    test = make_shard(4)
    document = floor_scores([test], [changed(test, tmp_path / "again.h5", later)], SETTINGS)
    assert value(document, "spike_f1_0ms") < 0.2
    assert value(document, "spike_f1_1ms") > 0.95
    assert value(document, "rate_mae_relative") < 0.05
    assert 1.0 < value(document, "soma_rmse_mV") <= 2.0  # the truth is clipped, so is the floor
    assert value(document, "auc") > 0.9
    assert (document["model"]["source"], document["model"]["parameters"]) == ("floor", None)


def test_trials_are_paired_by_their_index_whatever_their_order(make_shard, tmp_path):
    test = make_shard(4)
    mixed = changed(test, tmp_path / "mixed.h5", same, order=[2, 0, 3, 1])
    assert value(floor_scores([test], [mixed], SETTINGS), "soma_rmse_mV") == 0.0
    two = changed(test, tmp_path / "two.h5", same, order=[3, 1])
    data = floor_scores([test], [two], SETTINGS)["data"]
    assert (data["trials_scored"], data["trials_left_out"]) == (2, 2)


def test_other_trials_are_refused(make_shard, tmp_path):
    test = make_shard(4)
    with pytest.raises(NeuronIOError, match="trial 0 has other inputs"):
        floor_scores([test], [make_shard(5)], SETTINGS)

    def renumbered(index, inputs, recording):
        return index + 3, inputs, recording

    with pytest.raises(NeuronIOError, match=r"trial 4 of .* is not among the test trials"):
        floor_scores([test], [changed(test, tmp_path / "moved.h5", renumbered)], SETTINGS)
    with pytest.raises(NeuronIOError, match="holds trial 0, which another shard"):
        floor_scores([test, test], [test], SETTINGS)

    def shorter(index, inputs, recording):
        return index, inputs.window(0, 300), Recording(*(x[:300] for x in vars_of(recording)))

    def vars_of(recording):
        spikes = recording.spike_ms[recording.spike_ms < 290]
        return recording.soma_mV, recording.nexus_mV, spikes

    with pytest.raises(NeuronIOError, match="trial 0 has other inputs"):
        floor_scores([test], [changed(test, tmp_path / "short.h5", shorter)], SETTINGS)


def test_the_floor_is_a_row_of_the_table(make_shard, tmp_path):
    test, path = make_shard(4), tmp_path / "floor.json"
    path.write_text(json.dumps(floor_scores([test], [test], SETTINGS)))
    documents = read_evaluations([path])
    rows = {row["fit"]: row for row in table_rows(documents)}
    assert set(rows) == {"integrator floor"}  # its own references may be of fewer trials
    assert rows["integrator floor"]["auc"] == 1.0
    assert scored_words(documents).startswith("Scored on 4 trials")
    assert headline(documents[0])[0].startswith("integrator floor: scored: 4 of 4 trials")


def test_distance_to_the_nearest_spike():
    spikes = np.zeros(9, bool)
    assert nearest_spike_ms(spikes).tolist() == [9] * 9
    spikes[[2, 7]] = True
    assert nearest_spike_ms(spikes).tolist() == [2, 1, 0, 1, 2, 2, 1, 0, 1]


def test_logits_are_minus_the_distance(tmp_path):
    """One true spike at 60 ms, the other run's at 63 ms: of 99 silent ms 5 are nearer to it."""
    inputs = InputEvents.from_dense(*np.zeros((2, 1, 100), bool))
    segments = SegmentTable(np.array(["basal"]), np.ones(1), np.ones(1), np.arange(1))
    paths = []
    for name, at in (("a", 60.75), ("b", 63.75)):
        flat = np.full(100, -70, np.float32)
        trial = (0, inputs, Recording(flat, flat, np.array([at])))
        paths.append(write_shard(tmp_path / f"{name}.h5", [trial], {}, segments))
    document = floor_scores(paths[:1], paths[1:], EvaluationConfig(ignore_ms=0, bootstrap=0))
    # nearer: 61 to 65; as near: 66, which counts half
    assert value(document, "auc") == pytest.approx(1 - 5.5 / 99)
    assert value(document, "van_rossum_10ms") == pytest.approx(np.sqrt(2 * (1 - np.exp(-0.3))))
