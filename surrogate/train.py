"""Fitting a surrogate: one loop, seeded, repeatable, and resumed after a kill.

The same command on the same machine and thread count gives the same weights to the last bit,
whether or not it was interrupted. Recipe: Spieler et al. (ICLR 2024): random windows, loss after a
burn-in, Adam, learning rate to 0 along a cosine, clipped gradients.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from data.config import EvaluationConfig, TrainingConfig
from data.errors import NeuronIOError
from surrogate.checkpoint import (
    copy_state,
    load_weights,
    read_json,
    read_tensors,
    versions,
    write_history,
    write_json,
    write_tensors,
)
from surrogate.inference import predictions
from surrogate.losses import surrogate_loss
from surrogate.matching import best_threshold
from surrogate.metrics import Predictions, point_scores
from surrogate.models import build_model
from surrogate.options import ModelOptions, option_values
from surrogate.settings import check_device
from surrogate.windows import Prefetcher, SomaScale, TrialStore, WindowSampler

WORKERS = 1


@dataclass(frozen=True)
class FitSpec:
    """Everything that a fit depends on.

    Attributes:
        model: name of the model.
        options: its options; `inputs` must be the synapses of the data.
        seed: of the first weights and of the windows.
        training: settings of the loop.
        train, valid: shards to fit on and to choose the best weights by.
        out: the fit directory.
    """

    model: str
    options: ModelOptions
    seed: int
    training: TrainingConfig
    train: list[Path]
    valid: list[Path]
    out: Path


@dataclass
class FitState:
    """Where a fit stands: what a checkpoint holds beside model and optimiser."""

    step: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def fit(
    spec: FitSpec,
    *,
    quiet: bool = False,
    on_validation: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Fit a surrogate, or go on with one that was interrupted; returns its summary.

    Args:
        spec: what to fit, on what, and where to.
        quiet: show no progress bar.
        on_validation: called with each row of the history as soon as it is saved.

    Raises:
        NeuronIOError: the data does not fit the model, the directory holds another fit, the loss
            is no longer finite, or the disk refuses.
    """
    train, valid = _open_data(spec)
    config = _claim_directory(spec, train, valid)
    if (spec.out / "summary.json").exists():
        return read_json(spec.out / "summary.json")
    torch.set_num_threads(spec.training.threads)
    model = build_model(spec.model, spec.options, seed=spec.seed).to(spec.training.device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=spec.training.learning_rate, fused=True)
    state = _resume(spec, model, optimizer)
    with _progress_bar(spec, state, quiet) as advance:
        _train(spec, model, optimizer, state, train, valid, advance, on_validation)
    summary = _finish(spec, model, state, valid, config)
    train.close()
    valid.close()
    return summary


def _train(
    spec: FitSpec,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: FitState,
    train: TrialStore,
    valid: TrialStore,
    advance: Callable[[float], None],
    on_validation: Callable[[dict[str, Any]], None],
) -> None:
    """The loop, from the state's step to the last one."""
    t = spec.training
    sampler = WindowSampler(train, t.batch_size, t.window_ms, t.validate_every, spec.seed)
    feed = Prefetcher(sampler.batch, range(state.step, t.steps), WORKERS)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    losses, norms, began, waited = [], [], time.perf_counter(), 0.0
    model.train()
    for batch in feed:
        batch = batch.to(t.device)
        rate = learning_rate(t, state.step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        logit, soma = model(batch.events)
        loss = surrogate_loss(
            logit,
            soma,
            batch.spikes,
            batch.soma,
            burn_in_ms=t.burn_in_ms,
            spike_weight=t.spike_weight,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        norm = nn.utils.clip_grad_norm_(trained, t.gradient_clip)
        optimizer.step()
        losses.append(loss.parts())
        norms.append(norm.detach())
        state.step += 1
        due = state.step % t.validate_every == 0 or state.step == t.steps
        if due or t.device == "cpu" or state.step % 64 == 0:
            _check_finite(losses[-1], norms[-1], state.step, t)
            advance(float(losses[-1][0]))
        if due:
            spent, idle = time.perf_counter() - began, feed.waited_s - waited
            state.seconds += spent
            row = {"step": state.step, "learning_rate": rate}
            row |= _train_columns(losses, norms) | _validate(spec, model, valid, state)
            row |= {"seconds": round(state.seconds, 3), "data_wait_fraction": idle / spent}
            state.history.append(row)
            _save(spec, model, optimizer, state)
            on_validation(row)
            losses, norms, began, waited = [], [], time.perf_counter(), feed.waited_s


def learning_rate(training: TrainingConfig, step: int) -> float:
    """Learning rate of a step counted from 0: a cosine from `learning_rate` to 0."""
    return 0.5 * training.learning_rate * (1.0 + math.cos(math.pi * step / training.steps))


def _validate(spec: FitSpec, model: nn.Module, valid: TrialStore, state: FitState) -> dict:
    """Score whole validation trials; keep the weights if their loss is the smallest so far."""
    seen = _validation_predictions(spec, model, valid)
    columns = validation_columns(seen, spec.training.spike_weight)
    if columns["valid_loss"] < state.best_loss:
        state.best_loss, state.best_step = columns["valid_loss"], state.step
        state.best_weights = copy_state(model)
        write_tensors(spec.out / "best.pt", state.best_weights)
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


def _validation_predictions(spec: FitSpec, model: nn.Module, valid: TrialStore) -> Predictions:
    trials = range(min(len(valid), spec.training.validation_trials))
    settings = EvaluationConfig(ignore_ms=spec.training.burn_in_ms)
    return predictions(model, valid, trials, settings, spec.training.device)


def _train_columns(losses: list[torch.Tensor], norms: list[torch.Tensor]) -> dict[str, float]:
    means = torch.stack(losses).double().mean(dim=0).tolist()
    names = ("train_loss", "train_spike_loss", "train_soma_loss")
    norm = torch.stack(norms).double().mean().item()
    return dict(zip(names, means, strict=True)) | {"gradient_norm": norm}


def _check_finite(parts: torch.Tensor, norm: torch.Tensor, step: int, t: TrainingConfig) -> None:
    for name, value in (("loss", float(parts[0])), ("gradient", float(norm))):
        if not math.isfinite(value):
            raise NeuronIOError(
                f"the {name} is {value} at step {step} (learning rate "
                f"{learning_rate(t, step - 1):.2g}): lower learning_rate or gradient_clip, or "
                "check the data with `python -m simulation verify`"
            )


def _open_data(spec: FitSpec) -> tuple[TrialStore, TrialStore]:
    train = TrialStore(spec.train, spec.training.cache_mib)
    valid = TrialStore(spec.valid, spec.training.cache_mib)
    for store, split in ((train, "training"), (valid, "validation")):
        if store.n_synapses != spec.options.inputs:
            raise NeuronIOError(
                f"the {split} data has {store.n_synapses} synapses, but the model has inputs "
                f"{spec.options.inputs}; set inputs={store.n_synapses}"
            )
    if spec.training.burn_in_ms >= valid.duration_ms:
        raise NeuronIOError(
            f"burn_in_ms is {spec.training.burn_in_ms}, but validation trials last only "
            f"{valid.duration_ms} ms; take a shorter burn-in"
        )
    WindowSampler(train, 1, spec.training.window_ms, 1, spec.seed)
    seen = {shard["content_sha256"]: shard["file"] for shard in train.provenance()["files"]}
    for shard in valid.provenance()["files"]:
        if shard["content_sha256"] in seen:
            raise NeuronIOError(
                f"validation file {shard['file']} holds the same trials as training file "
                f"{seen[shard['content_sha256']]}; give other trials to validate on"
            )
    check_device(spec.training.device)
    return train, valid


def _claim_directory(spec: FitSpec, train: TrialStore, valid: TrialStore) -> dict[str, Any]:
    """Write config.json, or see that the one there is of this very fit."""
    config = {
        "format": 1,
        "model": spec.model,
        "size": spec.options.size,
        "options": option_values(spec.options),
        "seed": spec.seed,
        "training": spec.training.model_dump(),
        "target": SomaScale().as_dict(),
        "data": {"train": train.provenance(), "valid": valid.provenance()},
    }
    path = spec.out / "config.json"
    if path.exists():
        there = read_json(path)
        for key, value in config.items():
            if _essential(there.get(key)) != _essential(value):
                raise NeuronIOError(
                    f"{spec.out} holds another fit ({_difference(key, there.get(key), value)}); "
                    "delete it or give another directory"
                )
        return there
    document = config | {"versions": versions()}
    write_json(path, document)
    return document


def _essential(value: Any) -> Any:
    """A setting without what only says how fast it is computed."""
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k not in ("threads", "cache_mib")}
    return value


def _difference(key: str, there: Any, wanted: Any) -> str:
    """Where two settings part, in words."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        for name in {**there, **wanted}:
            if there.get(name) != wanted.get(name):
                return _difference(f"{key}.{name}", there.get(name), wanted.get(name))
    return f"{key} is {str(there)[:60]} there and {str(wanted)[:60]} here"


def _save(
    spec: FitSpec, model: nn.Module, optimizer: torch.optim.Optimizer, state: FitState
) -> None:
    document = {"model": copy_state(model), "optimizer": optimizer.state_dict(), **vars(state)}
    write_tensors(spec.out / "checkpoint.pt", document)
    write_history(spec.out / "history.csv", state.history)


def _resume(spec: FitSpec, model: nn.Module, optimizer: torch.optim.Optimizer) -> FitState:
    """Load the last checkpoint, if there is one, and return where it stands."""
    path = spec.out / "checkpoint.pt"
    if not path.exists():
        return FitState()
    document = read_tensors(path)
    try:
        load_weights(model, document.pop("model"), path)
        optimizer.load_state_dict(document.pop("optimizer"))
        return FitState(**document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NeuronIOError(f"{path} is not a checkpoint of this fit; delete it") from error


def _finish(
    spec: FitSpec, model: nn.Module, state: FitState, valid: TrialStore, config: dict
) -> dict[str, Any]:
    """Write the best weights and the summary, with the spike threshold of the validation data."""
    if not state.best_weights:
        raise NeuronIOError("no validation loss was finite; lower learning_rate or check the data")
    load_weights(model, state.best_weights, spec.out / "checkpoint.pt")
    write_tensors(spec.out / "best.pt", state.best_weights)
    write_history(spec.out / "history.csv", state.history)
    seen = _validation_predictions(spec, model, valid)
    waits = [row["data_wait_fraction"] for row in state.history]
    summary = {
        "model": spec.model,
        "size": spec.options.size,
        "seed": spec.seed,
        "parameters": model.count_parameters(),
        "multiply_adds_per_ms": model.count_multiply_adds(),
        "steps": state.step,
        "best_step": state.best_step,
        "validation": validation_columns(seen, spec.training.spike_weight),
        "spike_threshold_logit": best_threshold(seen.spikes, seen.logit),
        "training_seconds": round(state.seconds, 3),
        "data_wait_fraction": float(np.mean(waits)),
        "versions": config["versions"],
    }
    write_json(spec.out / "summary.json", summary)
    return summary


@contextmanager
def _progress_bar(spec: FitSpec, state: FitState, quiet: bool) -> Iterator:
    console = Console(stderr=True)
    columns = (
        TextColumn(f"{spec.model} {spec.options.size} seed {spec.seed}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  best AUC {task.fields[auc]}"),
        TimeRemainingColumn(),
    )
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden) as bar:
        task = bar.add_task("", total=spec.training.steps, loss=math.nan, auc="-")

        def advance(loss: float) -> None:
            auc = [row["valid_auc"] for row in state.history if row["valid_auc"] is not None]
            best = f"{max(auc):.4f}" if auc else "-"
            bar.update(task, completed=state.step, loss=loss, auc=best)

        yield advance
