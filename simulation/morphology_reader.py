"""Read and check a morphology in NEURON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neuron import h

from neuronio.errors import NeuronIOError
from neuronio.simulation.morphology import READERS


class Tree:
    """Sections of a reconstructed cell: lists that NEURON's Import3d names and fills."""

    def __init__(self) -> None:
        self.soma: list[Any] = []
        self.axon: list[Any] = []
        self.dend: list[Any] = []
        self.apic: list[Any] = []

    def __str__(self) -> str:
        return "cell"


def read_morphology(path: Path) -> Tree:
    """Read a morphology into NEURON sections.

    Raises:
        NeuronIOError: NEURON cannot read the file, or it lacks a soma, basal or apical dendrites.
    """
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    reader = getattr(h, READERS[path.suffix.lower()])()
    reader.quiet = 1
    tree = Tree()
    try:
        reader.input(str(path))
        h.Import3d_GUI(reader, False).instantiate(tree)
    except Exception as error:
        raise NeuronIOError(f"NEURON cannot read the morphology {path}: {error}") from error
    for part, what in (("soma", "soma"), ("dend", "basal dendrites"), ("apic", "apical dendrites")):
        if not getattr(tree, part):
            raise NeuronIOError(
                f"the morphology {path} has no {what}; the cell models need soma, basal and "
                "apical dendrites"
            )
    return tree
