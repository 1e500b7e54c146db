"""The quality report: what it measures, and how it stands beside the published figures."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuronio.conventions import BUSY_SPIKES, IGNORE_MS, SOMA_CLIP_MV
from neuronio.data.reference import published_data, published_figure
from neuronio.data.shard import SegmentTable, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.simulation.inputs.draw import make_inputs
from neuronio.simulation.inputs.splits import trial_rng
from neuronio.simulation.quality import (
    FILE_DURATION_MS,
    QUANTITIES,
    SOMA_EDGES_MV,
    comparison_table,
    input_percentiles,
    measure_split,
)
from neuronio.simulation.quality_report import quality_report

TABLE = SegmentTable(
    np.array(["basal"] * 40 + ["apical"] * 60), np.full(100, 20.0), np.zeros(100), np.arange(100)
)
# Silent; two early spikes; 29 spikes (busy), 20 of them after 500 ms; three late ones. With 0.5 ms
# to go to their bin, 500.0 is early and 500.5 is late.
SPIKES = [[], [100.0, 500.0], [50.0 * i for i in range(1, 30)], [500.5, 510.0, 560.0]]


def shard(path, generator="published", cell="packaged", duration_ms=1500, n=4):
    def trial(i):
        inputs = make_inputs("published", {}, TABLE, duration_ms, trial_rng(1, i))
        soma = np.full(duration_ms, -70.0 + i, dtype=np.float32)
        spikes = np.array(SPIKES[i % 4])
        return i, inputs, Recording(soma, soma, spikes[spikes < duration_ms])

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
    assert split.n_spikes_late.tolist() == [0, 0, 19, 3, 0, 0]
    assert split.isi_ms.tolist() == [*[50.0] * 18, 9.5, 50.0]
    figures = split.figures()
    assert figures["silent_share"] == pytest.approx(2 / 6)
    assert figures["busy_share"] == pytest.approx(1 / 6)
    assert figures["isi_median_ms"] == 50.0
    assert figures["excitatory_low"] == split.input_percentiles[:, 0].mean()
    levels = np.repeat([-70.0, -69, -68, -67, -70, -69], 1000)
    assert split.soma_counts.tolist() == np.histogram(levels, SOMA_EDGES_MV)[0].tolist()


def test_a_busy_trial_and_early_spikes_count_only_where_they_should(tmp_path):
    split = measure_split("train", [shard(tmp_path / "a.h5")])
    figures, n = split.figures(), split.n()
    assert figures["output_rate_whole_hz"] == pytest.approx(34 / 4 / 1.5)
    assert figures["spikes_per_128_trials"] == pytest.approx(34 / 4 / 1.5 * 768)
    assert figures["output_rate_all_hz"] == pytest.approx(22 / 4 / 1.0)
    assert figures["output_rate_hz"] == pytest.approx(3 / 3 / 1.0)
    assert n["output_rate_whole_hz"] == {"trials": 4, "spikes": 34}
    assert n["output_rate_all_hz"] == {"trials": 4, "spikes": 22}
    assert n["output_rate_hz"] == n["soma_sd_mV"] == {"trials": 3, "spikes": 3}
    assert n["busy_share"] == {"trials": 4, "spikes": 34}
    levels = np.repeat([-70.0, -69, -67], 1000)
    assert figures["soma_mean_mV"] == pytest.approx(levels.mean())
    assert figures["soma_sd_mV"] == pytest.approx(levels.std())


def test_spikes_after_the_start_are_those_that_an_evaluation_counts(tmp_path):
    """The same trials and bins as a surrogate is scored on."""
    from neuronio.surrogate.protocol import spike_bins

    split = measure_split("train", [shard(tmp_path / "a.h5")])
    bins = [spike_bins(np.array(times), 1500)[IGNORE_MS:].sum() for times in SPIKES]
    assert split.n_spikes_late.tolist() == bins


def test_soma_figures_are_of_the_voltage_after_the_start_as_surrogates_see_it(tmp_path):
    rng = np.random.default_rng(1)
    somas = rng.normal(-60, 8, (5, 1500)).astype(np.float32)
    somas[:, :IGNORE_MS] = -90
    inputs = make_inputs("published", {}, TABLE, 1500, trial_rng(1, 0))
    trials = [(i, inputs, Recording(v, v, np.zeros(0))) for i, v in enumerate(somas)]
    path = write_shard(tmp_path / "a.h5", trials, {"cell": "packaged"}, TABLE)
    split = measure_split("train", [path])
    seen = np.minimum(somas[:, IGNORE_MS:].astype(float), SOMA_CLIP_MV)
    assert split.figures()["soma_mean_mV"] == pytest.approx(seen.mean())
    assert split.figures()["soma_sd_mV"] == pytest.approx(seen.std())


def test_the_error_of_the_soma_sd_is_its_spread_over_data_sets(tmp_path):
    """Against the known truth: trials of levels drawn anew many times."""
    rng, blank = np.random.default_rng(3), measure_split("train", [shard(tmp_path / "a.h5")])

    def redrawn(n):
        level, sd = rng.normal(-67, 2, n), rng.uniform(1, 4, n)
        moments = np.stack([level, level**2 + sd**2], axis=1)
        zeros = np.zeros(n, dtype=int)
        return replace(blank, n_spikes=zeros, n_spikes_late=zeros, soma_moments=moments)

    drawn = [redrawn(200) for _ in range(400)]
    spread = np.std([split._soma_sd() for split in drawn])
    stated = np.mean([np.std(split._soma_pull(), ddof=1) / np.sqrt(200) for split in drawn])
    assert stated == pytest.approx(spread, rel=0.12)


def test_published_figures_count_what_ours_do():
    for known in published_data():
        what = QUANTITIES[known.quantity]
        assert (what.after_ms, what.max_spikes) == (known.after_ms, known.max_spikes), known


def test_labels_say_what_is_counted():
    assert str(QUANTITIES["output_rate_whole_hz"]) == "Output rate (Hz); whole trials"
    assert str(QUANTITIES["output_rate_hz"]) == (
        f"Output rate (Hz); after {IGNORE_MS} ms, trials of at most {BUSY_SPIKES} spikes"
    )
    assert len({str(what) for what in QUANTITIES.values()}) == len(QUANTITIES)


def test_table_sets_splits_beside_the_published_figures(tmp_path):
    paths = {
        name: [shard(tmp_path / f"{name}.h5", name, "neuronio", FILE_DURATION_MS)]
        for name in ("ergodic", "published_test")
    }
    rows = comparison_table([measure_split(name, paths[name]) for name in paths])
    by_name = {row["quantity"]: row for row in rows}
    rate = by_name[str(QUANTITIES["output_rate_hz"])]
    assert rate["published training files"] is None
    assert (rate["published validation files"], rate["published test files"]) == (0.96, 0.797)
    assert rate["published test files, trials"] == 1536
    error = np.std([0, 0, 3], ddof=1) / 5.5 / np.sqrt(3)
    assert rate["published_test"] == pytest.approx(1 / 5.5, rel=1e-3)
    assert rate["published_test, s.e."] == pytest.approx(error, rel=1e-3)
    assert (rate["published_test, trials"], rate["published_test, spikes"]) == (3, 3)
    both = error * np.sqrt(1 + 3 / 1536)
    assert rate["published_test, z"] == pytest.approx((1 / 5.5 - 0.797) / both, rel=0.05)
    whole = by_name[str(QUANTITIES["output_rate_whole_hz"])]
    error = np.hypot(np.std([0, 2, 29, 3], ddof=1) / 6 / 2, 0.08563 / np.sqrt(300))
    assert whole["ergodic, z"] == pytest.approx((34 / 24 - 1.13) / error, rel=0.05)
    assert (whole["ergodic, trials"], whole["ergodic, spikes"]) == (4, 34)
    low = by_name[str(QUANTITIES["excitatory_low"])]
    known = published_figure("excitatory_low", generator="ergodic")
    assert low["published training files"] == known.mean
    assert low["published_test, z"] is None
    assert low["ergodic, z"] is not None


def test_other_cells_and_durations_are_not_held_against_published_output(tmp_path):
    packaged = shard(tmp_path / "a.h5", "ergodic", "packaged", FILE_DURATION_MS)
    short = shard(tmp_path / "b.h5", "ergodic", "neuronio", 1500)
    splits = [measure_split("train", [packaged]), measure_split("test", [short])]
    rows = dict(zip(QUANTITIES, comparison_table(splits), strict=True))
    rate, low = rows["output_rate_whole_hz"], rows["excitatory_low"]
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
    assert sum(report["splits"]["train"]["isi_histogram"]["counts"]) == 20
    assert report["splits"]["train"]["n"]["output_rate_hz"] == {"trials": 3, "spikes": 3}
    assert report["quantities"]["output_rate_hz"]["max_spikes"] == BUSY_SPIKES
    rows = list(csv.DictReader((tmp_path / "out" / "quality.csv").read_text().splitlines()))
    assert [row["quantity"] for row in rows] == [row["quantity"] for row in report["table"]]
    for split in paths:
        assert all(row[f"{split}, trials"] and row[f"{split}, spikes"] for row in rows)


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


def test_trials_that_end_before_the_start_is_over_leave_figures_out(tmp_path):
    report = quality_report(
        {"train": [shard(tmp_path / "a.h5", duration_ms=400)]}, tmp_path / "out"
    )
    train = report["splits"]["train"]
    assert train["output_rate_hz"] is train["soma_sd_mV"] is train["isi_cv"] is None
    assert train["n"]["output_rate_hz"] == {"trials": 0, "spikes": 0}
    assert train["output_rate_whole_hz"] == pytest.approx(8 / 4 / 0.4)


def test_where_every_trial_is_busy_the_others_have_no_figure(tmp_path):
    split = measure_split("train", [shard(tmp_path / "a.h5")])
    busy = replace(split, n_spikes=split.n_spikes + 30)
    assert np.isnan(busy.figures()["output_rate_hz"])
    assert busy.figures()["busy_share"] == 1.0
    assert busy.n()["soma_sd_mV"]["trials"] == 0


def test_report_page_has_n_beside_every_figure(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "workflow" / "scripts")
    from pages import quality_page

    paths = {"test": [shard(tmp_path / "a.h5", "published_test", "neuronio", FILE_DURATION_MS)]}
    page = quality_page(quality_report(paths, tmp_path / "out")["table"])
    assert "0.797<br>1,536 trials" in page
    assert "673<br>sd 127<br>384 trials" in page
    assert "<br>3 trials, 3 spikes<br>z " in page
    figures = re.findall(r"<td>(-?[\d.]+(?:e-?\d+)?)((?:<br>[^<]*)*)</td>", page)
    assert len(figures) > len(QUANTITIES)
    assert all(" trials" in below for _, below in figures if below), figures


def test_mixed_shards_in_a_split_are_an_error(tmp_path):
    a, b = shard(tmp_path / "a.h5"), shard(tmp_path / "b.h5", generator="ergodic")
    with pytest.raises(NeuronIOError, match="'train' must hold one cell, generator and duration"):
        measure_split("train", [a, b])
    with pytest.raises(NeuronIOError, match="which another shard given with it holds too"):
        measure_split("train", [a, a])


def test_the_page_on_validation_has_every_published_figure():
    """Otherwise run: python docs/validation.py (its docstring says how)."""
    page = (Path(__file__).parents[2] / "docs" / "validation.md").read_text()
    for known in published_data():
        row = rf"^\| {re.escape(str(QUANTITIES[known.quantity]))} \| {known.mean:.4g}\b"
        assert re.search(row, page, re.MULTILINE), known
