"""A cell model built in NEURON."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from neuronio.data.shard import SegmentTable
from neuronio.errors import NeuronIOError
from neuronio.simulation.built_cell import built_by
from neuronio.simulation.cell_spec import (
    AxonSection,
    AxonStub,
    CellSpec,
    Region,
)
from neuronio.simulation.expressions import evaluate
from neuronio.simulation.mechanisms import load_mechanisms
from neuronio.simulation.morphology import find_morphology
from neuronio.simulation.morphology_reader import read_morphology
from neuronio.simulation.synapses import place_synapses

from neuron import h  # isort: skip

NEXUS_X = 0.9
MOST_SEGMENTS = 32767  # NEURON's own limit of nseg

_globals_before: dict[str, float] = {}
"""What NEURON had in place of the global variables that a cell has set."""


class Cell:
    """A neuron in NEURON, with its synapses.

    Attributes:
        spec: the model it was built from.
        soma: the soma section that is recorded.
        segments: S dendritic segments, basal sections then apical ones, then those of other
            regions; each section from its 0 end.
        nexus: the nexus recording site, a NEURON segment.
        synapses: list of SynapseGroup.
        mechanism_files: MOD file of every mechanism that is not NEURON's own, by name.
    """

    def __init__(self, spec: CellSpec):
        self.spec = spec
        _restore_globals()
        self.mechanism_files = load_mechanisms(spec.mod_paths())
        if spec.built_by:
            self._holder, self._regions = built_by(spec.built_by, spec.section_regions)
        else:
            path, keeps_axon = find_morphology(spec.morphology), spec.axon == "keep"
            self._holder, self._regions = read_morphology(path, spec.section_types, keeps_axon)
            self._check_regions(path.name)
        self.soma = self._regions["soma"][0]
        if not spec.built_by:
            self._set_segments()
            self._replace_axon()
        self.segments = [seg for section in self.dendrites for seg in section]
        if not spec.built_by:
            self._insert_membrane()
        self.nexus = self._find_nexus()
        self.synapses = place_synapses(spec, self.segments)
        self.set_globals()

    @property
    def sections(self) -> list:
        """Every section: soma, axon, then the dendrites."""
        return [section for _, sections in self.regions() for section in sections]

    def regions(self) -> Iterator[tuple[str, list]]:
        """Region names with their sections."""
        others = [n for n in self._regions if n not in ("soma", "axon", *self._dendritic())]
        for name in ("soma", "axon", *others, *self._dendritic()):
            if name in self._regions:
                yield name, self._regions[name]

    def region(self, name: str) -> list:
        """The sections of a region; none where the cell lacks it."""
        return self._regions.get(name, [])

    @property
    def axon(self) -> list:
        """The axon's sections."""
        return self.region("axon")

    @property
    def basal(self) -> list:
        """The basal dendrite's sections."""
        return self.region("basal")

    @property
    def apical(self) -> list:
        """The apical dendrite's sections."""
        return self.region("apical")

    @property
    def dendrites(self) -> list:
        """The sections with synapses, in order."""
        return [section for name in self._dendritic() for section in self.region(name)]

    def _dendritic(self) -> list[str]:
        wanted = ["basal", "apical"] if self.spec.built_by else self.spec.dendrites
        return [name for name in wanted if name in self._regions]

    def _check_regions(self, name: str) -> None:
        if missing := sorted(self._regions.keys() - self.spec.regions.keys()):
            raise NeuronIOError(
                f"the morphology {name} has a region {missing[0]}, of which the cell "
                f"{self.spec.name} says nothing"
            )
        if not self._dendritic():
            raise NeuronIOError(f"the morphology {name} has no dendrites; a cell needs some")

    def set_globals(self) -> None:
        """Set what NEURON has once for all cells: temperature, concentrations, GLOBAL variables.

        What the cell before set and this one does not gets NEURON's own value again.

        Raises:
            NeuronIOError: a variable does not exist.
        """
        wanted = dict(self.spec.globals)
        for ion, held in self.spec.ions.items():
            self._check_ion(ion)
            wanted[f"{ion}i0_{ion}_ion"] = held.inside_mM
            wanted[f"{ion}o0_{ion}_ion"] = held.outside_mM
        if missing := [name for name in wanted if not hasattr(h, name)]:
            raise NeuronIOError(
                f"NEURON has no global variable {missing[0]}, which the cell {self.spec.name} sets"
            )
        _restore_globals()
        h.celsius = self.spec.celsius_degC
        for name, value in wanted.items():
            _globals_before[name] = getattr(h, name)
            setattr(h, name, value)

    def _check_ion(self, ion: str) -> None:
        if not hasattr(h, f"{ion}_ion"):
            raise NeuronIOError(
                f"the cell {self.spec.name} says something of the ion {ion}, which none of its "
                "mechanisms uses"
            )

    def _set_segments(self) -> None:
        if self.spec.lambda_fraction is None:
            length_um = self.spec.um_per_segment_pair or 40
            for section in self.sections:
                self._set_nseg(section, section.L / length_um)
            return
        h.load_file("stdlib.hoc")
        place = self._places()
        for name, sections in self.regions():
            region = self.spec.regions[name]
            for section in sections:
                names = place(section(0.5), section(0.5))
                section.Ra = self._positive("Ra_ohm_cm", region.Ra_ohm_cm, names)
                section.cm = self._positive("cm_uF_cm2", region.cm_uF_cm2, names)
                length_um = h.lambda_f(100, sec=section) * self.spec.lambda_fraction
                self._set_nseg(section, (section.L / length_um + 0.9) / 2)

    def _set_nseg(self, section, pairs: float) -> None:
        """One segment and two for every whole pair."""
        if not pairs < (MOST_SEGMENTS + 1) / 2:
            raise NeuronIOError(
                f"the cell {self.spec.name} cuts a section of {section.L:.0f} um into more than "
                f"{MOST_SEGMENTS} segments; make um_per_segment_pair or lambda_fraction larger"
            )
        section.nseg = 1 + 2 * int(pairs)

    def _places(self) -> Callable[[Any, Any], dict[str, float]]:
        """What tells the names in expressions: of a segment, and of where its d is taken."""
        origin = self._origin()
        tips = self.apical or self.dendrites
        farthest = max(h.distance(origin, section(1)) for section in tips)
        return lambda segment, at: {
            "d": h.distance(origin, at),
            "D": farthest,
            "diam": segment.diam,
        }

    def _replace_axon(self) -> None:
        axon = self.spec.axon
        if isinstance(axon, AxonStub):
            one = AxonSection(length_um=axon.length_um, diameter_um=axon.diameter_um)
            axon = [one] * axon.sections
        if not isinstance(axon, list):
            return
        self._holder.axon = [h.Section(f"axon[{i}]", self._holder) for i in range(len(axon))]
        parent = self.soma(self.spec.axon_from)
        for section, given in zip(self._holder.axon, axon, strict=True):
            section.L, section.nseg = given.length_um, given.segments
            ends = given.diameter_um
            first, last = ends if isinstance(ends, list) else (ends, ends)
            for segment in section:
                segment.diam = first + (last - first) * segment.x
            section.connect(parent, 0)
            parent = section(1)
            self._regions.setdefault(given.region, []).append(section)

    def _origin(self):
        if self.spec.distance_origin == "soma":
            return self.soma(0.5)
        if not self.apical:
            raise NeuronIOError(
                f"the cell {self.spec.name} has no apical dendrite; set distance_origin to soma"
            )
        return self.apical[0](0)

    def _insert_membrane(self) -> None:
        place = self._places()
        for name, sections in self.regions():
            region = self.spec.regions[name]
            for section in sections:
                for mechanism in region.mechanisms:
                    self._insert(section, mechanism)
                self._set_reversals(section, region)
                for i, segment in enumerate(section):
                    last = self.spec.sample_last_segment_at_end and i == section.nseg - 1
                    names = place(segment, section(1) if last else segment)
                    if i == 0:
                        section.Ra = self._positive("Ra_ohm_cm", region.Ra_ohm_cm, names)
                    segment.cm = self._positive("cm_uF_cm2", region.cm_uF_cm2, names)
                    self._set_parameters(segment, region, names)

    def _insert(self, section, mechanism: str) -> None:
        if not hasattr(h, mechanism):
            raise NeuronIOError(
                f"the cell {self.spec.name} asks for the mechanism {mechanism}, which is neither "
                "NEURON's nor in mod_files nor in simulation/mod"
            )
        section.insert(mechanism)

    def _set_reversals(self, section, region: Region) -> None:
        for name, value in (self.spec.reversal_mV | region.reversal_mV).items():
            self._check_ion(name[1:])
            if h.ismembrane(f"{name[1:]}_ion", sec=section):
                setattr(section, name, value)

    def _set_parameters(self, segment, region: Region, distances: dict[str, float]) -> None:
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

    def _positive(self, key: str, value: float | str, distances: dict[str, float]) -> float:
        number = self._value(value, distances)
        if not 0 < number < math.inf:
            raise NeuronIOError(
                f"{key} of the cell {self.spec.name} is '{value}', which is {number:g} where d is "
                f"{distances['d']:g} um; it must be finite and above 0 everywhere"
            )
        return number

    def _find_nexus(self):
        site = self.spec.nexus
        if site is None:
            if self.apical and (fork := _main_fork(self.apical)):
                return fork(NEXUS_X)
            return max(self.dendrites, key=lambda s: h.distance(self.soma(0.5), s(1)))(NEXUS_X)
        sections = self.apical if site.section == "apic" else self.basal
        if site.index >= len(sections):
            raise NeuronIOError(
                f"the cell {self.spec.name} puts its nexus on {site.section}[{site.index}], but "
                f"the morphology has only {len(sections)} such sections"
            )
        return sections[site.index](site.x)

    def segment_table(self) -> SegmentTable:
        """Type, length, distance and section of every dendritic segment.

        Regions beyond basal and apical count as apical, which is how inputs are drawn for them.
        """
        index = {section: i for i, section in enumerate(self.dendrites)}
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
            "dendritic_sections": len(self.dendrites),
            "dendritic_segments": len(self.segments),
            "segments": sum(section.nseg for section in self.sections),
            "synapses": 2 * len(self.segments),
            "area_um2": sum(seg.area() for section in self.sections for seg in section),
            "nexus": f"{self.nexus.sec.name().removeprefix('cell.')}({self.nexus.x:g})",
            "nexus_distance_um": h.distance(self.soma(0.5), self.nexus),
            **self._farthest_apical(),
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

    def _farthest_apical(self) -> dict[str, float]:
        if not self.apical:
            return {}
        start = self.apical[0](0)
        return {"farthest_apical_um": max(h.distance(start, s(1)) for s in self.apical)}


def _restore_globals() -> None:
    for name, value in _globals_before.items():
        setattr(h, name, value)
    _globals_before.clear()


def build_cell(spec: CellSpec) -> Cell:
    """Build a cell model in NEURON.

    Raises:
        NeuronIOError: the morphology cannot be had, a mechanism or parameter does not exist, Ra or
            cm is not above 0 everywhere, or a section has too many segments.
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
    sums: dict[str, float] = {}
    if region not in spec.regions:
        return sums
    for mechanism, parameters in spec.regions[region].mechanisms.items():
        for name in (name for name in parameters if name == "g" or name.endswith("bar")):
            label = f"{name}_{mechanism}" if name == "g" else name
            segments = (seg for section in sections for seg in section)
            sums[label] = sum(getattr(getattr(seg, mechanism), name) for seg in segments)
    return sums


def _main_fork(apical: list):
    """The apical section that ends in the main fork: whose second daughter tree is longest."""
    length: dict[Any, float] = {}
    for section in reversed(apical):
        length[section] = section.L + sum(length.get(child, 0) for child in section.children())
    forks = {}
    for section in apical:
        daughters = sorted((length.get(c, 0) for c in section.children()), reverse=True)
        if len(daughters) > 1:
            forks[section] = daughters[1]
    if not forks:
        return None
    return max(forks, key=lambda section: forks[section])
