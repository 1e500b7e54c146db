"""Fitting a surrogate: one loop, seeded, repeatable, and resumed after a kill.

The same command on the same machine and thread count gives the same weights to the last bit,
whether or not it was interrupted. Recipe: Spieler et al. (ICLR 2024): random windows, loss after a
burn-in, Adam, learning rate to 0 along a cosine, clipped gradients. Ours alone: output biases that
begin at the data's means (`start_at_means`).
"""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_csv, write_json
from neuronio.progress import Report, silent
from neuronio.surrogate.checkpoint import copy_state, load_weights, write_tensors
from neuronio.surrogate.fit_directory import (
    FitSpec,
    FitState,
    claim_directory,
    open_data,
    resume,
    save_checkpoint,
)
from neuronio.surrogate.inference import predictions
from neuronio.surrogate.losses import surrogate_loss
from neuronio.surrogate.matching import best_threshold
from neuronio.surrogate.models import Surrogate, build_model
from neuronio.surrogate.points import Predictions, point_scores
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.windows import Prefetcher, WindowBatch, WindowSampler
from neuronio.training import TrainingConfig

__all__ = ["FitSpec", "fit"]

WORKERS = 1
GPU_CHECK_EVERY = 64  # steps between looks at the loss where a look makes the GPU wait

History = dict[str, Any]


@dataclass
class Run:
    """A fit in progress."""

    spec: FitSpec
    train: TrialStore
    valid: TrialStore
    model: Surrogate
    optimizer: torch.optim.Optimizer
    state: FitState


def fit(spec: FitSpec, *, progress: Report = silent) -> dict[str, Any]:
    """Fit a surrogate, or go on with one that was interrupted; returns its summary.

    Args:
        spec: what to fit, on what, and where to.
        progress: told of every step, after the checkpoint where one is due.

    Raises:
        NeuronIOError: the data does not fit the model, the directory holds another fit, the loss
            is no longer finite, or the disk refuses.
    """
    train, valid, further = open_data(spec)
    config = claim_directory(spec, train, valid)
    if further:
        further.save(spec.out)
    if (spec.out / "summary.json").exists():
        return read_json(spec.out / "summary.json")
    torch.set_num_threads(spec.training.threads)
    model = build_model(spec.model, spec.options, seed=spec.seed).to(spec.training.device)
    start_at_means(model, train)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=spec.training.learning_rate, fused=True)
    run = Run(spec, train, valid, model, optimizer, resume(spec, model, optimizer))
    with closing(train), closing(valid):
        _train(run, progress)
        return _finish(run, config)


def start_at_means(model: nn.Module, train: TrialStore) -> None:
    """Set the output biases so that a fit begins at the data's spike rate and mean soma voltage.

    Adam moves a bias by no more than the learning rate a step: from 0 a short fit would spend
    itself on the way to the log odds of rare spikes, about -6. Taken from up to 64 trials spread
    over the training data. A model without plain output biases keeps its own.
    """
    parameters = dict(model.named_parameters())
    bias = parameters.get("readout.bias", parameters.get("bias"))
    if bias is None:
        return
    some = np.unique(np.linspace(0, len(train) - 1, 64).astype(int)).tolist()
    trials = [train[i] for i in some]
    rate = np.mean([trial.spikes.mean() for trial in trials])
    rate = np.clip(rate, 1.0 / (len(trials) * train.duration_ms), 0.5)
    soma = np.mean([SomaScale().target(trial.soma_mV).mean() for trial in trials])
    with torch.no_grad():
        bias[:2] = torch.tensor([float(np.log(rate / (1.0 - rate))), float(soma)])


def _train(run: Run, progress: Report) -> None:
    """The loop, from the state's step to the last one."""
    t, state = run.spec.training, run.state
    sampler = WindowSampler(
        run.train, t.batch_size, t.window_ms, t.validate_every, run.spec.seed, run.spec.ignore_ms
    )
    feed = Prefetcher(sampler.batch, range(state.step, t.steps), WORKERS)
    measured, began, waited, loss = [], time.perf_counter(), 0.0, math.nan
    run.model.train()
    with closing(iter(feed)) as batches:
        for batch in batches:
            measured.append(_step(run, batch.to(t.device), learning_rate(t, state.step)))
            state.step += 1
            due = state.step % t.validate_every == 0 or state.step == t.steps
            if due or t.device == "cpu" or state.step % GPU_CHECK_EVERY == 0:
                _check_finite(measured[-1], state.step, t)
                loss = float(measured[-1][0])
            if due:
                spent, idle = time.perf_counter() - began, feed.waited_s - waited
                state.seconds += spent
                row = {"step": state.step, "learning_rate": learning_rate(t, state.step - 1)}
                row |= _train_columns(measured) | _validate(run)
                row |= {"seconds": round(state.seconds, 3), "data_wait_fraction": idle / spent}
                state.history.append(row)
                save_checkpoint(run.spec, run.model, run.optimizer, state)
                measured, began, waited = [], time.perf_counter(), feed.waited_s
            progress(state.step, t.steps, _detail(loss, state))


def _detail(loss: float, state: FitState) -> str:
    """Where a fit stands, in words."""
    auc = state.history[-1]["valid_auc"] if state.history else None
    return f"loss {loss:.4f}, validation AUC {'undefined' if auc is None else f'{auc:.4f}'}"


def _step(run: Run, batch: WindowBatch, rate: float) -> torch.Tensor:
    """One optimiser step; returns (loss, spike loss, soma loss, gradient norm), (4,)."""
    t = run.spec.training
    trained = []
    for group in run.optimizer.param_groups:
        group["lr"] = rate
        trained += group["params"]
    loss = surrogate_loss(
        run.model(batch.events),
        batch.spikes,
        batch.voltages,
        burn_in_ms=t.burn_in_ms,
        spike_weight=t.spike_weight,
    )
    run.optimizer.zero_grad(set_to_none=True)
    loss.total.backward()
    norm = nn.utils.clip_grad_norm_(trained, t.gradient_clip)
    run.optimizer.step()
    return torch.cat([loss.parts(), norm.detach()[None]])


def learning_rate(training: TrainingConfig, step: int) -> float:
    """Learning rate of a step counted from 0: a cosine from `learning_rate` to 0."""
    return 0.5 * training.learning_rate * (1.0 + math.cos(math.pi * step / training.steps))


def _validate(run: Run) -> History:
    """Score validation trials; keep the weights if their loss, or RMSE, is the smallest so far.

    Raises:
        NeuronIOError: the loss is not finite.
    """
    state, t = run.state, run.spec.training
    columns = validation_columns(_validation_predictions(run), run.spec.training.spike_weight)
    found = columns["valid_loss" if t.select_by == "loss" else "valid_soma_rmse_mV"]
    loss = columns["valid_loss"]
    if found is None or loss is None or not math.isfinite(found + loss):
        raise NeuronIOError(
            f"the validation loss is {loss} at step {state.step}: lower learning_rate, or check "
            "the validation data with `neuronio verify`"
        )
    if found < state.best_score:
        state.best_score, state.best_step = found, state.step
        state.best_weights = copy_state(run.model)
        write_tensors(run.spec.out / "best.pt", state.best_weights)
    return columns


def validation_columns(seen: Predictions, spike_weight: float) -> dict[str, float | None]:
    """The loss of predictions in its parts, as in training, and their scores."""
    logit = seen.logit.astype(np.float64)
    spike = float(np.mean(np.logaddexp(0.0, logit) - logit * seen.spikes))
    error = (seen.predicted_mV - seen.soma_mV).astype(np.float64) * SomaScale().scale
    soma = float(np.mean(error**2))
    loss = spike_weight * spike + (1.0 - spike_weight) * soma
    columns = {"loss": loss, "spike_loss": spike, "soma_loss": soma, **point_scores(seen)}
    return {f"valid_{name}": value for name, value in columns.items()}


def _validation_predictions(run: Run) -> Predictions:
    t = run.spec.training
    trials = range(min(len(run.valid), t.validation_trials))
    return predictions(run.model, run.valid, trials, run.spec.protocol, t.device)


def _train_columns(measured: list[torch.Tensor]) -> dict[str, float]:
    names = ("train_loss", "train_spike_loss", "train_soma_loss", "gradient_norm")
    return dict(zip(names, torch.stack(measured).double().mean(dim=0).tolist(), strict=True))


def _check_finite(measured: torch.Tensor, step: int, t: TrainingConfig) -> None:
    for name, value in (("loss", float(measured[0])), ("gradient", float(measured[3]))):
        if not math.isfinite(value):
            raise NeuronIOError(
                f"the {name} is {value} at step {step} (learning rate "
                f"{learning_rate(t, step - 1):.2g}): lower learning_rate or gradient_clip, or "
                "check the data with `neuronio verify`"
            )


def _finish(run: Run, config: dict[str, Any]) -> dict[str, Any]:
    """Write the best weights and the summary, with the spike threshold of the validation data."""
    spec, state, model = run.spec, run.state, run.model
    load_weights(model, state.best_weights, spec.out / "checkpoint.pt")
    write_tensors(spec.out / "best.pt", state.best_weights)
    write_csv(spec.out / "history.csv", state.history)
    seen = _validation_predictions(run)
    waits = [row["data_wait_fraction"] for row in state.history]
    summary = {
        "model": spec.model,
        "size": spec.options.size,
        "seed": spec.seed,
        "parameters": model.count_parameters(),
        "multiply_adds_per_ms": model.count_multiply_adds(),
        "steps": state.step,
        "best_step": state.best_step,
        "exposure_s": spec.training.exposure_s,
        "validation": validation_columns(seen, spec.training.spike_weight),
        "spike_threshold_logit": best_threshold(seen.spikes, seen.logit),
        "training_seconds": round(state.seconds, 3),
        "data_wait_fraction": float(np.mean(waits)),
        "versions": config["versions"],
    }
    write_json(spec.out / "summary.json", summary)
    return summary
