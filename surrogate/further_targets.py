"""What a model is fitted to beside spikes and soma: nexus voltage, components of the dendrites'.

The dendrites' voltages, hundreds of traces, move together: their principal components over the
training data say most with few numbers (Beniaguev et al. 2021 fit such components too).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuronio.data.shard import Shard
from neuronio.errors import NeuronIOError
from neuronio.files import read_npz, write_npz

FILE = "targets.npz"
MOST_TRIALS = 64
EVERY_MS = 5


@dataclass(frozen=True)
class FurtherTargets:
    """V further targets: the nexus voltage first if it is one, then K components.

    Attributes:
        nexus: whether the nexus voltage is a target.
        mean_mV: (S,) mean voltage of each dendritic segment; empty without components.
        component: (K, S) orthonormal rows, of falling variance.
        shift, scale: (V,) mean and standard deviation of each target over the training data, mV;
            a model is asked for (target - shift) / scale.
        dendrites_variance: sum of the variances of all segments, mV^2.
    """

    nexus: bool
    mean_mV: np.ndarray
    component: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    dendrites_variance: np.ndarray

    @property
    def names(self) -> list[str]:
        """The name of each target, as scores have it."""
        components = [f"dendrites_pc{k + 1}" for k in range(len(self.component))]
        return ["nexus"] * self.nexus + components

    def raw(self, shard: Shard, i: int) -> np.ndarray:
        """The targets of a shard's i-th trial, (T, V) float32, mV."""
        parts = [shard.nexus_mV(i)[None]] if self.nexus else []
        if len(self.component):
            deviation = shard.segments_mV(i) - self.mean_mV[:, None]
            parts.append(self.component @ deviation)
        return np.concatenate(parts).T.astype(np.float32)

    def of(self, shard: Shard, i: int) -> np.ndarray:
        """As `raw`, in the units that models are fitted in."""
        return ((self.raw(shard, i) - self.shift) / self.scale).astype(np.float32)

    def in_mV(self, units: np.ndarray) -> np.ndarray:
        """Targets (..., V) from the units that models are fitted in to those of `raw`."""
        return units * self.scale + self.shift

    def save(self, folder: Path) -> None:
        """Write targets.npz into a fit directory."""
        write_npz(folder / FILE, {name: np.asarray(v) for name, v in vars(self).items()})

    @staticmethod
    def there(folder: Path) -> bool:
        """Whether a fit directory has targets.npz."""
        return (folder / FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> FurtherTargets | None:
        """Those of a fit directory; None where a fit has no further targets.

        Raises:
            NeuronIOError: the file is damaged.
        """
        path = folder / FILE
        if not cls.there(folder):
            return None
        try:
            held = read_npz(path)
            return cls(nexus=bool(held.pop("nexus")), **held)
        except (NeuronIOError, ValueError, KeyError, TypeError) as error:
            raise NeuronIOError(f"{path} is damaged ({error}); fit again") from error


def further_targets(
    paths: list[Path], nexus: bool, components: int, ignore_ms: int, first: int = 0
) -> FurtherTargets | None:
    """The targets that are asked for, with their statistics over the training data.

    Taken from up to 64 trials spread over the data, after `ignore_ms`: components from every 5 ms,
    means and standard deviations from every ms.

    Args:
        paths: the training shards.
        nexus: whether the nexus voltage is one.
        components: number of principal components of the dendrites' voltages.
        first: how many of the trials are training trials, from the first; 0 means all.

    Raises:
        NeuronIOError: the dendrites were not recorded, or there are fewer segments than components.
    """
    if not nexus and not components:
        return None
    mean_s, component_ks, variance = np.empty(0), np.empty((0, 0)), 0.0
    if components:
        mean_s, component_ks, variance = _principal(paths, components, ignore_ms, first)
    unscaled = FurtherTargets(
        nexus,
        mean_s.astype(np.float32),
        component_ks.astype(np.float32),
        *(np.zeros(nexus + components, np.float32), np.ones(nexus + components, np.float32)),
        np.array(variance),
    )
    seen = np.concatenate([unscaled.raw(*trial)[ignore_ms:] for trial in _some(paths, first)])
    shift, scale = seen.mean(0, dtype=np.float64), seen.std(0, dtype=np.float64)
    fields = vars(unscaled) | {
        "shift": shift.astype(np.float32),
        "scale": np.where(scale > 0, scale, 1.0).astype(np.float32),
    }
    return FurtherTargets(**fields)


def _principal(
    paths: list[Path], components: int, ignore_ms: int, first: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (S,), leading components (K, S) and total variance of the dendrites' voltages."""
    count, total, product = 0, np.zeros(1), np.zeros((1, 1))
    for shard, i in _some(paths, first):
        if not shard.has_segments:
            raise NeuronIOError(
                f"{shard.path} holds no dendritic voltages, which components of them are taken "
                "from; simulate with dataset.record_segments, or set training.dendrites to 0"
            )
        if components > shard.n_segments:
            raise NeuronIOError(
                f"training.dendrites is {components}, but the cell has {shard.n_segments} segments"
            )
        some_st = shard.segments_mV(i)[:, ignore_ms::EVERY_MS].astype(np.float64)
        count += some_st.shape[1]
        total = total + some_st.sum(1)
        product = product + some_st @ some_st.T
    mean_s = total / count
    variance_k, component_sk = np.linalg.eigh(product / count - np.outer(mean_s, mean_s))
    component_ks = component_sk.T[::-1][:components]
    # A component and its opposite are one: the largest weight is positive.
    largest = np.abs(component_ks).argmax(1)
    sign_k = np.sign(component_ks[np.arange(components), largest])
    return mean_s, component_ks * sign_k[:, None], float(variance_k.sum())


def _some(paths: list[Path], first: int) -> Iterator[tuple[Shard, int]]:
    """Up to `MOST_TRIALS` trials, spread evenly over the first ones, or all where that is 0."""
    places = []
    for path in paths:
        with Shard(path) as shard:
            places += [(path, i) for i in range(shard.n_trials)]
    places = places[: first or None]
    chosen = np.unique(np.linspace(0, len(places) - 1, MOST_TRIALS).astype(int))
    for place in chosen.tolist():
        path, i = places[place]
        with Shard(path) as shard:
            yield shard, i
