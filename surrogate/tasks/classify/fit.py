"""Fitting a model to labelled sequences: cross-entropy at the last step (the loop is loop.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from neuronio.classification import ClassifierTraining
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_json
from neuronio.progress import Report, silent
from neuronio.recipe import made_with
from neuronio.surrogate.checkpoint import claimed, resume
from neuronio.surrogate.device import check_device, threads_of_torch
from neuronio.surrogate.families import ModelOptions, option_values
from neuronio.surrogate.loop import Columns, Run, Schedule, finish, train
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.soap import Soap
from neuronio.surrogate.tasks.classify.batches import BatchSampler, SequenceBatch, in_turn
from neuronio.surrogate.tasks.classify.pairs import build_classifier
from neuronio.surrogate.tasks.classify.recipes import PACKAGES, TASK, classifier_recipe
from neuronio.surrogate.tasks.classify.source import Source

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamax": torch.optim.Adamax,
    "soap": Soap,
}
ABOUT = ("task", "bin_ms", "classes", "rows_per_label")
"""What config.json says of the samples."""


@dataclass(frozen=True)
class ClassifierSpec:
    """Everything that a fit depends on.

    Attributes:
        model: name of the model.
        options: its options (`classifier_options`).
        seed: of the first weights, the order of samples, and the dropout.
        training: settings of the loop.
        train, valid: what to fit on, and what to choose the best weights by.
        out: the fit directory.
    """

    model: str
    options: ModelOptions
    seed: int
    training: ClassifierTraining
    train: Source
    valid: Source
    out: Path


@dataclass(frozen=True)
class ClassTask:
    """The classes of sequences, as what a model is fitted to (loop.Task)."""

    spec: ClassifierSpec
    parts = ("loss", "accuracy")
    advice = "check the data"

    @cached_property
    def _sampler(self) -> BatchSampler:
        t = self.spec.training
        return BatchSampler(self.spec.train, t.batch_size, self.spec.seed, t.input_dropout)

    def batch(self, step: int) -> SequenceBatch:
        """Sequences of about one length."""
        return self._sampler.batch(step)

    def loss(self, model: Surrogate, batch: SequenceBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy of a batch, nats, and the share that is right."""
        logit_bc = model.at_last(batch.events)
        smoothing = self.spec.training.label_smoothing
        loss = cross_entropy(logit_bc, batch.label, label_smoothing=smoothing)
        right = (logit_bc.detach().argmax(1) == batch.label).float().mean()
        return loss, torch.stack([loss.detach(), right])

    def validate(self, model: Surrogate) -> tuple[Columns, float | None]:
        """Cross-entropy and accuracy of the validation samples."""
        t, valid = self.spec.training, self.spec.valid
        logit_sc, label_s = predicted(model, valid, t.device)
        columns = {f"valid_{name}": value for name, value in points(logit_sc, label_s).items()}
        if t.select_by == "loss":
            return columns, columns["valid_loss"]
        return columns, 1.0 - columns["valid_accuracy"]

    def told(self, columns: Columns) -> str:
        """The latest accuracy."""
        return f"validation accuracy {columns['valid_accuracy']:.4f}"


def predicted(
    model: Surrogate, source: Source, device: str, dropout: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (S, classes) and labels (S,) of all samples.

    Raises:
        NeuronIOError: a logit is not finite.
    """
    logit_sc = np.zeros((len(source), source.about.classes), np.float32)
    label_s = np.zeros(len(source), np.int64)
    was_training = model.training
    model.eval()
    try:
        for samples, batch in in_turn(source, dropout, seed):
            with torch.no_grad():
                logit_sc[samples] = model.at_last(batch.to(device).events).cpu().numpy()
            label_s[samples] = batch.label.numpy()
    finally:
        model.train(was_training)
    if not np.isfinite(logit_sc).all():
        raise NeuronIOError(
            "the model's outputs are not finite: lower learning_rate or gradient_clip, and fit "
            "again"
        )
    return logit_sc, label_s


def points(logit_sc: np.ndarray, label_s: np.ndarray) -> dict[str, float]:
    """Mean cross-entropy, nats, and accuracy."""
    right_s, loss_s = of_samples(logit_sc, label_s)
    return {"loss": float(loss_s.mean()), "accuracy": float(right_s.mean())}


def of_samples(logit_sc: np.ndarray, label_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each sample is right, 1.0 or 0.0, and its cross-entropy, nats; (S,) each."""
    logit = logit_sc.astype(np.float64)
    own_s = np.take_along_axis(logit, label_s[:, None], axis=1)[:, 0]
    right_s = (logit.argmax(axis=1) == label_s).astype(np.float64)
    return right_s, np.logaddexp.reduce(logit, axis=1) - own_s


def fit_classifier(spec: ClassifierSpec, *, progress: Report = silent) -> dict[str, Any]:
    """Fit a classifier, or go on with one that was interrupted; returns its summary.

    Args:
        spec: what to fit, on what, and where to.
        progress: told of every step, after the checkpoint where one is due.

    Raises:
        NeuronIOError: the data does not fit the model, the directory holds another fit, the loss
            is no longer finite, or the disk refuses.
    """
    _check(spec)
    config = _claim(spec)
    if (spec.out / "summary.json").exists():
        return read_json(spec.out / "summary.json")
    with threads_of_torch(spec.training.threads):
        return _fit(spec, config, progress)


def _fit(spec: ClassifierSpec, config: dict[str, Any], progress: Report) -> dict[str, Any]:
    t = spec.training
    about = spec.train.about
    model = build_classifier(
        spec.model, spec.options, about.rows_per_label, about.classes, seed=spec.seed
    ).to(t.device)
    optimizer = OPTIMIZERS[t.optimizer](model.parameters(), lr=t.learning_rate)
    per_epoch = -(-len(spec.train) // t.batch_size)  # the last step may have fewer samples
    steps = t.epochs * per_epoch
    schedule = Schedule(
        steps,
        max(1, per_epoch // t.validations),
        lambda step: rate(t, step, steps),
        t.gradient_clip,
        t.device,
    )
    state = resume(spec.out, model, optimizer)
    run = Run(spec.out, ClassTask(spec), schedule, model, optimizer, state)
    train(run, progress)
    return _finish(run, spec, config)


def rate(training: ClassifierTraining, step: int, steps: int) -> float:
    """Learning rate of a step of so many, counted from 0: a rise, and a cosine to 0."""
    risen = min(1.0, (step + 1) / (training.warm_up_steps + 1))
    return 0.5 * risen * training.learning_rate * (1.0 + math.cos(math.pi * step / steps))


def _check(spec: ClassifierSpec) -> None:
    """Reject data that does not fit the model or itself."""
    check_device(spec.training.device)
    if spec.seed < 0:
        raise NeuronIOError(f"seed is {spec.seed}; give 0 or more")
    train, valid = spec.train.about, spec.valid.about
    for key in ("rows_per_label", "classes"):
        if getattr(valid, key) != getattr(train, key):
            raise NeuronIOError(
                f"{valid.task}, {valid.split}: {key} is {getattr(valid, key)}, but of the training "
                f"samples it is {getattr(train, key)}; give samples of one kind"
            )
    for about in (train, valid):
        options, where = spec.options, f"{about.task}, {about.split}"
        wanted: dict[str, float] = {"inputs": about.channels}
        wanted |= {"signed": False, "step_ms": about.bin_ms or 1.0}
        wanted |= {"outputs": about.classes} if about.rows_per_label == 1 else {}
        for key, value in wanted.items():
            if getattr(options, key) != value:
                raise NeuronIOError(
                    f"{where}: {key} of the model is {getattr(options, key)} but must be {value}"
                )
    if spec.train.name() == spec.valid.name():
        raise NeuronIOError(
            f"{spec.valid.about.task}: the validation samples are the training samples; give others"
        )


def _claim(spec: ClassifierSpec) -> dict[str, Any]:
    options = option_values(spec.options)
    data = {split: getattr(spec, split).name() for split in ("train", "valid")}
    document = {
        "format": 1,
        "task": TASK,
        "about": {key: getattr(spec.train.about, key) for key in ABOUT},
        "model": spec.model,
        "size": spec.options.size,
        "options": options,
        "seed": spec.seed,
        "training": spec.training.model_dump(),
        "samples": {"train": len(spec.train), "valid": len(spec.valid)},
        "recipe": classifier_recipe(spec.model, options, spec.seed, spec.training, data),
        **made_with(*PACKAGES),
    }
    return claimed(spec.out, document)


def _finish(run: Run, spec: ClassifierSpec, config: dict[str, Any]) -> dict[str, Any]:
    done = finish(run)
    logit_sc, label_s = predicted(run.model, spec.valid, spec.training.device)
    summary = {
        "task": TASK,
        "model": spec.model,
        "size": spec.options.size,
        "seed": spec.seed,
        **done,
        "multiply_adds_per_step": run.model.count_multiply_adds(),
        "validation": points(logit_sc, label_s),
        "versions": config["versions"],
    }
    write_json(spec.out / "summary.json", summary)
    return summary
