"""A cell model built in NEURON."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from neuronio.data.shard import SegmentTable
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell_spec import CellSpec, Region
from neuronio.simulation.expressions import evaluate
from neuronio.simulation.mechanisms import load_mechanisms

load_mechanisms()

from neuron import h  # noqa: E402

from neuronio.simulation.morphology import find_morphology  # noqa: E402
from neuronio.simulation.morphology_reader import read_morphology  # noqa: E402

NEXUS_X = 0.9


@dataclass(frozen=True)
class SynapseGroup:
    """One component of the synapses: a point process in the middle of every dendritic segment.

    Attributes:
        name: as in the cell file, such as 'nmda'.
        excitatory: whether excitatory inputs drive it, else inhibitory ones do.
        weight_uS: weight of one event, its peak conductance, uS.
        points: S NEURON point processes (Exp2Syn or NMDA) in segment order.
    """

    name: str
    excitatory: bool
    weight_uS: float
    points: list


class Cell:
    """A neuron in NEURON, with its synapses.

    Attributes:
        spec: the model it was built from.
        soma: the soma section; axon: list of axon sections; basal, apical: lists of sections.
        segments: S dendritic segments, basal sections then apical ones, each from its 0 end.
        nexus: the nexus recording site, a NEURON segment.
        synapses: list of SynapseGroup.
    """

    def __init__(self, spec: CellSpec):
        self.spec = spec
        tree = read_morphology(find_morphology(spec.morphology))
        self._tree = tree
        self.soma, self.basal, self.apical = tree.soma[0], tree.dend, tree.apic
        for section in self._reconstructed():
            section.nseg = 1 + 2 * int(section.L / spec.um_per_segment_pair)
        self._replace_axon()
        self.segments = [seg for section in [*self.basal, *self.apical] for seg in section]
        self._insert_membrane()
        self.nexus = self._find_nexus()
        self.synapses = self._place_synapses()

    @property
    def sections(self) -> list:
        """Every section: soma, axon, basal, apical."""
        return [section for _, sections in self.regions() for section in sections]

    def regions(self) -> Iterator[tuple[str, list]]:
        """Region names with their sections."""
        yield "soma", [self.soma]
        yield "axon", self.axon
        yield "basal", self.basal
        yield "apical", self.apical

    def _reconstructed(self) -> list:
        return [*self._tree.soma, *self.basal, *self.apical]

    def _replace_axon(self) -> None:
        stub = self.spec.axon_stub
        for section in self._tree.axon:
            h.delete_section(sec=section)
        self._tree.axon = self.axon = [
            h.Section(f"axon[{i}]", self._tree) for i in range(stub.sections)
        ]
        parent = self.soma(0.5)
        for section in self.axon:
            section.L, section.diam, section.nseg = stub.length_um, stub.diameter_um, 1
            section.connect(parent, 0)
            parent = section(1)

    def _insert_membrane(self) -> None:
        origin = self.soma(0.5) if self.spec.distance_origin == "soma" else self.apical[0](0)
        farthest = max(h.distance(origin, section(1)) for section in self.apical)
        for name, sections in self.regions():
            region: Region = getattr(self.spec.regions, name)
            for section in sections:
                section.Ra, section.cm = region.Ra_ohm_cm, region.cm_uF_cm2
                for mechanism in region.mechanisms:
                    self._insert(section, mechanism)
                self._set_reversals(section)
                for i, segment in enumerate(section):
                    last = self.spec.sample_last_segment_at_end and i == section.nseg - 1
                    d = h.distance(origin, section(1) if last else segment)
                    self._set_parameters(segment, region, d=d, D=farthest)

    def _insert(self, section, mechanism: str) -> None:
        if not hasattr(h, mechanism):
            raise NeuronIOError(
                f"the cell {self.spec.name} asks for the mechanism {mechanism}, which is not in "
                "simulation/mod"
            )
        section.insert(mechanism)

    def _set_reversals(self, section) -> None:
        for name, value in self.spec.reversal_mV.items():
            if h.ismembrane(f"{name[1:]}_ion", sec=section):
                setattr(section, name, value)

    def _set_parameters(self, segment, region: Region, **distances: float) -> None:
        for mechanism, parameters in region.mechanisms.items():
            for name, value in parameters.items():
                try:
                    setattr(getattr(segment, mechanism), name, self._value(value, distances))
                except AttributeError as error:
                    raise NeuronIOError(
                        f"the mechanism {mechanism} has no parameter {name}, which the cell "
                        f"{self.spec.name} sets"
                    ) from error

    def _value(self, value: float | str, distances: dict[str, float]) -> float:
        decimals = self.spec.expression_decimals
        number = evaluate(value, **distances)
        return round(number, decimals) if isinstance(value, str) and decimals else number

    def _find_nexus(self):
        site = self.spec.nexus
        if site is None:
            return _main_fork(self.apical)(NEXUS_X)
        sections = self.apical if site.section == "apic" else self.basal
        if site.index >= len(sections):
            raise NeuronIOError(
                f"the cell {self.spec.name} puts its nexus on {site.section}[{site.index}], but "
                f"the morphology has only {len(sections)} such sections"
            )
        return sections[site.index](site.x)

    def _place_synapses(self) -> list[SynapseGroup]:
        groups = []
        for name, component in self.spec.synapses.items():
            points = []
            for segment in self.segments:
                point = h.Exp2Syn(segment) if component.magnesium_mM is None else h.NMDA(segment)
                point.tau1, point.tau2 = component.tau_rise_ms, component.tau_decay_ms
                point.e = component.reversal_mV
                if component.magnesium_mM is not None:
                    point.mg = component.magnesium_mM
                points.append(point)
            weight_uS = component.gmax_nS * 1e-3
            groups.append(SynapseGroup(name, component.excitatory, weight_uS, points))
        return groups

    def segment_table(self) -> SegmentTable:
        """Type, length, distance and section of every dendritic segment."""
        sections = [*self.basal, *self.apical]
        index = {section: i for i, section in enumerate(sections)}
        n_basal = sum(section.nseg for section in self.basal)
        kinds = ["basal"] * n_basal + ["apical"] * (len(self.segments) - n_basal)
        return SegmentTable(
            np.array(kinds),
            np.array([seg.sec.L / seg.sec.nseg for seg in self.segments]),
            np.array([h.distance(self.soma(0.5), seg) for seg in self.segments]),
            np.array([index[seg.sec] for seg in self.segments], dtype=np.int32),
        )

    def facts(self) -> dict:
        """Counts, lengths (um), area (um2) and the sum of every conductance (S/cm2) by region."""
        facts: dict = {
            "cell": self.spec.name,
            "dendritic_sections": len(self.basal) + len(self.apical),
            "dendritic_segments": len(self.segments),
            "segments": sum(section.nseg for section in self.sections),
            "synapses": 2 * len(self.segments),
            "area_um2": sum(seg.area() for section in self.sections for seg in section),
            "nexus": f"{self.nexus.sec.name().removeprefix('cell.')}({self.nexus.x:g})",
            "nexus_distance_um": h.distance(self.soma(0.5), self.nexus),
            "farthest_apical_um": max(h.distance(self.apical[0](0), s(1)) for s in self.apical),
            "celsius_degC": self.spec.celsius_degC,
            "v_init_mV": self.spec.v_init_mV,
            "regions": {},
        }
        for name, sections in self.regions():
            facts["regions"][name] = {
                "sections": len(sections),
                "segments": sum(section.nseg for section in sections),
                "length_um": sum(section.L for section in sections),
                "area_um2": sum(seg.area() for section in sections for seg in section),
                "conductance_sum_S_cm2": _conductance_sums(sections, name, self.spec),
            }
        return facts


def build_cell(spec: CellSpec) -> Cell:
    """Build a cell model in NEURON.

    Raises:
        NeuronIOError: the morphology cannot be had, or a mechanism or parameter does not exist.
    """
    return Cell(spec)


def segment_table(spec: CellSpec) -> SegmentTable:
    """The dendritic segments of a cell model, (S,) rows; the cell is built and let go.

    Raises:
        NeuronIOError: as `build_cell`.
    """
    return _segment_table(spec.model_dump_json())


@lru_cache(maxsize=16)
def _segment_table(spec: str) -> SegmentTable:
    table = build_cell(CellSpec.model_validate_json(spec)).segment_table()
    # NEURON would integrate the cell along with any other of this process.
    gc.collect()
    return table


def _conductance_sums(sections: list, region: str, spec: CellSpec) -> dict[str, float]:
    sums = {}
    for mechanism, parameters in getattr(spec.regions, region).mechanisms.items():
        for name in (name for name in parameters if name == "g" or name.endswith("bar")):
            label = f"{name}_{mechanism}" if name == "g" else name
            segments = (seg for section in sections for seg in section)
            sums[label] = sum(getattr(getattr(seg, mechanism), name) for seg in segments)
    return sums


def _main_fork(apical: list):
    """The apical section that ends in the main fork, with the longest second daughter tree."""
    length: dict[Any, float] = {}
    for section in reversed(apical):
        length[section] = section.L + sum(length.get(child, 0) for child in section.children())
    forks = {}
    for section in apical:
        daughters = sorted((length[child] for child in section.children()), reverse=True)
        if len(daughters) > 1:
            forks[section] = daughters[1]
    if not forks:
        raise NeuronIOError("the apical dendrite never forks; name a nexus site in the cell file")
    return max(forks, key=lambda section: forks[section])
