"""Fitting a surrogate to trials: spikes and voltages.

Recipe: Spieler et al. (ICLR 2024): random windows, loss after a burn-in, Adam, learning rate to 0
along a cosine, clipped gradients (the loop itself is loop.py). Ours alone: output biases that
begin at the data's means (`start_at_means`), and SOAP in Adam's place (`Soap`).
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from neuronio.files import write_json
from neuronio.progress import Report, silent
from neuronio.surrogate.checkpoint import read_record, resume
from neuronio.surrogate.device import threads_of_torch
from neuronio.surrogate.fit_directory import FitSpec, claim_directory, open_data
from neuronio.surrogate.further_targets import FurtherTargets
from neuronio.surrogate.inference import predictions
from neuronio.surrogate.loop import Columns, Run, Schedule, finish, train
from neuronio.surrogate.losses import surrogate_loss
from neuronio.surrogate.matching import best_threshold
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.points import Predictions, point_scores
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.soap import Soap
from neuronio.surrogate.store import TrialStore
from neuronio.surrogate.windows import WindowBatch, WindowSampler
from neuronio.training import TrainingConfig

__all__ = ["FitSpec", "fit"]


@dataclass(frozen=True)
class TrialTask:
    """Spikes and voltages of trials, as what a model is fitted to (loop.Task)."""

    spec: FitSpec
    train: TrialStore
    valid: TrialStore
    parts = ("loss", "spike_loss", "soma_loss")
    advice = "check the data with `neuronio verify`"

    @cached_property
    def _sampler(self) -> WindowSampler:
        spec, t = self.spec, self.spec.training
        return WindowSampler(
            self.train, t.batch_size, t.window_ms, t.validate_every, spec.seed, spec.ignore_ms
        )

    def batch(self, step: int) -> WindowBatch:
        """Random windows."""
        return self._sampler.batch(step)

    def loss(self, model: Surrogate, batch: WindowBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a batch after the burn-in."""
        t = self.spec.training
        loss = surrogate_loss(
            model(batch.events),
            batch.spikes,
            batch.voltages,
            burn_in_ms=t.burn_in_ms,
            spike_weight=t.spike_weight,
        )
        return loss.total, loss.parts()

    def validate(self, model: Surrogate) -> tuple[Columns, float | None]:
        """The loss and the scores of the validation trials; the best has the least loss or RMSE.

        Of spikes and soma: validation trials may lack what further targets are made of.
        """
        t = self.spec.training
        columns = validation_columns(self.predictions(model), t.spike_weight)
        return columns, columns["valid_loss" if t.select_by == "loss" else "valid_soma_rmse_mV"]

    def predictions(self, model: Surrogate) -> Predictions:
        """Of the validation trials."""
        t = self.spec.training
        trials = range(min(len(self.valid), t.validation_trials))
        return predictions(model, self.valid, trials, self.spec.protocol, t.device)

    def told(self, columns: Columns) -> str:
        """The latest AUC."""
        auc = columns["valid_auc"]
        return f"validation AUC {'undefined' if auc is None else f'{auc:.4f}'}"


def fit(spec: FitSpec, *, progress: Report = silent) -> dict[str, Any]:
    """Fit a surrogate, or go on with one that was interrupted; returns its summary.

    Args:
        spec: what to fit, on what, and where to.
        progress: told of every step, after the checkpoint where one is due.

    Raises:
        NeuronIOError: the data does not fit the model, the directory holds another fit, the loss
            is no longer finite, or the disk refuses.
    """
    trials, valid, further = open_data(spec)
    config = claim_directory(spec, trials, valid)
    if further and not FurtherTargets.there(spec.out):  # their last bits depend on the threads
        further.save(spec.out)
    if (spec.out / "summary.json").exists():
        return read_record(spec.out / "summary.json")
    with threads_of_torch(spec.training.threads):
        return _fit(spec, trials, valid, config, progress)


def _fit(
    spec: FitSpec,
    trials: TrialStore,
    valid: TrialStore,
    config: dict[str, Any],
    progress: Report,
) -> dict[str, Any]:
    t = spec.training
    model = build_model(spec.model, spec.options, seed=spec.seed).to(t.device)
    start_at_means(model, trials)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = make_optimizer(t, trained)
    schedule = Schedule(
        t.steps, t.validate_every, lambda step: learning_rate(t, step), t.gradient_clip, t.device
    )
    task, state = TrialTask(spec, trials, valid), resume(spec.out, model, optimizer)
    run = Run(spec.out, task, schedule, model, optimizer, state)
    with closing(trials), closing(valid):
        train(run, progress)
        return _finish(spec, task, run, config)


def make_optimizer(training: TrainingConfig, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser that a configuration names."""
    if training.optimizer == "soap":
        return Soap(weights, lr=training.learning_rate)
    return torch.optim.Adam(weights, lr=training.learning_rate, fused=True)


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


def learning_rate(training: TrainingConfig, step: int) -> float:
    """Learning rate of a step counted from 0: a cosine from `learning_rate` to 0."""
    return 0.5 * training.learning_rate * (1.0 + math.cos(math.pi * step / training.steps))


def validation_columns(seen: Predictions, spike_weight: float) -> dict[str, float | None]:
    """The loss of predictions of spikes and soma, its parts, and their scores."""
    logit = seen.logit.astype(np.float64)
    spike = float(np.mean(np.logaddexp(0.0, logit) - logit * seen.spikes))
    error = (seen.predicted_mV - seen.soma_mV).astype(np.float64) * SomaScale().scale
    soma = float(np.mean(error**2))
    loss = spike_weight * spike + (1.0 - spike_weight) * soma
    columns = {"loss": loss, "spike_loss": spike, "soma_loss": soma, **point_scores(seen)}
    return {f"valid_{name}": value for name, value in columns.items()}


def _finish(spec: FitSpec, task: TrialTask, run: Run, config: dict[str, Any]) -> dict[str, Any]:
    """Write the best weights and the summary, with the spike threshold of the validation data."""
    done = finish(run)
    seen = task.predictions(run.model)
    summary = {
        "model": spec.model,
        "size": spec.options.size,
        "seed": spec.seed,
        **done,
        "multiply_adds_per_ms": run.model.count_multiply_adds(),
        "exposure_s": spec.training.exposure_s,
        "validation": validation_columns(seen, spec.training.spike_weight),
        "spike_threshold_logit": best_threshold(seen.spikes, seen.logit),
        "versions": config["versions"],
    }
    write_json(spec.out / "summary.json", summary)
    return summary
