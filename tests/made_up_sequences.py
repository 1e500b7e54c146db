"""Small labelled sequences: what the first step says must be remembered to the last.

Of pairs it is what both first steps say that must be compared.
"""

import numpy as np

from neuronio.data.sequences import About, SequenceSet
from neuronio.surrogate.tasks.classify.source import FixedSource

CHANNELS, CLASSES = 5, 3


def sequences(split="train", samples=96, seed=0, shortest=5, longest=25, bin_ms=None):
    """The class is the first step's channel; noise on the other channels follows."""
    rng = np.random.default_rng([seed, len(split)])
    label = rng.integers(CLASSES, size=samples)
    length = rng.integers(shortest, longest + 1, size=samples)
    unit = "bin" if bin_ms else "token"
    about = About("memory", split, CHANNELS, CLASSES, unit, bin_ms, trivial_scores={"none": 0.4})
    rows = rows_of(label, length, rng)
    return SequenceSet.from_rows(about, label, rows, length, group=np.arange(samples) // 4)


def rows_of(first, length, rng):
    """Rows of some lengths: a channel at the first step, then noise."""
    rows = []
    for kind, steps in zip(first, length, strict=True):
        noise = np.sort(rng.integers(1, steps, size=steps))
        channel = np.concatenate([[kind], rng.integers(CLASSES, CHANNELS, size=steps)])
        rows.append((np.concatenate([[0], noise]), channel))
    return rows


def pairs(split="train", samples=96, seed=0, shortest=5, longest=25):
    """Samples of two rows; the class is whether both begin alike, as half of them do."""
    rng = np.random.default_rng([seed, len(split), 2])
    label = rng.integers(2, size=samples)
    one = rng.integers(CLASSES, size=samples)
    other = (one + (1 - label) * rng.integers(1, CLASSES, size=samples)) % CLASSES
    length = rng.integers(shortest, longest + 1, size=2 * samples)
    about = About("alike", split, CHANNELS, 2, "token", rows_per_label=2)
    rows = rows_of(np.stack([one, other], axis=1).ravel(), length, rng)
    return FixedSource(SequenceSet.from_rows(about, label, rows, length))


def source(*args, **kwargs):
    """The same, as a source."""
    return FixedSource(sequences(*args, **kwargs))
