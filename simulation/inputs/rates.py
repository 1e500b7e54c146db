"""Input rates of one trial in factored form, and the spikes drawn from them.

Every generator's rates are a sum of few products: one time course (a smoothed holding interval)
times one spatial pattern (a weight per synapse). Keeping the two apart makes smoothing, masking and
modulation act on a (T, K) array in place of a (2 S, T) one.

Shapes: T bins of 1 ms, S segments, 2 S synapses (excitatory first), K holding intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuronio.data.shard import SegmentTable
from neuronio.data.trial import InputEvents

BLOCK_MS = 200
TREES = ("basal", "apical")


@dataclass(frozen=True)
class Rates:
    """Rates of all synapses, `time_course @ weight`, in expected spikes per ms.

    Attributes:
        time_course: (T, K) float64, dimensionless.
        weight: (K, 2 S) float64, spikes per ms.
    """

    time_course: np.ndarray
    weight: np.ndarray

    @property
    def duration_ms(self) -> int:
        """T, the number of bins."""
        return len(self.time_course)

    def block(self, start_ms: int, stop_ms: int) -> np.ndarray:
        """Rates of the bins [start_ms, stop_ms): (stop - start, 2 S), spikes per ms."""
        course = self.time_course[start_ms:stop_ms]
        used = np.flatnonzero(course.any(axis=0))
        return course[:, used] @ self.weight[used]

    def dense(self) -> np.ndarray:
        """Rates of the whole trial: (2 S, T), spikes per ms."""
        return self.block(0, self.duration_ms).T

    def sample(self, rng: np.random.Generator) -> InputEvents:
        """Draw the input spikes, each bin and synapse on its own.

        The published rule draws p from an exponential distribution of mean r (the rate) and then a
        spike with probability p. A spike so drawn has probability E[min(p, 1)] = r (1 - exp(-1/r)),
        so one uniform number a bin is enough. That probability is at most r: the cheap test u < r
        finds the few candidates, the exact one is made on those.
        """
        n_synapses = self.weight.shape[1]
        synapse, counts = [], []
        for start in range(0, self.duration_ms, BLOCK_MS):
            rate = self.block(start, min(start + BLOCK_MS, self.duration_ms)).astype(np.float32)
            uniform = rng.random(rate.shape, dtype=np.float32)
            candidate = np.flatnonzero(uniform < rate)
            probability = spike_probability(rate.ravel()[candidate])
            hit = candidate[uniform.ravel()[candidate] < probability]
            row, column = np.divmod(hit, n_synapses)
            synapse.append(column.astype(np.uint16))
            counts.append(np.bincount(row, minlength=len(rate)))
        offset = np.concatenate([[0], np.cumsum(np.concatenate(counts), dtype=np.int64)])
        return InputEvents(n_synapses // 2, self.duration_ms, np.concatenate(synapse), offset)


def spike_probability(rate: np.ndarray) -> np.ndarray:
    """Probability of a spike in a bin, r (1 - exp(-1/r)), for positive rates r in spikes per ms."""
    return -rate * np.expm1(-1.0 / rate)


def gaussian_window(sigma_ms: int) -> np.ndarray:
    """Gaussian of 1 + 7 sigma samples (sigma a whole number of ms), normalised to sum 1."""
    n = 1 + 7 * sigma_ms
    x = np.arange(n) - (n - 1) / 2
    window = np.exp(-0.5 * (x / sigma_ms) ** 2)
    return window / window.sum()


def smoothed_hold(duration_ms: int, interval_ms: int, sigma_ms: int) -> np.ndarray:
    """Time courses of holding intervals after smoothing: (T, K), K = ceil(T / interval).

    Column k is the indicator of interval k convolved with `gaussian_window`, zero padded and cut to
    the trial's length. A box convolved with a window is a difference of the window's running sum.
    """
    window = gaussian_window(sigma_ms)
    running = np.concatenate([[0.0], np.cumsum(window)])
    edges = np.append(np.arange(0, duration_ms, interval_ms), duration_ms)
    shift = (len(window) - 1) // 2
    out = np.empty((duration_ms, len(edges) - 1))
    for start in range(0, duration_ms, BLOCK_MS):  # in blocks, for the sake of memory
        time = np.arange(start, min(start + BLOCK_MS, duration_ms))
        lag = time[:, None] + shift + 1 - edges[None, :]
        cumulative = running[np.clip(lag, 0, len(window))]
        np.subtract(cumulative[:, :-1], cumulative[:, 1:], out=out[start : time[-1] + 1])
    return out


def paste(courses: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Lay time courses over one another, later ones replacing what they cover.

    Args:
        courses: (start_ms, (D, K_i) course) pairs; the first spans the trial and starts at 0.

    Returns:
        (T, sum of K_i) time courses.
    """
    n_columns = sum(course.shape[1] for _, course in courses)
    out = np.zeros((len(courses[0][1]), n_columns))
    column = 0
    for start, course in courses:
        stop = start + len(course)
        out[start:stop] = 0.0
        out[start:stop, column : column + course.shape[1]] = course
        column += course.shape[1]
    return out


def smooth_at(time_course: np.ndarray, edges_ms: np.ndarray, sigma_ms: int) -> np.ndarray:
    """Smooth time courses near the given times only, in place of the abrupt change there.

    Near means where a Gaussian of peak 1 and width sigma, summed over the edges, exceeds 0.2: about
    1.8 sigma on either side of a lone edge.
    """
    duration = len(time_course)
    x = np.arange(duration)[:, None] - np.asarray(edges_ms)[None, :]
    bump = np.where(np.abs(x) <= 3.5 * sigma_ms, np.exp(-0.5 * (x / sigma_ms) ** 2), 0.0)
    near = np.flatnonzero(bump.sum(axis=1) > 0.2)
    out = time_course.copy()
    window = gaussian_window(sigma_ms)
    shift = (len(window) - 1) // 2
    for run in np.split(near, np.flatnonzero(np.diff(near) > 1) + 1):
        if not len(run):
            continue
        low, high = max(0, run[0] - len(window)), min(duration, run[-1] + len(window))
        lag = run[:, None] + shift - np.arange(low, high)[None, :]
        inside = (lag >= 0) & (lag < len(window))
        mix = np.where(inside, window[np.clip(lag, 0, len(window) - 1)], 0.0)
        out[run] = mix @ time_course[low:high]
    return out


def tree_shares(segments: SegmentTable, length_offset_um: float) -> dict[str, np.ndarray]:
    """How a tree's rate is spread: (S,) shares that sum to 1 over the tree and are 0 elsewhere."""
    weight = np.asarray(segments.length_um, dtype=float) + length_offset_um
    shares = {}
    for tree in TREES:
        of_tree = np.where(np.asarray(segments.type) == tree, weight, 0.0)
        shares[tree] = of_tree / (of_tree.sum() or 1.0)
    return shares


def clusters(n_segments: int, n_clusters: int) -> np.ndarray:
    """Cluster of each segment, (S,): runs of neighbouring segments of nearly equal size."""
    return np.arange(n_segments) * n_clusters // n_segments


def without_inhibition(weight: np.ndarray, factor: float) -> np.ndarray:
    """Weights (K, 2 S) with no inhibition and with excitation times `factor`."""
    return weight * np.repeat([factor, 0.0], weight.shape[1] // 2)
