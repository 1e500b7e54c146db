"""The nodes of a cell's tree and the axial coefficients between them, as NEURON has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuronio.errors import NeuronIOError

ZERO_AREA_UM2 = 100.0  # the area that NEURON's equations give to nodes without membrane


@dataclass
class Node:
    """A segment, or a point without membrane where sections meet.

    Attributes:
        segment: the NEURON segment, or None for a point.
        parent: the node towards the root, None for the root.
        resistance_Mohm: axial resistance to the parent.
        children: the nodes away from the root.
    """

    segment: Any
    parent: Node | None = None
    resistance_Mohm: float = 0.0
    children: list[Node] = field(default_factory=list)

    @property
    def area_um2(self) -> float:
        """Membrane area, or NEURON's stand-in for a point."""
        return self.segment.area() if self.segment is not None else ZERO_AREA_UM2

    def attach(self, parent: Node, resistance_Mohm: float) -> None:
        """Make this a child of `parent`."""
        self.parent, self.resistance_Mohm = parent, resistance_Mohm
        parent.children.append(self)


@dataclass(frozen=True)
class Tree:
    """A cell's nodes in the order of elimination: every node before its parent, the root last.

    Attributes:
        nodes: the nodes.
        parent: (nodes,) int32 index of the parent; the root's own index for the root.
        to_parent: (nodes,) coefficient of the parent's voltage in the node's equation, S/cm2, < 0.
        from_parent: (nodes,) coefficient of the node's voltage in its parent's equation, S/cm2.
        junction: (nodes,) whether children other than the previous node join the node.
    """

    nodes: list[Node]
    parent: np.ndarray
    to_parent: np.ndarray
    from_parent: np.ndarray
    junction: np.ndarray

    def axial_diagonal(self) -> np.ndarray:
        """What axial currents add to the diagonal of each node's equation, (nodes,) S/cm2."""
        diagonal = -self.to_parent
        np.subtract.at(diagonal, self.parent, self.from_parent)
        return diagonal

    def index(self) -> dict:
        """Node index of every segment, keyed by the segment."""
        return {n.segment: i for i, n in enumerate(self.nodes) if n.segment is not None}


def read_tree(sections: list) -> Tree:
    """The tree of a built NEURON model.

    Points without membrane that end a branch, or have a single child, carry no equation of their
    own: the first conduct nothing and the second are two resistances in series, both exactly.

    Raises:
        NeuronIOError: the sections are not one tree of sections joined by their 0 ends.
    """
    root = _root(_linked(sections))
    nodes = _preorder(root)[::-1]
    position = {id(node): i for i, node in enumerate(nodes)}
    parent = np.array([position[id(n.parent or n)] for n in nodes], dtype=np.int32)
    to_parent, from_parent = np.zeros(len(nodes)), np.zeros(len(nodes))
    for i, node in enumerate(nodes[:-1]):
        to_parent[i] = -1e2 / (node.resistance_Mohm * node.area_um2)
        from_parent[i] = -1e2 / (node.resistance_Mohm * nodes[parent[i]].area_um2)
    junction = np.zeros(len(nodes), dtype=bool)
    junction[parent[parent != np.arange(len(nodes)) + 1]] = True
    return Tree(nodes, parent, to_parent, from_parent, junction)


def _linked(sections: list) -> list[Node]:
    """A node for each segment and section end, linked as NEURON links them."""
    at = {}
    for section in sections:
        if section.orientation() != 0:
            raise NeuronIOError(f"{section.name()} is connected by its 1 end; connect its 0 end")
        at[section] = [Node(segment) for segment in section]
    ends = {section: Node(None) for section in sections}
    starts: dict = {}

    def start(section) -> Node:
        """The node at a section's 0 end."""
        if section not in starts:
            place = section.parentseg()
            if place is None:
                starts[section] = Node(None)
            elif place.sec not in at:
                raise NeuronIOError(
                    f"{section.name()} is connected to {place.sec.name()}, which is not a section "
                    "of the cell"
                )
            elif place.x == 0:
                starts[section] = start(place.sec)
            elif place.x == 1:
                starts[section] = ends[place.sec]
            else:
                starts[section] = at[place.sec][int(place.x * place.sec.nseg)]
        return starts[section]

    for section in sections:
        above = start(section)
        for node in at[section]:
            node.attach(above, node.segment.ri())
            above = node
        ends[section].attach(above, section(1).ri())
    nodes = [*starts.values(), *(node for inner in at.values() for node in inner), *ends.values()]
    return list({id(node): node for node in nodes}.values())


def _root(nodes: list[Node]) -> Node:
    """The root, after points that need no equation were taken out."""
    for node in nodes:
        if node.segment is None and node.parent is not None and len(node.children) < 2:
            node.parent.children.remove(node)
            for child in node.children:
                child.attach(node.parent, node.resistance_Mohm + child.resistance_Mohm)
    roots = [node for node in nodes if node.parent is None]
    if len(roots) != 1:
        raise NeuronIOError(
            f"the cell is {len(roots)} trees, but must be one; connect every section to another"
        )
    root = roots[0]
    if root.segment is None and len(root.children) == 1:
        root = root.children[0]
        root.parent, root.resistance_Mohm = None, 0.0
    return root


def _preorder(root: Node) -> list[Node]:
    order, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting.extend(reversed(node.children))
    return order
