import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from neuronio.errors import NeuronIOError
from neuronio.files import read_csv, read_json
from neuronio.surrogate import inference, recipes
from neuronio.surrogate.checkpoint import copy_state, read_tensors
from neuronio.surrogate.device import threads_of_torch
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.store import TrialStore, trials_named
from neuronio.surrogate.train import FitSpec, fit, learning_rate, start_at_means
from neuronio.training import TrainingConfig

OPTIONS = {"inputs": 12, "num_branch": 3, "synapses_per_branch": 4}
MEASURED = ("seconds", "data_wait_fraction")


@pytest.fixture
def make_spec(make_shard, tmp_path):
    def make(out="fit", model="branch_elm", size=3, options=OPTIONS, seed=0, **training):
        settings = {"steps": 30, "validate_every": 10, "batch_size": 4, "window_ms": 100}
        settings |= {"burn_in_ms": 20, "learning_rate": 0.01, **training}
        return FitSpec(
            model,
            sized_options(model, size, options),
            seed,
            TrainingConfig(**settings),
            [make_shard(1), make_shard(2)],
            [make_shard(3)],
            tmp_path / out,
            ignore_ms=100,
        )

    return make


def history_without_clock(folder: Path):
    rows = read_csv(folder / "history.csv")
    return [{k: v for k, v in row.items() if k not in MEASURED} for row in rows]


def test_a_fit_learns_and_leaves_a_complete_directory(make_spec, make_shard):
    long = {"train": [make_shard(4, 16, 1000)], "valid": [make_shard(5, 8, 1000)]}
    spec = FitSpec(**{**vars(make_spec(size=5, steps=200, validate_every=50)), **long})
    summary = fit(spec)
    rows = read_csv(spec.out / "history.csv")
    assert [row["step"] for row in rows] == [50, 100, 150, 200]
    assert rows[-1]["valid_loss"] < 0.6 * rows[0]["train_loss"]
    assert summary["validation"]["valid_auc"] > 0.85
    assert all(0 <= row["data_wait_fraction"] <= 1 for row in rows)
    config = read_json(spec.out / "config.json")
    assert config["options"]["num_memory"] == 5
    assert config["data"]["train"]["cell"] == "made-up"
    assert summary["parameters"] == build_model("branch_elm", spec.options).count_parameters()
    assert not list(spec.out.glob(".*"))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(make_spec):
    outs = []
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit(make_spec(out, seed=seed))
        outs.append(make_spec(out).out)
    a, b, c = ((out / "best.pt").read_bytes() for out in outs)
    assert a == b != c
    assert history_without_clock(outs[0]) == history_without_clock(outs[1])


def test_the_best_weights_are_those_of_the_best_validation(make_spec, monkeypatch):
    monkeypatch.setattr(
        "neuronio.surrogate.train.learning_rate", lambda t, step: 1e-3 * 9 ** (step // 15)
    )
    spec = make_spec(steps=60, validate_every=3)
    summary = fit(spec)
    losses = [row["valid_loss"] for row in read_csv(spec.out / "history.csv")]
    assert summary["best_step"] == 3 * (1 + losses.index(min(losses))) < 60
    assert summary["validation"]["valid_loss"] == min(losses)
    best, last = (read_tensors(spec.out / name) for name in ("best.pt", "checkpoint.pt"))
    assert not torch.equal(best["readout.weight"], last["model"]["readout.weight"])


def test_copied_weights_do_not_follow_the_model():
    model = torch.nn.Linear(2, 2)
    before, copied = model.weight.detach().clone(), copy_state(model)
    with torch.no_grad():
        model.weight.add_(1)
    assert torch.equal(copied["weight"], before)


RUN = """
import sys
from pathlib import Path
from neuronio.training import TrainingConfig
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.train import FitSpec, fit
train, valid, out = map(Path, sys.argv[1:])
options = sized_options("tcn", 4, {"inputs": 12, "depth": 2, "kernels": (5, 3)})
training = TrainingConfig(
    steps=4000, validate_every=20, batch_size=4, window_ms=100, burn_in_ms=20, learning_rate=0.01
)
fit(FitSpec("tcn", options, 0, training, [train], [valid], out, 100))
"""


@pytest.mark.slow
def test_a_killed_fit_goes_on_to_the_result_of_an_uninterrupted_one(make_shard, tmp_path):
    files = [str(make_shard(1)), str(make_shard(3))]
    script = RUN.replace("4000", "200")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run = [sys.executable, "-c", script, *files]
    subprocess.run([*run, str(whole)], check=True)
    kills = 0
    for target in (40, 120):
        process = subprocess.Popen([*run, str(broken)])
        while process.poll() is None:
            history = broken / "history.csv"
            if history.exists() and read_csv(history)[-1]["step"] >= target:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.005)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 2
    subprocess.run([*run, str(broken)], check=True)
    assert (whole / "best.pt").read_bytes() == (broken / "best.pt").read_bytes()
    assert history_without_clock(whole) == history_without_clock(broken)


class StopError(Exception):
    pass


@pytest.mark.parametrize(
    ("model", "options", "optimizer"),
    [
        ("branch_elm", OPTIONS, "adam"),
        ("gru", {"inputs": 12}, "adam"),
        ("branch_elm", OPTIONS, "soap"),
    ],
)
def test_a_fit_stopped_at_a_validation_goes_on_as_if_it_were_not(
    make_spec, model, options, optimizer
):
    def stop(done, total, detail):
        if done == 20:
            raise StopError

    given = {"model": model, "options": options, "optimizer": optimizer}
    whole, broken = make_spec("whole", **given), make_spec("broken", **given)
    fit(whole)
    with pytest.raises(StopError):
        fit(broken, progress=stop)
    assert not (broken.out / "summary.json").exists()
    fit(broken)
    assert (whole.out / "best.pt").read_bytes() == (broken.out / "best.pt").read_bytes()
    assert history_without_clock(whole.out) == history_without_clock(broken.out)


def test_a_fit_leaves_the_callers_number_of_threads_alone(make_spec):
    before = torch.get_num_threads()
    with threads_of_torch(3):
        fit(make_spec(threads=1))
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_a_finished_fit_is_not_run_again(make_spec):
    spec = make_spec()
    summary = fit(spec)
    written = (spec.out / "best.pt").stat().st_mtime_ns
    assert fit(spec) == summary
    assert (spec.out / "best.pt").stat().st_mtime_ns == written


def test_a_directory_of_another_fit_is_refused(make_spec):
    fit(make_spec())
    with pytest.raises(NeuronIOError, match=r"training\.learning_rate is 0\.01 there and 0\.02"):
        fit(make_spec(learning_rate=0.02))


def test_a_fit_of_another_model_or_of_no_known_recipe_is_refused(make_spec):
    spec = make_spec()
    fit(spec)
    with pytest.raises(NeuronIOError, match="model is branch_elm there and linear here"):
        fit(make_spec(model="linear", options={"inputs": 12}))
    path = spec.out / "config.json"
    config = read_json(path)
    del config["recipe"]
    path.write_text(json.dumps(config))
    with pytest.raises(NeuronIOError, match="holds another fit"):
        fit(make_spec())


def test_a_fit_does_not_go_on_with_other_code_or_versions(make_spec, monkeypatch):
    fit(make_spec())
    now = recipes.fit_code("branch_elm")
    edited = now | {"neuronio.surrogate.losses": "0" * 16}
    monkeypatch.setattr(recipes, "fit_code", lambda model: edited)
    with pytest.raises(NeuronIOError, match=r"code\.neuronio\.surrogate\.losses differs"):
        fit(make_spec())
    monkeypatch.setattr(recipes, "fit_code", lambda model: now)
    versions = recipes.deciding_versions(("torch", "numpy")) | {"torch": "1.0"}
    monkeypatch.setattr(recipes, "deciding_versions", lambda names: versions)
    with pytest.raises(NeuronIOError, match=r"packages\.torch differs"):
        fit(make_spec())


def test_speed_does_not_make_another_fit(make_spec):
    summary = fit(make_spec())
    assert fit(make_spec(cache_mib=1, threads=2)) == summary


def test_a_loss_that_is_not_finite_stops_with_the_step(make_spec, monkeypatch):
    spec = make_spec(steps=5)

    def poisoned(name, options, seed):
        model = build_model(name, options, seed=seed)
        model.readout.weight.data[1] = math.nan
        return model

    monkeypatch.setattr("neuronio.surrogate.train.build_model", poisoned)
    with pytest.raises(NeuronIOError, match="the loss is nan at step 1"):
        fit(spec)
    assert not (spec.out / "best.pt").exists()


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_gradient_that_overflows_now_and_then_is_left_out(make_spec, monkeypatch, bad):
    """Such a step changes no weight for the worse, and is counted; ten of them end the fit."""
    clip, calls = torch.nn.utils.clip_grad_norm_, []

    def overflowing(trained, largest):
        calls.append(len(calls) + 1)
        if calls[-1] in stop:
            for parameter in trained:
                parameter.grad.fill_(bad)
        return clip(trained, largest)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", overflowing)
    stop = {4, 17, 18}
    spec = make_spec()
    fit(spec)
    rows = read_csv(spec.out / "history.csv")
    assert [row["steps_left_out"] for row in rows] == [1, 2, 0]
    assert all(math.isfinite(row["gradient_norm"]) for row in rows)
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    calls.clear()
    stop = set(range(3, 99))
    with pytest.raises(NeuronIOError, match="gradient is not finite in 10 steps on end, the last"):
        fit(make_spec("other", steps=60, validate_every=30))


def test_data_of_another_cell_is_refused(make_spec):
    with pytest.raises(NeuronIOError, match="12 synapses, but the model has inputs 10"):
        fit(make_spec(options={**OPTIONS, "inputs": 10}))


def test_validating_on_training_data_is_refused(make_spec, make_shard):
    spec = make_spec()
    leaking = FitSpec(**{**vars(spec), "valid": [make_shard(1)]})
    with pytest.raises(NeuronIOError, match="holds the same trials"):
        fit(leaking)


def test_a_damaged_checkpoint_is_one_sentence(make_spec):
    def stop(done, total, detail):
        if done == 10:
            raise StopError

    spec = make_spec()
    with pytest.raises(StopError):
        fit(spec, progress=stop)
    path = spec.out / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(NeuronIOError, match="not a readable checkpoint"):
        fit(spec)


def test_the_learning_rate_falls_along_a_cosine_to_zero():
    t = TrainingConfig(steps=1000, learning_rate=5e-4)
    assert learning_rate(t, 0) == 5e-4
    assert learning_rate(t, 500) == pytest.approx(2.5e-4)
    assert 0 < learning_rate(t, 999) < 1e-8


@pytest.mark.parametrize("model", ["branch_elm", "tcn", "gru", "linear"])
def test_a_fit_begins_at_the_spike_rate_and_mean_voltage_of_the_data(make_shard, model):
    store = TrialStore([make_shard(4, 16, 1000)])
    options = OPTIONS if model == "branch_elm" else {"inputs": 12}
    module = build_model(model, sized_options(model, 4, options))
    start_at_means(module, store)
    bias = module.readout.bias if hasattr(module, "readout") else module.bias
    rate = sum(int(store[i].spikes.sum()) for i in range(16)) / 16_000
    assert torch.sigmoid(bias[0]).item() == pytest.approx(rate, rel=1e-4)
    clipped = [(min(v, -55.0) + 67.7) / 10 for i in range(16) for v in store[i].soma_mV.tolist()]
    assert bias[1].item() == pytest.approx(sum(clipped) / len(clipped), rel=1e-4)


def test_weights_may_be_chosen_by_the_soma_as_published(make_spec):
    spec = make_spec(steps=60, validate_every=3, select_by="soma_rmse", learning_rate=0.05)
    summary = fit(spec)
    rows = read_csv(spec.out / "history.csv")
    best = min(rows, key=lambda row: row["valid_soma_rmse_mV"])
    assert summary["best_step"] == best["step"]


def test_a_validation_that_is_not_finite_stops_the_fit(make_spec, monkeypatch):
    spec = make_spec()

    def broken(seen, weight):
        return {"valid_loss": math.nan, "valid_soma_rmse_mV": math.nan, "valid_auc": None}

    monkeypatch.setattr("neuronio.surrogate.train.validation_columns", broken)
    with pytest.raises(NeuronIOError, match="validation loss is nan at step 10"):
        fit(spec)
    assert not (spec.out / "best.pt").exists()


def test_a_model_that_is_not_finite_over_whole_trials_stops_the_fit(make_spec, monkeypatch):
    whole = inference._run
    monkeypatch.setattr(inference, "_run", lambda *given: whole(*given) * np.nan)
    with pytest.raises(NeuronIOError, match="outputs are not finite on trial 0"):
        fit(make_spec())


def test_a_fit_to_the_first_trials_is_its_own_and_that_to_all_is_the_same(make_spec):
    part, whole = make_spec("part", train_trials=4), make_spec("whole", train_trials=8)
    fit(part)
    fit(whole)
    assert read_json(part.out / "config.json")["data"]["train"]["trials"] == 4
    fit(make_spec("whole"))
    with pytest.raises(NeuronIOError, match="holds another fit"):
        fit(make_spec("part"))


def test_trials_are_named_by_their_recipe_however_they_are_parted():
    def data(*files):
        names = ("recipe", "first_trial", "trials", "content_sha256")
        return {"files": [dict(zip(names, file, strict=True)) for file in files]}

    whole = trials_named(data(("a", 0, 4, "x")))
    assert whole == trials_named(data(("a", 0, 1, "y"), ("a", 1, 3, "z"))) == [["a", 0, 4]]
    assert whole != trials_named(data(("a", 0, 3, "x")))
    assert whole != trials_named(data(("b", 0, 4, "x")))
    gap = trials_named(data(("a", 0, 2, "x"), ("a", 3, 1, "y")))
    assert gap == [["a", 0, 2], ["a", 3, 4]]
    assert trials_named(data((None, None, 4, "x"))) == [["x", 0, 4]]
