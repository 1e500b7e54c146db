"""A cell model as numbers, taken from the model built in NEURON and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from neuron import h

from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import Cell
from neuronio.simulation.engines.ensemble.tree import Node, Tree, read_tree

JUNCTION = 30  # bit of a node that marks a junction, after those of mechanisms
CHANNELS_OF = {
    "na_ion": {"NaTa_t", "NaTs2_t", "Nap_Et2"},
    "k_ion": {"SK_E2", "Im", "SKv3_1", "K_Tst", "K_Pst"},
    "ca_ion": {"SK_E2", "Ca_HVA", "Ca_LVAst"},
}


@dataclass(frozen=True)
class MechanismLayout:
    """A mechanism in the kernel: its bit is its place in the list of all of them."""

    name: str
    parameters: tuple[str, ...]
    states: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> list[MechanismLayout]:
        """From the kernel's own description, 'NAME|parameters|states;...'."""
        parts = [entry.split("|") for entry in text.split(";")]
        return [cls(name, _words(p), _words(s)) for name, p, s in parts]


@dataclass(frozen=True)
class SynapseType:
    """Constants of one synapse component, the same on every segment."""

    excitatory: bool
    tau_rise_ms: float
    tau_decay_ms: float
    reversal_mV: float
    magnesium_mM: float  # 0 where there is no block


@dataclass(frozen=True)
class CellModel:
    """A cell for the kernel; see source/cell.h. N nodes, M states, S dendritic segments.

    Attributes:
        parent: (N,) int32 index of the parent, which follows its children; the root's is its own.
        to_parent, from_parent: (N,) axial coefficients, S/cm2; see `Tree`.
        axial_diagonal: (N,) what axial currents add to the diagonal, S/cm2.
        mechanisms: (N,) uint32, the bits of each node's mechanisms.
        capacitance: (N,) uF/cm2, 0 for points.
        parameters: every node's parameters, in node order.
        initial: (M,) states at t = 0.
        synapse_types: excitatory ones first.
        synapse_state: (2 S,) int32, first state of the synapse.
        synapse_kinds: (2 S,) int32, how many components the synapse has.
        synapse_weight: (2 S, most types) what an event adds to the states, S/cm2, zero-padded.
        soma, nexus: node indices; segments: (S,) node indices.
        v_init_mV, nernst_mV (eca per factor of two in concentration), cao_mM, sk_tau_ms.
    """

    parent: np.ndarray
    to_parent: np.ndarray
    from_parent: np.ndarray
    axial_diagonal: np.ndarray
    mechanisms: np.ndarray
    capacitance: np.ndarray
    parameters: np.ndarray
    initial: np.ndarray
    synapse_types: list[SynapseType]
    synapse_state: np.ndarray
    synapse_kinds: np.ndarray
    synapse_weight: np.ndarray
    soma: int
    nexus: int
    segments: np.ndarray
    v_init_mV: float
    nernst_mV: float
    cao_mM: float
    sk_tau_ms: float


def export_cell(
    cell: Cell, layout: list[MechanismLayout], max_types: int, dt_ms: float
) -> CellModel:
    """The numbers of a built cell.

    Args:
        layout: the kernel's mechanisms; max_types: how many synapse types it holds.
        dt_ms: the time step, which the calcium dynamics' parameters contain.

    Raises:
        NeuronIOError: the cell holds something that the kernel does not know; it is named.
    """
    h.celsius = cell.spec.celsius_degC
    h.finitialize(cell.spec.v_init_mV)
    groups = sorted(cell.synapses, key=lambda group: not group.excitatory)
    if len(groups) > max_types:
        raise NeuronIOError(
            f"the cell {cell.spec.name} has {len(groups)} synapse components but the ensemble "
            f"engine holds {max_types}; use engine neuron"
        )
    _check_points(cell)
    tree = read_tree(cell.sections)
    position = tree.index()
    segments = np.array([position[segment] for segment in cell.segments], dtype=np.int32)
    return CellModel(
        parent=tree.parent,
        to_parent=tree.to_parent,
        from_parent=tree.from_parent,
        axial_diagonal=tree.axial_diagonal(),
        capacitance=np.array([n.segment.cm if n.segment else 0.0 for n in tree.nodes]),
        **_membrane(tree, layout, segments, [group.excitatory for group in groups], dt_ms),
        synapse_types=[_synapse_type(group) for group in groups],
        synapse_weight=_synapse_weights(cell, groups, max_types),
        soma=position[cell.soma(0.5)],
        nexus=position[cell.nexus.sec(cell.nexus.x)],
        segments=segments,
        v_init_mV=cell.spec.v_init_mV,
        nernst_mV=h.nernst(1, 2, 2),
        cao_mM=h.cao0_ca_ion,
        sk_tau_ms=h.ztau_SK_E2,
    )


def _membrane(
    tree: Tree,
    layout: list[MechanismLayout],
    segments: np.ndarray,
    excitatory: list[bool],
    dt_ms: float,
) -> dict[str, np.ndarray]:
    """Mechanisms, parameters and states of all nodes in order, and where synapses have theirs."""
    synapse_of = {node: s for s, node in enumerate(segments)}
    first_state = np.zeros(len(segments), dtype=np.int32)
    mechanisms, parameters, initial = [], [], []
    for i, node in enumerate(tree.nodes):
        bits = int(tree.junction[i]) << JUNCTION
        for bit, mechanism in enumerate(_present(node, layout)):
            if mechanism is not None:
                bits |= 1 << bit
                parameters.extend(_parameters(node.segment, mechanism, dt_ms))
                initial.extend(_states(node.segment, mechanism))
        if i in synapse_of:
            bits |= ((1 << len(excitatory)) - 1) << len(layout)
            first_state[synapse_of[i]] = len(initial)
            initial.extend([0.0] * (2 * len(excitatory)))
        mechanisms.append(bits)
    n_excitatory = sum(excitatory)
    kinds = [n_excitatory, len(excitatory) - n_excitatory]
    return {
        "mechanisms": np.array(mechanisms, dtype=np.uint32),
        "parameters": np.array(parameters),
        "initial": np.array(initial),
        "synapse_state": np.concatenate([first_state, first_state + 2 * n_excitatory]),
        "synapse_kinds": np.repeat(np.array(kinds, dtype=np.int32), len(segments)),
    }


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _check_points(cell: Cell) -> None:
    """Point processes other than the cell's synapses would be left out: refuse them."""
    known = {point.hname() for group in cell.synapses for point in group.points}
    for section in cell.sections:
        for segment in [section(0), *section, section(1)]:
            for point in segment.point_processes():
                if point.hname() not in known:
                    raise NeuronIOError(
                        f"the ensemble engine does not know {point.hname()} at {segment}; take it "
                        "out or use engine neuron"
                    )


def _present(node: Node, layout: list[MechanismLayout]) -> list[MechanismLayout | None]:
    """For each bit, the mechanism where the node has it and it can carry current."""
    if node.segment is None:
        return [None] * len(layout)
    known = {mechanism.name for mechanism in layout}
    inserted = {mechanism.name() for mechanism in node.segment}
    if unknown := sorted(inserted - known):
        raise NeuronIOError(
            f"the ensemble engine does not know the mechanism {unknown[0]}, which "
            f"{node.segment.sec.name()} has; use engine neuron"
        )
    active = {name for name in inserted if _maximal(node.segment, name) != 0}
    for ion, channels in CHANNELS_OF.items():
        if not active & channels:
            active.discard(ion)
    if not active & CHANNELS_OF["ca_ion"]:
        active.discard("CaDynamics_E2")
    if "CaDynamics_E2" in active:
        active.discard("ca_ion")
    return [mechanism if mechanism.name in active else None for mechanism in layout]


def _maximal(segment, name: str) -> float:
    """A mechanism's maximal conductance; 1 for what is not a channel."""
    mechanism = getattr(segment, name)
    return getattr(mechanism, "g" if name == "pas" else f"g{name}bar", 1.0)


def _parameters(segment, layout: MechanismLayout, dt_ms: float) -> list[float]:
    mechanism = getattr(segment, layout.name)
    if layout.name == "CaDynamics_E2":
        gain = -1e4 * mechanism.gamma / (2 * h.FARADAY * mechanism.depth) * mechanism.decay
        return [-np.expm1(-dt_ms / mechanism.decay), gain, mechanism.minCai]
    if layout.name == "ca_ion":
        return [segment.eca, np.log2(segment.cai)]
    owner = segment if layout.name.endswith("_ion") else mechanism
    return [getattr(owner, name) for name in layout.parameters]


def _states(segment, layout: MechanismLayout) -> list[float]:
    if layout.name == "CaDynamics_E2":
        return [segment.cai, 0.0, 0.0, 0.0]
    return [getattr(getattr(segment, layout.name), name) for name in layout.states]


def _synapse_type(group) -> SynapseType:
    """The constants of a group's point processes.

    Raises:
        NeuronIOError: they are of a kind the kernel does not know, or differ among segments.
    """
    kinds = {point.hname().split("[")[0] for point in group.points}
    if unknown := sorted(kinds - {"Exp2Syn", "NMDA"}):
        raise NeuronIOError(
            f"the ensemble engine does not know the synapse {unknown[0]}; use engine neuron"
        )
    blocked = kinds == {"NMDA"}
    constants = {(p.tau1, p.tau2, p.e, p.mg if blocked else 0.0) for p in group.points}
    if len(constants) != 1 or len(kinds) != 1:
        raise NeuronIOError(
            f"the synapse component {group.name} differs among segments, which the ensemble "
            "engine does not support; use engine neuron"
        )
    return SynapseType(group.excitatory, *constants.pop())


def _synapse_weights(cell: Cell, groups: list, max_types: int) -> np.ndarray:
    """What one event adds to the states A and B of each synapse's components, (2 S, kinds)."""
    density = 1e2 / np.array([segment.area() for segment in cell.segments])
    weights = np.zeros((2, len(cell.segments), max_types))
    for excitatory in (True, False):
        mine = [group for group in groups if group.excitatory == excitatory]
        for k, group in enumerate(mine):
            point = group.points[0]
            rise, decay = point.tau1, point.tau2
            peak = rise * decay / (decay - rise) * np.log(decay / rise)
            factor = 1 / (np.exp(-peak / decay) - np.exp(-peak / rise))
            weights[int(not excitatory), :, k] = group.weight_uS * factor * density
    return weights.reshape(-1, max_types)
