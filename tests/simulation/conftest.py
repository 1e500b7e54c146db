"""NEURON integrates every cell of its process: those that are done with go before each test."""

import gc

import pytest

_frozen = False


@pytest.fixture(autouse=True)
def cells_that_are_done_with_are_gone():
    """Collect garbage, but not all that was imported again and again."""
    global _frozen
    gc.collect()
    if not _frozen:
        gc.freeze()
        _frozen = True
