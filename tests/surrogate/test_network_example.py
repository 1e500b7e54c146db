"""A network of fitted neurons beside NEURON's (docs/examples/network.py)."""

from pathlib import Path

import numpy as np
import pytest
from scripts import load_script

import neuronio
from neuronio.simulation.cell import build_cell
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.inputs.draw import make_inputs
from neuronio.surrogate.network import Connections, Raster, trial_events
from neuronio.surrogate.protocol import spike_bins

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "network.py"
DURATION_MS = 80
DRIVE = {"excitation_basal_per_100ms": 700.0, "excitation_apical_per_100ms": 700.0}


@pytest.fixture(scope="module")
def example():
    return load_script(EXAMPLE)


@pytest.fixture(scope="module")
def cells():
    return [build_cell(load_cell("packaged")) for _ in range(2)]


@pytest.fixture(scope="module")
def background(cells):
    """A driven cell, and one without inputs."""
    segments = cells[0].segment_table()
    drawn = make_inputs("constant", DRIVE, segments, DURATION_MS, np.random.default_rng(0))
    return [drawn, drawn.without_synapses(np.arange(drawn.n_synapses))]


def test_cells_without_connections_do_what_the_engine_does(example, cells, background):
    nothing = Connections.of(2, *[np.zeros(0, np.int64)] * 4)
    raster = example.simulate_cells(cells, nothing, list(trial_events(background)))
    alone = neuronio.simulate("packaged", background[0], engine="neuron", t0_artefact=False)
    expected = np.flatnonzero(spike_bins(alone.spike_ms, DURATION_MS))
    assert len(expected)
    assert raster.ms.tolist() == expected.tolist()
    assert not raster.neuron.any()


def test_a_spike_reaches_the_other_cell_after_its_delay(example, cells, background):
    half = background[0].n_segments
    one, delay_ms = np.zeros(half, np.int64), 6
    connections = Connections.of(2, one, one + 1, np.arange(half), one + delay_ms)
    raster = example.simulate_cells(cells, connections, list(trial_events(background)))
    first, second = (raster.ms[raster.neuron == i].min() for i in range(2))
    assert delay_ms <= second - first <= delay_ms + 4


def test_agreement_and_figure_are_those_of_the_spikes(example):
    true = Raster(np.array([3, 8, 40]), np.array([1, 0, 1]), 2, 100)
    called = Raster(np.array([6, 12, 44]), np.array([0, 1, 1]), 2, 100)
    said = example.agreement(true, called)
    assert said == "F1 of spikes 0.33 within 2 ms 0.67 within 5 ms; correlation of counts 1.00"
    assert "silent" in example.agreement(Raster(true.ms[:0], true.ms[:0], 2, 100), called)
    later = Raster(true.ms + example.BEGIN_MS - 5, true.neuron, 2, 100 + example.BEGIN_MS)
    drawn = example.figure({"NEURON": later, "fitted": later})
    assert drawn.axes[0].get_title() == "NEURON: 10.00 Hz after 150 ms"
    rates = drawn.axes[2].patches[0].get_data().values
    assert rates.sum() == pytest.approx(3 * 1e3 / (2 * example.RATE_BIN_MS))
