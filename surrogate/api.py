"""Fits, evaluations and predictions as plain functions: what `import neuronio` offers of them.

Paths may be strings; settings are keywords, named as in a configuration (config/README.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuronio.config import EvaluationConfig
from neuronio.conventions import IGNORE_MS
from neuronio.progress import Report, silent
from neuronio.sections import validate
from neuronio.surrogate import comparison
from neuronio.surrogate import evaluate as evaluation
from neuronio.surrogate import train as training_loop
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.fit_directory import FitSpec
from neuronio.surrogate.fit_settings import fitted_options
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.store import TrialStore, shard_paths
from neuronio.training import TrainingConfig

Paths = str | Path | Sequence[str | Path]


class Count(NamedTuple):
    """Cost of a model: learned numbers, multiply-adds per ms of input, and numbers remembered.

    `state_size` is how many it keeps from one ms to the next; None if it takes whole windows only.
    """

    parameters: int
    multiply_adds_per_ms: int
    state_size: int | None


def count(model: str, size: int | None = None, **options: Any) -> Count:
    """Parameters, multiply-adds per ms and size of the state of a model that is not fitted.

    >>> neuronio.count("branch_elm", 20)
    Count(parameters=8002, multiply_adds_per_ms=8025, state_size=65)

    Args:
        model: name of a surrogate, such as those that `neuronio count` lists.
        size: memory units of an ELM, width of a TCN, hidden units, ...
        options: of the model, such as `inputs` (1278 synapses where left out).

    Raises:
        NeuronIOError: the model or an option does not exist, or a value does not fit it.
    """
    built = build_model(model, sized_options(model, size, options))
    return Count(built.count_parameters(), built.count_multiply_adds(), built.state_size())


def fit(
    model: str,
    train: Paths,
    valid: Paths,
    out: str | Path,
    *,
    size: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    ignore_ms: int = IGNORE_MS,
    progress: Report = silent,
    **training: Any,
) -> dict[str, Any]:
    """Fit a surrogate to shards, or go on with a fit that was interrupted.

    >>> summary = neuronio.fit(
    ...     "linear", "train.h5", "valid.h5", "my_fit", size=2,
    ...     steps=4, validate_every=2, window_ms=100, burn_in_ms=20, ignore_ms=100,
    ... )
    >>> summary["parameters"], summary["steps"]
    (53, 4)

    Args:
        model: name of a surrogate.
        train, valid: shards, or folders of shards, to fit on and to choose the best weights by.
        out: fit directory; `load_model` reads it.
        size: memory units of an ELM, width of a TCN, hidden units, ...
        seed: of the first weights and of the windows.
        options: of the model other than its size; its inputs follow from the data.
        ignore_ms: start of every trial that is neither trained nor validated on, ms.
        progress: told of every step.
        training: settings such as steps, batch_size, window_ms (ms) and learning_rate.

    Returns:
        The summary: parameters, best step, validation scores, seconds.

    Raises:
        NeuronIOError: data, model and settings do not fit together, or the loss became infinite.
    """
    train_files, valid_files = shard_paths(train), shard_paths(valid)
    settings = validate(TrainingConfig, training, "training")
    inputs = TrialStore(train_files).n_synapses
    chosen = fitted_options(model, size, options or {}, settings, inputs)
    spec = FitSpec(model, chosen, seed, settings, train_files, valid_files, Path(out), ignore_ms)
    return training_loop.fit(spec, progress=progress)


def evaluate(
    model: str | Path,
    data: Paths,
    *,
    valid: Paths = (),
    device: str = "cpu",
    **settings: Any,
) -> dict[str, Any]:
    """Scores of a model on shards that it was not fitted to, with intervals over trials.

    >>> document = neuronio.evaluate("fits/linear-2-seed0", "test.h5", ignore_ms=100, bootstrap=50)
    >>> sorted(document["scores"]["auc"])
    ['high', 'low', 'value']

    Args:
        model: a fit directory, or a folder with published ELM weights.
        data: shards, or folders of shards, to report on.
        valid: shards on which to choose the spike threshold instead of the fit's own.
        device: 'cpu' or 'cuda'.
        settings: such as mode, ignore_ms (ms), bootstrap and confidence.

    Returns:
        A JSON-like document: model, data, settings, scores (value, low, high), reference (what
        chance and a constant voltage score), versions.

    Raises:
        NeuronIOError: model and data do not fit, or no trial is left to score.
    """
    chosen = validate(EvaluationConfig, settings, "evaluation")
    return evaluation.evaluate(
        Path(model), shard_paths(data), chosen, valid=shard_paths(valid), device=device
    )


def compare_fits(
    a: str | Path,
    b: str | Path,
    data: Paths,
    *,
    valid: Paths = (),
    device: str = "cpu",
    **settings: Any,
) -> dict[str, Any]:
    """Two models on the same trials: the difference b - a of every score, with paired intervals.

    >>> document = neuronio.compare_fits(
    ...     "fits/linear-2-seed0", "fits/linear-2-seed1", "test.h5", ignore_ms=100, bootstrap=50
    ... )
    >>> sorted(document["scores"]["auc"])
    ['a', 'b', 'difference', 'excludes_0', 'high', 'low']

    Args:
        a, b: fit directories, or folders with published ELM weights.
        data, valid, device, settings: as in `evaluate`.

    Returns:
        A JSON-like document: both models, data, settings, scores, versions.

    Raises:
        NeuronIOError: a model and the data do not fit, or no trial is left to score.
    """
    chosen = validate(EvaluationConfig, settings, "evaluation")
    return comparison.compare_fits(
        Path(a), Path(b), shard_paths(data), chosen, valid=shard_paths(valid), device=device
    )


def predict(
    model: str | Path, data: Paths, trial: int = 0, *, device: str = "cpu", **settings: Any
) -> dict[str, np.ndarray]:
    """One trial predicted from its first ms to its last, beside the truth.

    >>> prediction = neuronio.predict("fits/linear-2-seed0", "test.h5", trial=1)
    >>> prediction["soma_mV"].shape, prediction["true_spikes"].dtype
    ((400,), dtype('bool'))

    Args:
        model, data, device, settings: as in `evaluate`.
        trial: counted from 0 over the shards.

    Returns:
        (T,) arrays of T ms: `spike_logit`, `spike_probability`, `soma_mV` (predicted),
        `true_soma_mV` (clipped at -55 mV), `true_spikes` (bool).

    Raises:
        NeuronIOError: the trial does not exist, or the data does not fit the model.
    """
    chosen = validate(EvaluationConfig, settings, "evaluation")
    return evaluation.predict_one(Path(model), shard_paths(data), trial, chosen, device)
