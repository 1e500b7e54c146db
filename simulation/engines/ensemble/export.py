"""A cell model as equations and numbers, taken from the model built in NEURON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from neuron import h

from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import Cell
from neuronio.simulation.engines.ensemble.equations import Equations, Instance, node_equations
from neuronio.simulation.engines.ensemble.tree import read_tree
from neuronio.simulation.nmodl.events import WEIGHT, reception
from neuronio.simulation.nmodl.expression import evaluate
from neuronio.simulation.nmodl.interpreter import Interpreter
from neuronio.simulation.nmodl.mechanism import Mechanism, read_mechanism

BUILTIN = Path(__file__).parents[2] / "nmodl" / "builtin"
"""MOD files of what NEURON has built in."""

MOST_GROUPS = 32
Known = dict[str, np.ndarray]


@dataclass(frozen=True)
class Group:
    """Nodes that have the same mechanisms.

    Attributes:
        equations: those of every node; nodes: (n,) indices into the cell's, ascending.
        known: (n,) numbers of every variable that is the same in all lanes.
        initial: (n,) every state at t = 0.
    """

    equations: Equations
    nodes: np.ndarray
    known: Known
    initial: Known


@dataclass(frozen=True)
class Gain:
    """What an event does.

    Attributes:
        synapses, nodes: (S,) each.
        state: its name on the node; or of a synapse to which an event does more than add, its own.
        amounts: (S,) what is added to the state; None for such a synapse.
    """

    synapses: np.ndarray
    nodes: np.ndarray
    state: str
    amounts: np.ndarray | None


@dataclass(frozen=True, eq=False)
class CellModel:
    """A cell for the kernel; see source/cell.h. N nodes, S dendritic segments.

    Attributes:
        parent: (N,) int32 index of the parent, which follows its children; the root's is its own.
        to_parent, from_parent: (N,) axial coefficients, S/cm2; see `Tree`.
        axial_diagonal: (N,) what axial currents add to the diagonal, S/cm2.
        junction: (N,) whether children other than the previous node join the node.
        capacitance: (N,) uF/cm2, 0 for points.
        groups: nodes with a membrane; gains: what events do.
        soma, nexus: node indices; segments: (S,) node indices.
        v_init_mV.
    """

    parent: np.ndarray
    to_parent: np.ndarray
    from_parent: np.ndarray
    axial_diagonal: np.ndarray
    junction: np.ndarray
    capacitance: np.ndarray
    groups: list[Group]
    gains: list[Gain]
    soma: int
    nexus: int
    segments: np.ndarray
    v_init_mV: float


def export_cell(cell: Cell) -> CellModel:
    """The equations and numbers of a built cell.

    Raises:
        NeuronIOError: the cell holds something that cannot be translated; it is named.
    """
    cell.set_globals()
    h.finitialize(cell.spec.v_init_mV)
    _check_points(cell)
    tree = read_tree(cell.sections)
    position = tree.index()
    segments = np.array([position[segment] for segment in cell.segments], dtype=np.int32)
    nodes = _Nodes(cell, tree.nodes, segments)
    return CellModel(
        parent=tree.parent,
        to_parent=tree.to_parent,
        from_parent=tree.from_parent,
        axial_diagonal=tree.axial_diagonal(),
        junction=tree.junction,
        capacitance=np.array([n.segment.cm if n.segment else 0.0 for n in tree.nodes]),
        groups=nodes.groups(),
        gains=list(nodes.gains()),
        soma=position[cell.soma(0.5)],
        nexus=position[cell.nexus.sec(cell.nexus.x)],
        segments=segments,
        v_init_mV=cell.spec.v_init_mV,
    )


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


@dataclass
class _Nodes:
    """Reads the mechanisms of a cell's nodes and their numbers."""

    cell: Cell
    nodes: list
    segments: np.ndarray
    _synapse_of: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self._synapse_of = {int(node): s for s, node in enumerate(self.segments)}

    def groups(self) -> list[Group]:
        """Nodes with a membrane by what they have; finer where a parameter is 0 on some of them."""
        by_mechanisms: dict[tuple, list[int]] = {}
        for i, node in enumerate(self.nodes):
            if node.segment is not None:
                by_mechanisms.setdefault(self._mechanism_names(i), []).append(i)
        whole = [self._group(names, nodes) for names, nodes in by_mechanisms.items()]
        split = [part for group in whole for part in _split_by_zeros(group)]
        return split if len(split) <= MOST_GROUPS else whole

    def _mechanism_names(self, i: int) -> tuple:
        segment = self.nodes[i].segment
        density = sorted(m.name() for m in segment if not m.name().endswith("_ion"))
        return tuple(n for n in density if n != "morphology"), i in self._synapse_of

    def _group(self, names: tuple, nodes: list[int]) -> Group:
        density, has_synapses = names
        instances = [Instance(self._mechanism(name), name) for name in density]
        if has_synapses:
            instances += [self._synapse(group) for group in self.cell.synapses]
        equations = node_equations(instances)
        own = {instance.prefix: instance for instance in instances}
        lanes = equations.lane_variables
        known = self._known(_variables(equations) - lanes, own, nodes)
        initial = {state: self._read(state, own, nodes) for state in equations.states}
        return Group(equations, np.array(nodes), known, initial)

    def _mechanism(self, name: str) -> Mechanism:
        path = self.cell.mechanism_files.get(name, BUILTIN / f"{name}.mod")
        if not path.is_file():
            raise NeuronIOError(
                f"the ensemble engine does not know the mechanism {name}, of which there is no MOD "
                "file; use engine neuron"
            )
        return read_mechanism(path)

    def _known(self, names: set[str], own: dict[str, Instance], nodes: list[int]) -> Known:
        return {name: self._read(name, own, nodes) for name in sorted(names - {"dt", "order"})}

    def _read(self, name: str, own: dict[str, Instance], nodes: list[int]) -> np.ndarray:
        """(n,) what NEURON holds for a variable of a node."""
        segments = [self.nodes[i].segment for i in nodes]
        match name:
            case "celsius":
                return np.full(len(nodes), h.celsius)
            case "area":
                return np.array([segment.area() for segment in segments])
            case "diam":
                return np.array([segment.diam for segment in segments])
            case "point_scale":
                return np.array([1e2 / segment.area() for segment in segments])
        owner, _, local = name.rpartition(".")
        if owner not in own:
            return _read_ion(owner, local, segments)
        instance = own[owner]
        mechanism = instance.mechanism
        if local == WEIGHT:
            return np.full(len(nodes), self._group_of(instance).weight)
        if local.startswith("received "):
            first = reception(mechanism).initial[local.removeprefix("received ")]
            e = instance.named(first)
            values = evaluate(e, self._known(set(e.variables), own, nodes))
            return np.broadcast_to(values, (len(nodes),))
        if local in mechanism.parameters and local not in mechanism.ranges:
            return np.full(len(nodes), getattr(h, f"{local}_{mechanism.name}"))
        if local in mechanism.ranges or local in mechanism.states:
            holders = [self._holder(instance, i) for i in nodes]
            return np.array([_attribute(holder, local) for holder in holders], dtype=float)
        return self._initial(name, instance, own, nodes)

    def _holder(self, instance: Instance, node: int) -> Any:
        """NEURON's object with a mechanism's variables on a node."""
        if not instance.mechanism.point:
            return getattr(self.nodes[node].segment, instance.mechanism.name)
        return self._group_of(instance).points[self._synapse_of[node]]

    def _group_of(self, instance: Instance) -> Any:
        name = instance.prefix.removesuffix(" synapse")
        return next(group for group in self.cell.synapses if group.name == name)

    def _initial(
        self, name: str, instance: Instance, own: dict[str, Instance], nodes: list[int]
    ) -> np.ndarray:
        """(n,) what a mechanism's INITIAL block gives a variable that NEURON does not show."""
        mechanism = instance.mechanism
        interpreter = Interpreter(mechanism)
        if mechanism.initial is not None:
            interpreter.run(mechanism.initial)
        local = name.rpartition(".")[2]
        found = interpreter.values.get(local)
        if found is None or local in found.variables:
            mechanism.refuse(local, "is read before it is set")
        e = instance.named(found)
        known = self._known(set(e.variables) - {"v"}, own, nodes)
        values = evaluate(e, {**known, "v": np.full(len(nodes), self.cell.spec.v_init_mV)})
        return np.broadcast_to(values, (len(nodes),))

    def gains(self) -> Iterator[Gain]:
        """What events add to the states of every synapse."""
        n = len(self.segments)
        nodes = [int(node) for node in self.segments]
        for group in self.cell.synapses:
            instance = self._synapse(group)
            own = {instance.prefix: instance}
            synapses = np.arange(n) + (0 if group.excitatory else n)
            gains = reception(instance.mechanism).gains
            if gains is None:
                yield Gain(synapses, self.segments, instance.prefix, None)
                continue
            for state, added in gains.items():
                e = instance.named(added)
                known = self._known(set(e.variables), own, nodes)
                amounts = np.broadcast_to(evaluate(e, known), (n,))
                yield Gain(synapses, self.segments, instance.name(state), amounts)

    def _synapse(self, group: Any) -> Instance:
        return Instance(self._mechanism(_kind(group)), f"{group.name} synapse")


def _variables(equations: Equations) -> set[str]:
    names = set(equations.current.variables | equations.conductance.variables)
    for update in (*equations.density, *equations.points, *equations.decays):
        names |= update.variables
    for pair in equations.ion_currents.values():
        names |= pair[0].variables | pair[1].variables
    for values in equations.receptions.values():
        names |= {name for e in values.values() for name in e.variables}
    return names - {"t"}


def _kind(group: Any) -> str:
    """The mechanism of a group's point processes."""
    return group.points[0].hname().split("[")[0]


def _attribute(holder: Any, name: str) -> float:
    if "[" in name:
        array, index = name.rstrip("]").split("[")
        return getattr(holder, array)[int(index)]
    return getattr(holder, name)


def _read_ion(ion: str, role: str, segments: list) -> np.ndarray:
    if role == "nernst":
        # Per factor of two in concentration, as NEURON computes it at this temperature.
        return np.full(len(segments), h.nernst(1, 2, h.ion_charge(f"{ion}_ion")))
    name = {"e": f"e{ion}", "inside": f"{ion}i", "outside": f"{ion}o", "i": f"i{ion}"}[role]
    return np.array([getattr(segment, name) for segment in segments])


def _split_by_zeros(group: Group) -> Iterator[Group]:
    """A group's nodes by which parameters are 0, where they are so on some of them only."""
    mixed = [v == 0 for v in group.known.values() if (v == 0).any() and (v != 0).any()]
    if not mixed:
        yield group
        return
    patterns, which = np.unique(np.array(mixed), axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):
        mine = np.flatnonzero(which.ravel() == k)
        known, initial = (
            {name: values[mine] for name, values in table.items()}
            for table in (group.known, group.initial)
        )
        yield Group(group.equations, group.nodes[mine], known, initial)
