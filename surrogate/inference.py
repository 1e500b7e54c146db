"""Whole trials through a fitted model.

`streaming` runs each trial in one pass from its first ms: what the model would say of an ongoing
input, with all of its memory, and the default. `published` cuts trials into windows that overlap
by a burn-in, each from an empty state, which forgets what is older than the burn-in; it is there
to compare with published figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from neuronio.config import EvaluationConfig
from neuronio.errors import NeuronIOError
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.metrics import Predictions
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.store import TrialStore

MS_AT_ONCE = 48_000


def predict_trials(
    model: nn.Module,
    store: TrialStore,
    trials: Sequence[int],
    settings: EvaluationConfig,
    device: str = "cpu",
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Predictions of whole trials, one trial at a time.

    Yields:
        trial, spike logit (T,) float32, soma voltage (T,) float32 in mV.
    """
    was_training = model.training
    model.eval()
    try:
        if settings.mode == "streaming":
            yield from _streaming(model, store, trials, device)
        else:
            for trial in trials:
                yield trial, *_in_windows(model, store, trial, settings, device)
    finally:
        model.train(was_training)


def predictions(
    model: nn.Module,
    store: TrialStore,
    trials: Sequence[int],
    settings: EvaluationConfig,
    device: str = "cpu",
) -> Predictions:
    """Predictions and truth of the given trials, without their first `ignore_ms`.

    Raises:
        NeuronIOError: nothing is left after `ignore_ms`.
    """
    if settings.ignore_ms >= store.duration_ms:
        raise NeuronIOError(
            f"ignore_ms is {settings.ignore_ms}, but the trials last only {store.duration_ms} ms; "
            "ignore less or make longer trials"
        )
    scored, scale = slice(settings.ignore_ms, None), SomaScale()
    spikes, logits, soma, predicted = [], [], [], []
    for trial, logit, voltage in predict_trials(model, store, trials, settings, device):
        spikes.append(store[trial].spikes[scored])
        soma.append(scale.clipped(store[trial].soma_mV[scored]))
        logits.append(logit[scored])
        predicted.append(voltage[scored])
    return Predictions(*(np.stack(rows) for rows in (spikes, logits, soma, predicted)))


def _streaming(
    model: nn.Module, store: TrialStore, trials: Sequence[int], device: str
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    size = max(1, MS_AT_ONCE // store.duration_ms)
    for group in (trials[i : i + size] for i in range(0, len(trials), size)):
        outputs = _run(model, [store[trial].inputs for trial in group], device)
        yield from zip(group, *outputs, strict=True)


def _in_windows(
    model: nn.Module, store: TrialStore, trial: int, settings: EvaluationConfig, device: str
) -> tuple[np.ndarray, np.ndarray]:
    duration, overlap = store.duration_ms, settings.overlap_ms
    starts = range(0, max(1, duration - overlap), settings.window_ms - overlap)
    inputs = store[trial].inputs
    logit, soma = np.empty((2, duration), dtype=np.float32)
    whole = [start for start in starts if start + settings.window_ms <= duration]
    short = [start for start in starts if start not in whole]
    for group in (whole, short):
        if not group:
            continue
        windows = [inputs.window(s, min(s + settings.window_ms, duration)) for s in group]
        for start, *outputs in zip(group, *_run(model, windows, device), strict=True):
            skip = overlap if start else 0
            for trace, output in zip((logit, soma), outputs, strict=True):
                trace[start + skip : start + settings.window_ms] = output[skip:]
    return logit, soma


def _run(model: nn.Module, inputs: Sequence, device: str) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        logit, soma = model(EventBatch.from_inputs(inputs).to(device))
    return logit.cpu().numpy(), SomaScale().to_mV(soma.cpu().numpy())
