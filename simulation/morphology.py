"""Find, read and check a morphology."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from neuron import h

from neuronio.data.fetch import fetch, refuse_shadow, sources
from neuronio.errors import NeuronIOError

READERS = {".asc": "Import3d_Neurolucida3", ".swc": "Import3d_SWC_read"}


class Tree:
    """Sections of a reconstructed cell: lists that NEURON's Import3d names and fills."""

    def __init__(self) -> None:
        self.soma: list[Any] = []
        self.axon: list[Any] = []
        self.dend: list[Any] = []
        self.apic: list[Any] = []

    def __str__(self) -> str:
        return "cell"


def find_morphology(name: str) -> Path:
    """The path of a morphology.

    A bare name of `data/sources.tsv` always means that source, and is refused where the working
    folder or that of the cell's YAML file (`load_cell`) holds another file of the name; anything
    else, `./NAME` included, is a path of the user's.

    Raises:
        NeuronIOError: it is neither, it is ambiguous, or it cannot be fetched.
    """
    if name in sources():
        refuse_shadow(name, "")
        return fetch(name)
    path = Path(name)
    if path.suffix.lower() not in READERS:
        raise NeuronIOError(f"the morphology {name} must be an .asc or .swc file")
    if not path.is_file():
        raise NeuronIOError(
            f"there is no morphology {name}: give the path of a file or one of "
            f"{', '.join(sources())}"
        )
    return path


def morphology_sha256(name: str) -> str:
    """Checksum of a morphology's content; a source's is known before it is fetched.

    Raises:
        NeuronIOError: as `find_morphology`.
    """
    if name in sources():
        refuse_shadow(name, "")
        return sources()[name].sha256
    return hashlib.sha256(find_morphology(name).read_bytes()).hexdigest()


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
