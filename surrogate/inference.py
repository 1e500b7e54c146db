"""Whole trials through a fitted model.

In one pass from its first ms, a trial shows what the model would say of an ongoing input, with all
of its memory. The published protocol cuts it into windows that overlap by a burn-in, each from an
empty state, which forgets what is older than the burn-in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from neuronio.errors import NeuronIOError
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.protocol import Protocol, SomaScale
from neuronio.surrogate.store import TrialStore

MS_AT_ONCE = 48_000


def predict_trials(
    model: nn.Module,
    store: TrialStore,
    trials: Sequence[int],
    protocol: Protocol,
    device: str = "cpu",
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Predictions of whole trials, one trial at a time.

    Yields:
        trial, spike logit (T,) float32, soma voltage (T,) float32 in mV, further targets (T, V)
        float32 in the units of the fit.
    """
    was_training = model.training
    model.eval()
    try:
        if protocol.windows_ms is None:
            found = _streaming(model, store, trials, device)
        else:
            windows_ms = protocol.windows_ms
            found = ((i, _in_windows(model, store, i, windows_ms, device)) for i in trials)
        for trial, out_to in found:
            yield trial, out_to[:, 0], SomaScale().to_mV(out_to[:, 1]), out_to[:, 2:]
    finally:
        model.train(was_training)


def predictions(
    model: nn.Module,
    store: TrialStore,
    trials: Sequence[int],
    protocol: Protocol,
    device: str = "cpu",
    *,
    whole: bool = False,
) -> Predictions:
    """Predictions and truth of the given trials.

    Args:
        whole: keep the first `ignore_ms`, which are not scored.

    Raises:
        NeuronIOError: the trials end before scores begin, or an output is not finite.
    """
    check_scored(store, protocol)
    scored, scale = slice(0 if whole else protocol.ignore_ms, None), SomaScale()
    rows = []
    for trial, logit, soma, further in predict_trials(model, store, trials, protocol, device):
        truth = store[trial]
        if not (np.isfinite(logit).all() and np.isfinite(soma).all()):
            raise NeuronIOError(
                f"the model's outputs are not finite on trial {trial}: lower learning_rate or "
                "gradient_clip, and fit again"
            )
        row = [truth.spikes, logit, scale.clipped(truth.soma_mV), soma]
        if store.further:
            row += [store.further.in_mV(truth.further), store.further.in_mV(further)]
        rows.append([part[scored] for part in row])
    return Predictions(*(np.stack(parts) for parts in zip(*rows, strict=True)))


def check_scored(store: TrialStore, protocol: Protocol) -> None:
    """Reject trials that end before scores begin."""
    if protocol.ignore_ms >= store.duration_ms:
        raise NeuronIOError(
            f"ignore_ms is {protocol.ignore_ms}, but the trials last only {store.duration_ms} ms; "
            "ignore less or make longer trials"
        )


def _streaming(
    model: nn.Module, store: TrialStore, trials: Sequence[int], device: str
) -> Iterator[tuple[int, np.ndarray]]:
    size = max(1, MS_AT_ONCE // store.duration_ms)
    for group in (trials[i : i + size] for i in range(0, len(trials), size)):
        out_bto = _run(model, [store[trial].inputs for trial in group], device)
        yield from zip(group, out_bto, strict=True)


def _in_windows(
    model: nn.Module, store: TrialStore, trial: int, windows_ms: tuple[int, int], device: str
) -> np.ndarray:
    duration, (length, overlap) = store.duration_ms, windows_ms
    starts = range(0, max(1, duration - overlap), length - overlap)
    inputs = store[trial].inputs
    parts: list[tuple[int, np.ndarray]] = []
    whole = [start for start in starts if start + length <= duration]
    short = [start for start in starts if start not in whole]
    for group in (whole, short):
        if group:
            windows = [inputs.window(s, min(s + length, duration)) for s in group]
            parts += zip(group, _run(model, windows, device), strict=True)
    kept = [out_to[overlap if start else 0 :] for start, out_to in sorted(parts, key=_start)]
    return np.concatenate(kept)[:duration]


def _start(part: tuple[int, np.ndarray]) -> int:
    return part[0]


def _run(model: nn.Module, inputs: Sequence, device: str) -> np.ndarray:
    """The outputs of windows of one length, (B, T, outputs)."""
    with torch.no_grad():
        return model(EventBatch.from_inputs(inputs).to(device)).cpu().numpy()
