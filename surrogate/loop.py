"""The loop of every fit: seeded, repeatable, and resumed after a kill.

What a model is fitted to is a `Task`; it makes the batches, the loss and the validation. The same
task on the same machine and thread count gives the same weights to the last bit, whether or not it
was interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from neuronio.errors import NeuronIOError
from neuronio.files import write_csv
from neuronio.progress import Report
from neuronio.surrogate.checkpoint import (
    FitState,
    copy_state,
    load_weights,
    save_checkpoint,
    write_tensors,
)
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.prefetch import Prefetcher

WORKERS = 1
GPU_CHECK_EVERY = 64  # steps between looks at the loss where a look makes the GPU wait
IN_A_ROW = 10  # steps without a finite gradient that stop a fit

Columns = dict[str, Any]


class Batch(Protocol):
    """What a step is computed from."""

    def to(self, device: str) -> Any:
        """The same on another device."""


class Task(Protocol):
    """What a model is fitted to.

    Attributes:
        advice: what to check where a loss is not finite.
    """

    advice: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of the loss in the history, the whole first."""

    def batch(self, step: int) -> Batch:
        """The batch of a step; depends on nothing else."""

    def loss(self, model: Surrogate, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """What is minimised, and its parts for the record, (parts,), cut from the graph."""

    def validate(self, model: Surrogate) -> tuple[Columns, float | None]:
        """Columns of the history, with `valid_loss`, and what the best weights make least."""

    def told(self, columns: Columns) -> str:
        """A few words of the latest validation, for the progress."""


@dataclass(frozen=True)
class Schedule:
    """How often and how fast.

    Attributes:
        steps, validate_every: of the optimiser.
        rate: learning rate of a step counted from 0.
        gradient_clip: largest norm of the whole gradient.
        device: 'cpu' or 'cuda'.
    """

    steps: int
    validate_every: int
    rate: Callable[[int], float]
    gradient_clip: float
    device: str


@dataclass
class Run:
    """A fit in progress, in the directory `out`."""

    out: Path
    task: Task
    schedule: Schedule
    model: Surrogate
    optimizer: torch.optim.Optimizer
    state: FitState


def train(run: Run, progress: Report) -> None:
    """Go from the state's step to the last one.

    Args:
        progress: told of every step, after the checkpoint where one is due.

    Raises:
        NeuronIOError: the loss is no longer finite, or the disk refuses.
    """
    plan, state = run.schedule, run.state
    feed = Prefetcher(run.task.batch, range(state.step, plan.steps), WORKERS)
    measured, began, waited, loss = [], time.perf_counter(), 0.0, math.nan
    run.model.train()
    with closing(iter(feed)) as batches:
        for batch in batches:
            measured.append(_step(run, batch.to(plan.device), plan.rate(state.step)))
            state.step += 1
            due = state.step % plan.validate_every == 0 or state.step == plan.steps
            if due or plan.device == "cpu" or state.step % GPU_CHECK_EVERY == 0:
                _check_finite(run, measured)
                loss = float(measured[-1][0])
            if due:
                spent, idle = time.perf_counter() - began, feed.waited_s - waited
                state.seconds += spent
                row = {"step": state.step, "learning_rate": plan.rate(state.step - 1)}
                row |= _train_columns(run, measured) | _validate(run)
                row |= {"seconds": round(state.seconds, 3), "data_wait_fraction": idle / spent}
                state.history.append(row)
                save_checkpoint(run.out, run.model, run.optimizer, state)
                measured, began, waited = [], time.perf_counter(), feed.waited_s
            told = run.task.told(state.history[-1]) if state.history else "not validated yet"
            progress(state.step, plan.steps, f"loss {loss:.4f}, {told}")


def finish(run: Run) -> Columns:
    """Put the best weights into the model and write them; what every summary says of a fit."""
    state = run.state
    load_weights(run.model, state.best_weights, run.out / "checkpoint.pt")
    write_tensors(run.out / "best.pt", state.best_weights)
    write_csv(run.out / "history.csv", state.history)
    waits = [row["data_wait_fraction"] for row in state.history]
    return {
        "parameters": run.model.count_parameters(),
        "steps": state.step,
        "best_step": state.best_step,
        "training_seconds": round(state.seconds, 3),
        "data_wait_fraction": float(np.mean(waits)),
    }


def _step(run: Run, batch: Any, rate: float) -> torch.Tensor:
    """One optimiser step; returns the parts of the loss and the norm of the gradient."""
    trained = []
    for group in run.optimizer.param_groups:
        group["lr"] = rate
        trained += group["params"]
    loss, parts = run.task.loss(run.model, batch)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(trained, run.schedule.gradient_clip)
    for parameter in trained:
        # Of a norm that is not finite clipping leaves 0 and NaN. Nothing is learned from the step;
        # weights go on by what the optimiser holds of those before.
        if parameter.grad is not None:
            parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
    run.optimizer.step()
    return torch.cat([parts, norm.detach()[None]])


def _validate(run: Run) -> Columns:
    """Score the validation data; keep the weights if their score is the smallest so far.

    Raises:
        NeuronIOError: the loss is not finite.
    """
    state = run.state
    columns, found = run.task.validate(run.model)
    loss = columns["valid_loss"]
    if found is None or loss is None or not math.isfinite(found + loss):
        raise NeuronIOError(
            f"the validation loss is {loss} at step {state.step}: lower learning_rate, or "
            f"{run.task.advice}"
        )
    if found < state.best_score:
        state.best_score, state.best_step = found, state.step
        state.best_weights = copy_state(run.model)
        write_tensors(run.out / "best.pt", state.best_weights)
    return columns


def _train_columns(run: Run, measured: list[torch.Tensor]) -> dict[str, float]:
    found = torch.stack(measured).double()
    norm = found[:, -1]
    columns = {f"train_{part}": float(found[:, i].mean()) for i, part in enumerate(run.task.parts)}
    columns["gradient_norm"] = float(norm[norm.isfinite()].mean())
    columns["steps_left_out"] = int((~norm.isfinite()).sum())
    return columns


def _check_finite(run: Run, measured: list[torch.Tensor]) -> None:
    """Stop where the loss is not finite, or the gradient has not been for long.

    Through hundreds of steps back in time a gradient explodes now and then; a step of which it
    overflows is left out and counted.
    """
    step, few = run.state.step, min(IN_A_ROW, run.schedule.validate_every)
    fault, loss, last = "", float(measured[-1][0]), measured[-few:]
    if not math.isfinite(loss):
        fault = f"the loss is {loss} at step {step}"
    elif len(last) == few and not any(math.isfinite(float(parts[-1])) for parts in last):
        fault = f"the gradient is not finite in {len(last)} steps on end, the last of them {step}"
    if fault:
        raise NeuronIOError(
            f"{fault} (learning rate {run.schedule.rate(step - 1):.2g}): lower learning_rate or "
            f"gradient_clip, or {run.task.advice}"
        )
