"""A small branched cell with any mechanisms, run in NEURON and in the ensemble kernel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from neuronio.config import EngineConfig
from neuronio.conventions import SAMPLES_PER_MS
from neuronio.data.trial import InputEvents
from neuronio.simulation.cell import h
from neuronio.simulation.engines.ensemble.export import export_cell
from neuronio.simulation.engines.ensemble.lanes import LaneGroup
from neuronio.simulation.mechanisms import load_mechanisms
from neuronio.simulation.synapses import SynapseGroup

CONDUCTANCE = {
    "Ih": 2e-4,
    "Im": 1e-4,
    "Ca_HVA": 1e-3,
    "Ca_LVAst": 3e-3,
    "SKv3_1": 0.3,
    "SK_E2": 0.01,
    "K_Tst": 0.08,
    "K_Pst": 0.01,
    "Nap_Et2": 2e-3,
    "NaTa_t": 1.0,
    "NaTs2_t": 1.0,
}


@dataclass
class Toy:
    """What the export reads of a cell."""

    spec: SimpleNamespace
    sections: list
    segments: list
    soma: object
    nexus: object
    synapses: list[SynapseGroup]
    mechanism_files: dict[str, Path]

    def set_globals(self) -> None:
        """As a cell's."""
        h.celsius = self.spec.celsius_degC


def make_toy(mechanisms: tuple[str, ...] = (), *, celsius: float = 34.0, v_init: float = -70.0):
    """A soma with dendrites at both ends, one of which continues and forks.

    The soma and the first dendrite have the mechanisms, the rest is passive.
    """
    files = load_mechanisms()
    soma = _section("soma", 20, 20, 1)
    trunk = _section("trunk", 200, 2, 5, soma(1))
    basal = _section("basal", 100, 1, 3, soma(0))
    oblique = _section("oblique", 90, 0.7, 3, trunk(0.5))
    series = _section("series", 60, 1.5, 1, trunk(1))
    forks = [_section(f"fork{i}", 80 + i, 1, 3, series(1)) for i in range(2)]
    for section in (soma, trunk):
        for name in mechanisms:
            section.insert(name)
            for segment in section:
                if name in CONDUCTANCE:
                    setattr(getattr(segment, name), f"g{name}bar", CONDUCTANCE[name])
        for ion, reversal in (("k", -85), ("na", 50)):
            if h.ismembrane(f"{ion}_ion", sec=section):
                setattr(section, f"e{ion}", reversal)
    dendrites = [trunk, basal, oblique, series, *forks]
    segments = [segment for section in dendrites for segment in section]
    synapses = [
        _group("ampa", True, 2e-3, segments, h.Exp2Syn, 0.3, 3, 0),
        _group("gaba", False, 1e-3, segments, h.Exp2Syn, 0.2, 8, -80),
        _group("nmda", True, 2e-3, segments, h.NMDA, 2, 70, 0),
    ]
    spec = SimpleNamespace(name="toy", celsius_degC=celsius, v_init_mV=v_init)
    return Toy(spec, [soma, *dendrites], segments, soma, trunk(0.5), synapses, dict(files))


def toy_inputs(toy: Toy, duration_ms: int = 60, events: int = 300, seed: int = 0) -> InputEvents:
    """Events at random, the first and the last ms among them."""
    rng = np.random.default_rng(seed)
    n = len(toy.segments)
    times = rng.integers(0, duration_ms, events)
    times[:2] = 0, duration_ms - 1
    return InputEvents.from_events(n, duration_ms, rng.integers(0, 2 * n, events), times)


def run_in_neuron(toy: Toy, inputs: InputEvents, dt_ms: float = 0.025, order: int = 2):
    """Soma voltage at 8 kHz in double precision."""
    h.celsius, h.dt, h.secondorder = toy.spec.celsius_degC, dt_ms, 2 if order == 2 else 0
    n = len(toy.segments)
    netcons = []
    for group in toy.synapses:
        for s, point in enumerate(group.points):
            netcon = h.NetCon(None, point)
            netcon.weight[0], netcon.delay = group.weight, 0
            synapse = s if group.excitatory else n + s
            times = inputs.time_ms[inputs.synapse == synapse].astype(float)
            netcons.append((netcon, times))
    handler = h.FInitializeHandler(lambda: [c.event(t) for c, times in netcons for t in times])
    soma = h.Vector().record(toy.soma(0.5)._ref_v)
    h.finitialize(toy.spec.v_init_mV)
    for _ in range(round(inputs.duration_ms / dt_ms)):
        h.fadvance()
    del handler
    every = round(1 / SAMPLES_PER_MS / dt_ms)
    return soma.as_numpy()[:-1:every].copy()


def export_toy(toy: Toy):
    """The toy as the kernel sees it."""
    return export_cell(toy)


def run_in_kernel(toy: Toy, inputs: InputEvents, **settings):
    """Soma voltage at 8 kHz (float32, as recorded)."""
    config = EngineConfig(name="ensemble", **({"precision": "float64"} | settings))
    group = LaneGroup(export_toy(toy), config)
    return group.run([(0, inputs)])[0].soma_8khz_mV


def _section(name: str, length_um: float, diameter_um: float, nseg: int, parent=None):
    section = h.Section(name)
    section.L, section.diam, section.nseg = length_um, diameter_um, nseg
    section.Ra, section.cm = 120, 1.3
    section.insert("pas")
    for segment in section:
        segment.pas.g, segment.pas.e = 4e-5, -72
    if parent is not None:
        section.connect(parent)
    return section


def _group(name, excitatory, weight_uS, segments, kind, rise_ms, decay_ms, reversal_mV):
    points = []
    for segment in segments:
        point = kind(segment)
        point.tau1, point.tau2, point.e = rise_ms, decay_ms, reversal_mV
        points.append(point)
    return SynapseGroup(name, excitatory, weight_uS, points)
