"""Windows of trials: what a fit is fed with.

Nothing is read before it is needed, trials stay event lists, and a batch depends on nothing but
(seed, epoch, step): not on the number of workers, nor on what was drawn before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuronio.errors import NeuronIOError
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.store import Trial, TrialStore

POOL = 256
FIRST_POOL = 32
WINDOWS_PER_TRIAL = 8


@dataclass(frozen=True)
class WindowBatch:
    """Windows with their targets.

    Attributes:
        events: input spikes of B windows of T ms.
        spikes: (B, T) float32, 1 where the neuron spikes.
        voltages: (B, T, 1 + V) float32, soma voltage and V further targets in target units.
    """

    events: EventBatch
    spikes: Tensor
    voltages: Tensor

    def to(self, device: torch.device | str) -> WindowBatch:
        """The same batch on another device."""
        if str(device) == "cpu":
            return self
        spikes, voltages = self.spikes.to(device), self.voltages.to(device)
        return WindowBatch(self.events.to(device), spikes, voltages)


def window_batch(trials: Sequence[Trial], starts: Iterable[int], window_ms: int) -> WindowBatch:
    """A batch of the windows [start, start + window_ms) of the given trials."""
    spans = [(int(start), int(start) + window_ms) for start in starts]
    scale = SomaScale()
    inputs = [trial.inputs.window(*span) for trial, span in zip(trials, spans, strict=True)]
    spikes = [trial.spikes[slice(*span)] for trial, span in zip(trials, spans, strict=True)]
    soma = [trial.soma_mV[slice(*span)] for trial, span in zip(trials, spans, strict=True)]
    further = [trial.further[slice(*span)] for trial, span in zip(trials, spans, strict=True)]
    soma_bt1 = scale.target(np.stack(soma))[..., None]
    return WindowBatch(
        EventBatch.from_inputs(inputs),
        torch.from_numpy(np.stack(spikes).astype(np.float32)),
        torch.from_numpy(np.concatenate([soma_bt1, np.stack(further)], axis=2)),
    )


@dataclass(frozen=True)
class WindowSampler:
    """Random windows, drawn anew for every (seed, epoch, step), all after `ignore_ms`.

    Trials come from a pool of at most `POOL` that moves through an endless shuffled list of all
    trials, slowly enough that a trial gives `WINDOWS_PER_TRIAL` windows on average before it
    leaves: trials are then read that much more seldom, however small the memory for them is. The
    pool begins with `FIRST_POOL` trials and grows by one a step, so that a fit need not wait until
    it is full. Of `POOL` trials or fewer, all stay in it.

    Raises:
        NeuronIOError: the window is longer than the trials.
    """

    store: TrialStore
    batch_size: int
    window_ms: int
    steps_per_epoch: int
    seed: int
    ignore_ms: int = 0

    def __post_init__(self):
        left_ms = self.store.duration_ms - self.ignore_ms
        if self.window_ms > left_ms:
            raise NeuronIOError(
                f"window_ms is {self.window_ms}, but of the trials' {self.store.duration_ms} ms "
                f"only {max(0, left_ms)} come after ignore_ms ({self.ignore_ms}); take a shorter "
                "window or ignore less"
            )

    def draw(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Trials (B,) and window starts (B,) of a step that counts from 0 over all epochs."""
        rng = self._rng(*divmod(step, self.steps_per_epoch))
        n_starts = self.store.duration_ms - self.window_ms - self.ignore_ms + 1
        starts = self.ignore_ms + rng.integers(n_starts, size=self.batch_size)
        n_trials = len(self.store)
        first = step * self.batch_size // WINDOWS_PER_TRIAL if n_trials > POOL else 0
        pool = min(POOL, n_trials, FIRST_POOL + step)
        position = first + rng.integers(pool, size=self.batch_size)
        round_, place = np.divmod(position, n_trials)
        shuffled = {r: self._shuffled(r) for r in np.unique(round_).tolist()}
        trials = [shuffled[r][i] for r, i in zip(round_.tolist(), place, strict=True)]
        return np.array(trials), starts

    def batch(self, step: int) -> WindowBatch:
        """The batch of a step."""
        trials, starts = self.draw(step)
        return window_batch([self.store[int(i)] for i in trials], starts, self.window_ms)

    def _shuffled(self, round_: int) -> np.ndarray:
        """All trials in the order of a round of the shuffled list."""
        return self._rng(round_).permutation(len(self.store))

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
