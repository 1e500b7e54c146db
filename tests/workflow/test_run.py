"""The real workflow, end to end, on config/smoke.yaml."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from finish import merged
from plan import Plan
from running import ROOT, SMOKE, changed, command, plain, run
from scripts import load_script

from neuronio.config import load_config
from neuronio.data.shard import Shard
from neuronio.made import unused


def snapshot(folder: Path) -> dict[str, int]:
    """When each result was last written, ns."""
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_run_makes_figure_table_and_report_and_says_where(finished):
    folder, result = finished
    last = result.stdout.splitlines()[-4:]
    assert last[0].startswith("Done")
    results = folder / "results" / "smoke"
    named = {line.split()[0]: Path(line.split()[1]) for line in last[1:]}
    assert named == {
        "figure": results / "figures" / "accuracy.png",
        "table": results / "table.csv",
        "report": results / "report.html",
    }
    assert all(path.stat().st_size > 0 for path in named.values())
    assert (results / "figures" / "accuracy.svg").is_file()


@pytest.mark.slow
def test_what_a_run_costs_is_said_before_it_begins(finished):
    folder, result = finished
    said = result.stdout.partition("Building DAG")[0]
    assert "7 trials of 0.4 s, 2 again with half the step: " in said
    assert "3 fits: " in said
    assert re.search(r"15 jobs to start and end: \d+ (s|min) of one core", said)
    assert re.search(r"all: \d+ (s|min) of one core, \d+ (s|min) on 2 cores", said)
    jobs = json.loads((folder / ".snakemake/jobs.json").read_text())
    assert len(jobs) == 4 + 1 + 3  # shards, the noise floor, fits
    assert all((folder / job["log"]).is_file() for job in jobs)


@pytest.mark.slow
def test_data_come_first_and_the_first_seed_of_every_fit_before_the_second(finished):
    begun = re.findall(
        r"^Job \d+: (\w+) (\S+)", finished[1].stdout + finished[1].stderr, re.MULTILINE
    )
    fits = [name.rpartition("-")[0] for what, name in begun if what == "Fit"]
    assert sorted(fits[:2]) == ["branch_elm-2-seed0", "tcn-2-seed0"]
    assert fits[2:] == ["branch_elm-2-seed1"]
    kinds = [what for what, _ in begun]
    assert max(i for i, what in enumerate(kinds) if what == "Simulate") < kinds.index("Fit")


@pytest.mark.slow
def test_table_has_a_row_for_every_fit(finished):
    results = finished[0] / "results" / "smoke"
    with (results / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    fits = {(row["model"], row["size"], row["seed"]) for row in rows if row["source"] == "fit"}
    assert fits == {("branch_elm", "2", "0"), ("branch_elm", "2", "1"), ("tcn", "2", "0")}
    assert [row["fit"] for row in rows[3:]] == ["integrator floor", "chance", "mean_voltage"]
    assert len(json.loads((results / "table.json").read_text())) == 6
    with (results / "summary.csv").open() as file:
        means = {(row["model"], row["seeds"]) for row in csv.DictReader(file)}
    assert {("branch_elm", "0 1"), ("tcn", "0"), ("chance", "")} <= means


@pytest.mark.slow
def test_the_noise_floor_is_shown_with_its_trials(finished):
    results = finished[0] / "results" / "smoke"
    with Shard(results / "data/floor/shard-000.h5") as again:
        with Shard(results / "data/test/shard-000.h5") as first:
            np.testing.assert_array_equal(again.trial_index, first.trial_index)
            assert again.info["inputs_from"]["recipe"] == first.info["recipe"]
        assert again.info["integrator"]["dt_ms"] == 0.0125
    document = json.loads((results / "evaluations/integrator-floor.json").read_text())
    assert document["data"]["trials_scored"] == 2
    assert 0 < document["scores"]["soma_rmse_mV"]["value"] < 0.5


@pytest.mark.slow
def test_shards_hold_the_trials_that_were_asked_for(finished):
    with (finished[0] / "results/smoke/data/manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["split"] for row in rows) == {"train": 3, "valid": 2, "test": 2}
    assert {row["status"] for row in rows} == {"ok"}


@pytest.mark.slow
def test_report_needs_no_network(finished):
    for name, parts in (
        (
            "report",
            ("Summary", "Accuracy against parameters", "Methods", "Time and cost", "@article"),
        ),
        ("snakemake", ("Accuracy", "Data", "Training", "Provenance")),
    ):
        html = (finished[0] / f"results/smoke/{name}.html").read_text()
        assert not re.search(r"<(script|link|img|iframe)\b[^>]*\b(src|href)=[\"']?https?:", html)
        assert [part for part in parts if part not in html] == []


@pytest.mark.slow
def test_the_report_has_what_each_step_cost(finished):
    html = (finished[0] / "results/smoke/report.html").read_text().partition("Time and cost")[2]
    rows = dict(re.findall(r"<tr><td>(\w+)</td><td>(\d+)</td>", html))
    known = {rule: int(rows[rule]) for rule in ("simulate", "dataset", "fit", "floor", "report")}
    assert known == {"simulate": 4, "dataset": 1, "fit": 3, "floor": 1, "report": 1}
    assert int(rows["evaluate"]) >= 3


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".venv/.installed").exists(), reason="the tests run without make")
def test_second_make_run_does_nothing_and_says_so(finished):
    folder, _ = finished
    before = snapshot(folder / "results")
    make = ["make", "run", f"CONFIG={SMOKE}", "CORES=2", f"ARGS=--directory {folder}"]
    result = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, timeout=800)
    assert result.returncode == 0, result.stderr
    assert f"Nothing to do: {folder / 'results/smoke'} is up to date." in result.stdout
    assert snapshot(folder / "results") == before


@pytest.mark.slow
def test_plain_snakemake_makes_the_same_and_says_where(finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished[0], folder)
    results = folder / "results" / "smoke"
    before = (results / "table.csv").read_bytes()
    for name in ("table.csv", "report.html"):
        (results / name).unlink()
    result = plain(folder, SMOKE)
    assert result.returncode == 0, result.stderr
    assert (results / "table.csv").read_bytes() == before
    assert (results / "report.html").stat().st_size > 0
    assert result.stdout.splitlines()[-4:] == [
        "Done: results/smoke",
        "  figure  results/smoke/figures/accuracy.png",
        "  table   results/smoke/table.csv",
        "  report  results/smoke/report.html",
    ]


def test_a_surrogate_of_a_users_own_file_is_planned(tmp_path):
    toy = ROOT / "tests" / "surrogate" / "toy_surrogate.py"

    def own(document):
        document["fits"] = [{"model": f"{toy}:toy", "sizes": [3]}]

    result = plain(tmp_path, changed(tmp_path, own), "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "Fit toy-3-seed0" in result.stdout + result.stderr


def test_the_environment_of_another_clone_is_installed_anew(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    ready = tmp_path / ".venv" / ".installed"
    ready.parent.mkdir()

    def would_do():
        make = ["make", "--dry-run", str(ready.relative_to(tmp_path))]
        return subprocess.run(make, cwd=tmp_path, capture_output=True, text=True).stdout

    ready.write_text("/where/it/was\n")
    assert "rm -rf .venv" in would_do()
    ready.write_text(f"{tmp_path}\n")
    assert "is up to date" in would_do()


def test_another_scale_has_results_of_its_own():
    scaled = load_script(ROOT / "workflow" / "run.py").scaled
    assert scaled(merged([SMOKE]), None) == {}
    assert scaled(merged([SMOKE]), 0.5) == {"name": "smoke-0.5", "dataset": {"scale": 0.5}}
    tasks = merged([ROOT / "config" / "smoke_tasks.yaml"])
    assert scaled(tasks, 2.0) == {"name": f"{tasks.name}-2", "scale": 2.0}


@pytest.mark.slow
def test_killed_simulation_keeps_its_trials_and_ends_with_the_same_content(tmp_path):
    def many_short_trials(document):
        document["engine"] = {"name": "neuron"}
        document["dataset"].update(duration_ms=40, trials_per_shard=10)
        document["dataset"]["trials"] = {"train": 10, "valid": 1, "test": 1}
        document["fits"] = []

    config = changed(tmp_path, many_short_trials)
    shard = Path("results/made") / f"{Plan(load_config(config)).splits['train'].folder.name}"
    shard /= "shard-000.h5"
    process = subprocess.Popen(
        command(tmp_path / "killed", config),
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: kept_trials(tmp_path / "killed" / shard) >= 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = settled(lambda: kept_trials(tmp_path / "killed" / shard))
    assert 2 <= kept < 10
    assert not (tmp_path / "killed" / shard).exists()
    # What a run has begun is no rubbish, though it has shown nothing yet.
    assert shard.parent.name not in {p.name for p in unused(tmp_path / "killed" / "results")}
    result = run(tmp_path / "killed", config, str(shard))
    assert result.returncode == 0, result.stderr
    assert "The last run here did not come to its end; what it made is kept" in result.stderr
    assert f"{kept} of 10 trials" in result.stderr
    assert "Done with what was asked for." in result.stdout
    whole = plain(tmp_path / "whole", config, str(shard))
    assert whole.returncode == 0, whole.stderr
    assert "Done with what was asked for." in whole.stdout
    assert content(tmp_path / "killed" / shard) == content(tmp_path / "whole" / shard)


def content(shard: Path) -> dict:
    """Everything in a shard but the revision of this checkout, which may move during the test."""
    found = {}
    with h5py.File(shard) as file:
        moving = {"git_revision", "content_sha256"}
        found |= {key: str(value) for key, value in file.attrs.items() if key not in moving}
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def kept_trials(shard: Path) -> int:
    """Finished trials of a shard that is not written yet, those included that nobody has taken."""
    return len(list(shard.parent.glob(f".{shard.stem}.*.parts/*.npz")))


def settled(count) -> int:
    """A count once it has stopped changing: the last workers may outlive their parent a little."""
    before, now = -1, count()
    while now != before:
        time.sleep(3)
        before, now = now, count()
    return now


def wait_for(condition, process: subprocess.Popen) -> None:
    """Wait until a condition holds; fail if the process ends before."""
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
