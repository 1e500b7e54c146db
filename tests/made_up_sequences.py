"""Small labelled sequences: what the first step says must be remembered to the last."""

import numpy as np

from neuronio.data.sequences import About, SequenceSet
from neuronio.surrogate.tasks.classify import FixedSource

CHANNELS, CLASSES = 5, 3


def sequences(split="train", samples=96, seed=0, shortest=5, longest=25, bin_ms=None):
    """The class is the first step's channel; noise on the other channels follows."""
    rng = np.random.default_rng([seed, len(split)])
    label = rng.integers(CLASSES, size=samples)
    length = rng.integers(shortest, longest + 1, size=samples)
    rows = []
    for kind, steps in zip(label, length, strict=True):
        noise = np.sort(rng.integers(1, steps, size=steps))
        channel = np.concatenate([[kind], rng.integers(CLASSES, CHANNELS, size=steps)])
        rows.append((np.concatenate([[0], noise]), channel))
    unit = "bin" if bin_ms else "token"
    about = About("memory", split, CHANNELS, CLASSES, unit, bin_ms, trivial_scores={"none": 0.4})
    return SequenceSet.from_rows(about, label, rows, length, group=np.arange(samples) // 4)


def source(*args, **kwargs):
    """The same, as a source."""
    return FixedSource(sequences(*args, **kwargs))
