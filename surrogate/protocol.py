"""What a surrogate is asked for, and who is scored, from when and how.

Ours: every trial in one pass, after `ignore_ms`, raw. The published protocol (Spieler et al. 2024
and its code; Beniaguev et al. 2021) leaves out trials with more than 24 output spikes, cuts the
others into windows of 500 ms that overlap by a burn-in of 150 ms, each from an empty state, and
has soma scores after rescaling besides (`legacy` columns; metrics.py). All constants are in
neuronio/conventions.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from neuronio.config import EvaluationConfig
from neuronio.conventions import (
    BIN_SHIFT_MS,
    BUSY_SPIKES,
    SOMA_CLIP_MV,
    SOMA_SCALE,
    SOMA_SHIFT_MV,
)
from neuronio.errors import NeuronIOError


@dataclass(frozen=True)
class SomaScale:
    """Soma voltage in the units that models are fitted in: (min(V, clip) + shift) * scale.

    The published rule (Spieler et al. 2024): clipped at -55 mV so that spikes do not dominate,
    shifted by 67.7 mV, a tenth of it.
    """

    clip_mV: float = SOMA_CLIP_MV
    shift_mV: float = SOMA_SHIFT_MV
    scale: float = SOMA_SCALE

    def clipped(self, soma_mV: np.ndarray) -> np.ndarray:
        """The voltage that a model is asked for, mV."""
        return np.minimum(soma_mV, np.float32(self.clip_mV))

    def target(self, soma_mV: np.ndarray) -> np.ndarray:
        """mV to target units, float32."""
        return ((self.clipped(soma_mV) + self.shift_mV) * self.scale).astype(np.float32)

    def to_mV(self, target: np.ndarray) -> np.ndarray:
        """Target units to mV."""
        return target / self.scale - self.shift_mV

    def as_dict(self) -> dict[str, float]:
        """The rule as plain numbers."""
        return asdict(self)


def spike_bins(spike_ms: np.ndarray, duration_ms: int) -> np.ndarray:
    """(T,) bool: the ms in which output spikes fall; bin = int(t - 0.5), the published rule.

    Spikes outside the trial are in no bin.
    """
    out = np.zeros(duration_ms, dtype=bool)
    bins = (np.asarray(spike_ms) - BIN_SHIFT_MS).astype(np.int64)
    out[bins[(bins >= 0) & (bins < duration_ms)]] = True
    return out


@dataclass(frozen=True)
class Protocol:
    """Who is scored, from when and how.

    Attributes:
        ignore_ms: start of every trial that no score counts, ms.
        max_spikes: trials with more output spikes are left out; None leaves out none.
        windows_ms: length and overlap of the windows that a trial is predicted in, ms; None is
            one pass with all of the model's memory.
        rescaled: whether soma scores after rescaling, and true positives at the nearest false
            positive rate, are given besides.
    """

    ignore_ms: int
    max_spikes: int | None = None
    windows_ms: tuple[int, int] | None = None
    rescaled: bool = False

    @classmethod
    def of(cls, settings: EvaluationConfig) -> Protocol:
        """The protocol that the settings name."""
        most = settings.max_spikes_per_trial
        if settings.mode == "streaming":
            return cls(settings.ignore_ms, most)
        windows = settings.window_ms, settings.overlap_ms
        return cls(settings.ignore_ms, BUSY_SPIKES if most is None else most, windows, True)

    def kept(self, n_spikes: Sequence[int]) -> list[int]:
        """Which trials are scored, given the output spikes of each over its whole length.

        Raises:
            NeuronIOError: none is.
        """
        kept = [
            i for i, n in enumerate(n_spikes) if self.max_spikes is None or n <= self.max_spikes
        ]
        if not kept:
            raise NeuronIOError(
                f"all {len(n_spikes)} trials have more than {self.max_spikes} output spikes; raise "
                "max_spikes_per_trial"
            )
        return kept

    def words(self) -> str:
        """The protocol in words, for captions and tables."""
        who = (
            "all trials"
            if self.max_spikes is None
            else f"trials of at most {self.max_spikes} output spikes"
        )
        said = f"{who}, after the first {self.ignore_ms} ms of each"
        if self.windows_ms is None:
            return said
        return f"{said}, in windows of {self.windows_ms[0]} ms that overlap by {self.windows_ms[1]}"
