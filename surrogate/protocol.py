"""What a surrogate is asked for: the spike in each ms, and the soma voltage in target units."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from neuronio.conventions import BIN_SHIFT_MS, SOMA_CLIP_MV, SOMA_SCALE, SOMA_SHIFT_MV


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
    """(T,) bool: the ms in which output spikes fall; bin = int(t - 0.5), the published rule."""
    out = np.zeros(duration_ms, dtype=bool)
    bins = (np.asarray(spike_ms) - BIN_SHIFT_MS).astype(np.int64)
    out[bins[bins < duration_ms]] = True
    return out
