"""The quality report: what it measures, and how it stands beside the published figures."""

import csv
import json

import numpy as np
import pytest

from neuronio.data.reference import published_data
from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.simulation.inputs.draw import make_inputs
from neuronio.simulation.inputs.splits import trial_rng
from neuronio.simulation.quality import (
    FILE_DURATION_MS,
    SOMA_EDGES_MV,
    comparison_table,
    input_percentiles,
    measure_split,
)
from neuronio.simulation.quality_report import quality_report

TABLE = SegmentTable(
    np.array(["basal"] * 40 + ["apical"] * 60), np.full(100, 20.0), np.zeros(100), np.arange(100)
)
SPIKES = [[], [100.0, 110.0], [50.0 * i for i in range(1, 30)], [300.0, 310.0, 360.0]]


def shard(path, generator="published", cell="packaged", duration_ms=1500, n=4):
    def trial(i):
        inputs = make_inputs("published", {}, TABLE, duration_ms, trial_rng(1, i))
        soma = np.full(duration_ms, -70.0 + i, dtype=np.float32)
        return i, inputs, Recording(soma, soma, np.array(SPIKES[i % 4]))

    info = {"cell": cell, "generator": generator}
    return write_shard(path, (trial(i) for i in range(n)), info, TABLE)


def test_input_percentiles_are_those_of_sliding_windows():
    inputs = make_inputs("published", {}, TABLE, 900, trial_rng(4, 0))
    dense = inputs.dense()
    wanted = []
    for kind in (dense[:100], dense[100:]):
        windows = [kind[:, t : t + 100].sum() for t in range(801)]
        wanted += [int(np.percentile(windows, q)) for q in (5, 95)]
    assert list(input_percentiles(inputs)) == wanted


def test_trials_shorter_than_a_window_are_one_window():
    dense = np.zeros((3, 40), dtype=bool)
    dense[0, 3] = dense[2, 7] = True
    assert input_percentiles(InputEvents.from_dense(dense, ~dense)) == (2, 2, 118, 118)


def test_a_split_is_measured_over_all_its_shards(tmp_path):
    split = measure_split("train", [shard(tmp_path / "a.h5"), shard(tmp_path / "b.h5", n=2)])
    assert split.n_spikes.tolist() == [0, 2, 29, 3, 0, 2]
    assert split.isi_ms.tolist() == [10.0, *[50.0] * 28, 10.0, 50.0, 10.0]
    figures = split.figures()
    assert figures["output_rate_hz"] == pytest.approx(6 / 1.5)
    assert figures["spikes_per_128_trials"] == pytest.approx(4 * 768)
    assert figures["silent_share"] == pytest.approx(2 / 6)
    assert figures["busy_share"] == pytest.approx(1 / 6)
    assert figures["isi_median_ms"] == 50.0
    levels = np.repeat([-70.0, -69, -68, -67, -70, -69], 1500)
    assert figures["soma_mean_mV"] == pytest.approx(levels.mean())
    assert figures["soma_sd_mV"] == pytest.approx(levels.std())
    assert split.soma_counts.tolist() == np.histogram(levels, SOMA_EDGES_MV)[0].tolist()
    assert figures["excitatory_low"] == split.input_percentiles[:, 0].mean()


def test_table_sets_splits_beside_the_published_figures(tmp_path):
    paths = {
        name: [shard(tmp_path / f"{name}.h5", name, "neuronio", FILE_DURATION_MS)]
        for name in ("ergodic", "published")
    }
    rows = comparison_table([measure_split(name, paths[name]) for name in paths])
    by_name = {row["quantity"]: row for row in rows}
    rate = by_name["Output rate (Hz)"]
    assert (rate["published training files"], rate["published test files"]) == (1.13, 0.8)
    error = np.std([0, 2, 29, 3], ddof=1) / 6 / 2
    assert rate["published"] == pytest.approx(34 / 24, rel=1e-3)
    assert rate["published, s.e."] == pytest.approx(error, rel=1e-3)
    assert rate["published, z"] == pytest.approx((34 / 24 - 0.8) / error, rel=0.1)
    low = by_name["Excitatory spikes in 100 ms, 5th percentile"]
    assert low["published training files"] == published_data()["ergodic"]["excitatory_low"][0]
    assert low["published, z"] is None
    assert low["ergodic, z"] is not None


def test_other_cells_and_durations_are_not_held_against_published_output(tmp_path):
    packaged = shard(tmp_path / "a.h5", "ergodic", "packaged", FILE_DURATION_MS)
    short = shard(tmp_path / "b.h5", "ergodic", "neuronio", 1500)
    splits = [measure_split("train", [packaged]), measure_split("test", [short])]
    rate, low = (comparison_table(splits)[i] for i in (1, 2))
    assert rate["train, z"] is rate["test, z"] is low["test, z"] is None
    assert low["train, z"] is not None


def test_report_writes_json_table_and_figures(tmp_path):
    paths = {"train": [shard(tmp_path / "a.h5")], "test": [shard(tmp_path / "b.h5", n=1)]}
    report = quality_report(paths, tmp_path / "out")
    names = {"quality.json", "quality.csv", "quality.svg", "quality.png"}
    names |= {"quality_trials.svg", "quality_trials.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert json.loads((tmp_path / "out" / "quality.json").read_text()) == report
    assert report["splits"]["train"]["trials"] == 4
    assert sum(report["splits"]["train"]["isi_histogram"]["counts"]) == 31
    rows = list(csv.DictReader((tmp_path / "out" / "quality.csv").read_text().splitlines()))
    assert [row["quantity"] for row in rows] == [row["quantity"] for row in report["table"]]


def test_report_is_the_same_bytes_every_time(tmp_path):
    path = shard(tmp_path / "a.h5")
    for out in ("one", "two"):
        quality_report({"train": [path]}, tmp_path / out)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_silent_data_have_a_report_too(tmp_path):
    path = shard(tmp_path / "a.h5", n=1)
    report = quality_report({"train": [path]}, tmp_path / "out")
    assert report["splits"]["train"]["isi_median_ms"] is None


def test_mixed_shards_in_a_split_are_an_error(tmp_path):
    a, b = shard(tmp_path / "a.h5"), shard(tmp_path / "b.h5", generator="ergodic")
    with pytest.raises(NeuronIOError, match="'train' must hold one cell, generator and duration"):
        measure_split("train", [a, b])
