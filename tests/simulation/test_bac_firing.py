"""What Hay et al. 2011 fitted their cell to; NEURON integrates all cells at once."""

from __future__ import annotations

import numpy as np
import pytest

from neuronio.simulation.cell import build_cell, h
from neuronio.simulation.cell_spec import load_cell


def _bac_response(cell, soma: bool, dendrite: bool) -> tuple[int, float]:
    """Somatic spikes and peak dendritic voltage (mV) after a step, an EPSP-like current, or both.

    Stimuli of Hay et al. 2011: 1.9 nA for 5 ms into the soma, and 5 ms later a dual-exponential
    current of 0.5 nA (0.5 and 5 ms) at 620 um on the apical trunk.
    """
    at = [seg for seg in cell.segments if seg.sec in cell.apical and seg.diam > 2]
    site = min(at, key=lambda seg: abs(h.distance(cell.soma(0.5), seg) - 620))
    step, epsp = h.IClamp(cell.soma(0.5)), h.IClamp(site)
    step.delay, step.dur, step.amp = 195, 5, 1.9 if soma else 0
    epsp.delay, epsp.dur = 0, 1e9
    time = np.arange(0, 270, 0.025)
    since = np.clip(time - 200, 0, None)
    shape = np.exp(-since / 5) - np.exp(-since / 0.5)
    current = h.Vector(0.5 * dendrite * shape / shape.max())
    current.play(epsp._ref_amp, 0.025)
    v, d = h.Vector().record(cell.soma(0.5)._ref_v), h.Vector().record(site._ref_v)
    h.celsius, h.dt, h.secondorder = cell.spec.celsius_degC, 0.025, 2
    h.CVode().active(False)  # which a test before this one may have left on
    h.finitialize(cell.spec.v_init_mV)
    for _ in range(len(time)):
        h.fadvance()
    v, d = np.array(v)[4000:], np.array(d)[4000:]
    return int(((v[1:] > -20) & (v[:-1] <= -20)).sum()), float(d.max())


@pytest.mark.slow
def test_hay2011_fires_a_burst_only_when_both_ends_are_driven(mirror):
    cell = build_cell(load_cell("hay2011"))
    spikes, peak = _bac_response(cell, soma=True, dendrite=False)
    assert spikes == 1
    assert peak < -30
    spikes, peak = _bac_response(cell, soma=False, dendrite=True)
    assert spikes == 0
    assert peak < -40
    spikes, peak = _bac_response(cell, soma=True, dendrite=True)
    assert spikes in (2, 3)
    assert peak > -10
