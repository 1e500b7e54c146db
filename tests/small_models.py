"""A small model of every family, with weights that do not depend on the test, and inputs for it."""

import numpy as np
import pytest
import torch

from neuronio.data.trial import InputEvents
from neuronio.surrogate.device import threads_of_torch
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import FAMILIES, sized_options
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.models.elm import Elm

MODELS = list(FAMILIES)
ELMS = [name for name in MODELS if issubclass(FAMILIES[name].model, Elm)]
SEGMENTS = 30
SYNAPSES = 2 * SEGMENTS
SMALL = {"tcn": {"kernels": "5,3"}}


def small_model(name, size=6, **options):
    """A model of 60 synapses in evaluation mode."""
    torch.manual_seed(0)
    given = {"inputs": SYNAPSES, **SMALL.get(name, {}), **options}
    return build_model(name, sized_options(name, size, given)).eval()


def random_batch(rows, duration_ms, rate=0.05):
    """Windows of random spikes, (rows) of them, `rate` spikes per ms and synapse."""
    draws = [np.random.default_rng(seed).random((2, SEGMENTS, duration_ms)) for seed in range(rows)]
    return EventBatch.from_inputs([InputEvents.from_dense(*(draw < rate)) for draw in draws])


@pytest.fixture(autouse=True)
def one_thread():
    """One thread: for models this small, waiting for a second one takes longer than all else."""
    with threads_of_torch(1):
        yield
