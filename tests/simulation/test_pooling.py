"""What docs/pooling.py exchanges, and what it counts as lost."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scripts import load_script

from neuronio.data.trial import Recording

SEGMENTS, MS = 11, 900


@pytest.fixture(scope="module")
def script():
    return load_script(Path(__file__).parents[2] / "docs" / "pooling.py")


@pytest.mark.parametrize("clusters", [1, 3, 11])
def test_every_cluster_gets_the_spikes_that_it_had(script, random_inputs, clusters):
    inputs = random_inputs(SEGMENTS, MS, 0.05)
    other = script.exchanged(inputs, clusters, np.random.default_rng(1))
    bound = np.arange(clusters + 1) * SEGMENTS // clusters
    same = True
    for before, after in zip(
        inputs.dense().reshape(2, SEGMENTS, MS), other.dense().reshape(2, SEGMENTS, MS), strict=True
    ):
        same &= np.array_equal(before, after)
        for low, high in pairwise(bound):
            np.testing.assert_array_equal(before[low:high].sum(axis=0), after[low:high].sum(axis=0))
            # Each synapse's whole train went to one other.
            assert sorted(map(bytes, before[low:high])) == sorted(map(bytes, after[low:high]))
    assert same == (clusters == SEGMENTS)


def test_noise_of_few_exchanges_is_not_taken_for_a_loss(script):
    rng = np.random.default_rng(2)
    true = rng.normal(-70.0, 3.0, MS)

    def recording(spread, spikes):
        soma = (true + rng.normal(0.0, spread, MS)).astype(np.float32)
        return Recording(soma_mV=soma, nexus_mV=soma, spike_ms=np.array(spikes))

    others = [recording(1.0, [100.0, 601.5, 700.0]) for _ in range(15)]
    found = script.lost(recording(0.0, [120.0, 600.0, 800.0]), others)
    assert found.one == pytest.approx(1.0, rel=0.1)
    assert abs(found.mean) < 0.05
    assert (found.spikes, found.of_all, found.pairs) == (2, 30, (0, 15, 15))
    row = script.cells(32, [found, found])
    assert row[0] == 32
    assert row[3:] == ["0.00", "0.50", "0.50"]
