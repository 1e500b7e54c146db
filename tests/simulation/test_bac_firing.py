"""What Hay et al. 2011 fitted their cell to; NEURON integrates all cells at once."""

from __future__ import annotations

import numpy as np
import pytest

from neuronio.simulation.cell import build_cell, h
from neuronio.simulation.cell_spec import load_cell


def _bac_responses(cell, *stimuli: tuple[bool, bool]) -> list[tuple[int, float]]:
    """Somatic spikes and peak dendritic voltage (mV) after each of some pairs of stimuli.

    Stimuli of Hay et al. 2011: 1.9 nA for 5 ms into the soma, and 5 ms later a dual-exponential
    current of 0.5 nA (0.5 and 5 ms) at 620 um on the apical trunk. Each begins at the same rest.
    """
    at = [seg for seg in cell.segments if seg.sec in cell.apical and seg.diam > 2]
    site = min(at, key=lambda seg: abs(h.distance(cell.soma(0.5), seg) - 620))
    step, epsp = h.IClamp(cell.soma(0.5)), h.IClamp(site)
    step.delay, step.dur, epsp.delay, epsp.dur = 0, 1e9, 0, 1e9
    h.celsius, h.dt, h.secondorder = cell.spec.celsius_degC, 0.025, 2
    h.CVode().active(False)  # which a test before this one may have left on
    step.amp = epsp.amp = 0
    h.finitialize(cell.spec.v_init_mV)
    while h.t < 195:
        h.fadvance()
    rest = h.SaveState()
    rest.save()
    since = np.arange(0, 75, 0.025)
    shape = np.exp(-since / 5) - np.exp(-since / 0.5)
    into_soma = np.where(since < 5, 1.9, 0.0)
    into_dendrite = np.interp(since - 5, since, 0.5 * shape / shape.max(), left=0.0)
    found = []
    for soma, dendrite in stimuli:
        rest.restore()
        v, d = [], []
        for i in range(len(since)):
            step.amp, epsp.amp = soma * into_soma[i], dendrite * into_dendrite[i]
            h.fadvance()
            v.append(cell.soma(0.5).v)
            d.append(site.v)
        above = np.array(v) > -20
        found.append((int((above[1:] & ~above[:-1]).sum()), max(d)))
    return found


@pytest.mark.slow
def test_hay2011_fires_a_burst_only_when_both_ends_are_driven(mirror):
    cell = build_cell(load_cell("hay2011"))
    both = [(True, False), (False, True), (True, True)]
    (step, step_peak), (epsp, epsp_peak), (burst, burst_peak) = _bac_responses(cell, *both)
    assert step == 1
    assert step_peak < -30
    assert epsp == 0
    assert epsp_peak < -40
    assert burst in (2, 3)
    assert burst_peak > -10
