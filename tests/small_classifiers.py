"""A small classifier of every family that can be one, and sequences for it."""

import numpy as np

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import FAMILIES, sized_options
from neuronio.surrogate.models.building import build_model

CHANNELS, CLASSES = 15, 7
PAIRED = {"pooled_elm"}  # knows excitation and inhibition
MODELS = [name for name in FAMILIES if name not in PAIRED]
SMALL = {
    "tcn": {"kernels": "5,3"},
    "branch_elm": {"num_branch": 3, "synapses_per_branch": 5},
    "branch_elm_v2": {"num_branch": 3, "synapses_per_branch": 5},
}


def small_options(name, **options):
    """Options of a classifier."""
    given = {"inputs": CHANNELS, "outputs": CLASSES, "signed": False, **SMALL.get(name, {})}
    return sized_options(name, 6, given | options)


def classifier(name, **options):
    """A classifier."""
    return build_model(name, small_options(name, **options))


def batch_of(*lengths, valued=True, seed=0, per_step=2):
    """Rows of the given lengths: some events a step, some of them twice, with values or without."""
    rng = np.random.default_rng(seed)
    row = np.repeat(np.arange(len(lengths)), [per_step * n for n in lengths])
    step = np.concatenate([np.repeat(np.arange(n), per_step) for n in lengths])
    channel = rng.integers(CHANNELS, size=len(row))
    value = rng.uniform(0.2, 2.0, len(row)) if valued else np.ones(len(row))
    return EventBatch.from_rows(CHANNELS, np.array(lengths), row, step, channel, value)
