"""Read a morphology in NEURON, and account for every section of it."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neuron import h

from neuronio.errors import NeuronIOError
from neuronio.simulation.morphology import READERS
from neuronio.simulation.morphology_swc import FIRST_CUSTOM, clean_swc

LISTS = {"soma": "soma", "axon": "axon", "dend": "basal", "apic": "apical"}
"""Regions of the lists that NEURON's Import3d makes."""
# Properties that newer programs write behind a tree's type, which Import3d would take for the type.
PROPERTIES = re.compile(r"\((?:GUID|MBFObjectType|Resolution|FillDensity)\b[^()]*\)")


class Tree:
    """Sections of a reconstructed cell: lists that NEURON's Import3d names and fills."""

    def __init__(self) -> None:
        self.soma: list[Any] = []
        self.axon: list[Any] = []
        self.dend: list[Any] = []
        self.apic: list[Any] = []

    def __str__(self) -> str:
        return "cell"


def read_morphology(
    path: Path, section_types: Mapping[int, str], keeps_axon: bool
) -> tuple[Tree, dict[str, list]]:
    """Read a morphology into NEURON sections.

    Args:
        section_types: regions of SWC types beyond 1 to 6; keeps_axon: whether axons stay.

    Returns:
        What holds the sections, and the lists of sections by region, in the file's order.

    Raises:
        NeuronIOError: the file cannot be read whole, is not one tree, or has no soma.
    """
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    before = set(h.allsec())
    tree = Tree()
    with _clean(path, section_types, keeps_axon) as (clean, custom):
        reader = getattr(h, READERS[path.suffix.lower()])()
        reader.quiet = 1
        try:
            reader.input(str(clean))
            h.Import3d_GUI(reader, False).instantiate(tree)
        except Exception as error:
            raise NeuronIOError(f"NEURON cannot read the morphology {path}: {error}") from error
    names = LISTS | {f"dend_{FIRST_CUSTOM + i}": name for i, name in enumerate(custom)}
    regions: dict[str, list] = {}
    for name, sections in list(vars(tree).items()):
        if name != "all" and sections:
            if name not in names:
                raise NeuronIOError(
                    f"{path.name}: NEURON cannot tell what {sections[0].name()} is; say axon, "
                    "dendrite or apical dendrite directly behind the tree's opening"
                )
            regions.setdefault(names[name], []).extend(sections)
    if "soma" not in regions:
        raise NeuronIOError(f"the morphology {path} has no soma; a cell needs one")
    check_one_tree(regions, set(h.allsec()) - before, path.name)
    return tree, regions


def check_one_tree(regions: Mapping[str, list], sections: set, name: str) -> None:
    """Every section is in exactly one region, and all form one tree.

    Raises:
        NeuronIOError: they do not; the section is named.
    """
    counted: dict[Any, str] = {}
    for region, members in regions.items():
        for section in members:
            if section in counted:
                raise NeuronIOError(
                    f"{name}: {section.name()} is in the regions {counted[section]} and {region}"
                )
            counted[section] = region
    if lost := sorted(section.name() for section in sections - counted.keys()):
        raise NeuronIOError(f"{name}: {lost[0]} is in no region of the cell")
    connected = set(regions["soma"][0].wholetree())
    if loose := sorted(section.name() for section in counted.keys() - connected):
        raise NeuronIOError(
            f"{name}: {loose[0]} is not connected to {regions['soma'][0].name()}; a cell must be "
            "one tree"
        )
    if more := sorted(section.name() for section in connected - counted.keys()):
        raise NeuronIOError(f"{name}: {more[0]} is connected to the cell but in no region of it")


@contextlib.contextmanager
def _clean(
    path: Path, section_types: Mapping[int, str], keeps_axon: bool
) -> Iterator[tuple[Path, list[str]]]:
    """A checked copy of the file, and its regions beyond the usual ones."""
    custom: list[str] = []
    if path.suffix.lower() == ".swc":
        text, custom = clean_swc(path, section_types, keeps_axon)
    else:
        try:
            text = PROPERTIES.sub("", path.read_bytes().decode("latin-1"))
        except OSError as error:
            raise NeuronIOError(f"cannot read the morphology {path}: {error.strerror}") from error
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / f"cell{path.suffix.lower()}"
        clean.write_bytes(text.encode("latin-1", errors="replace"))
        yield clean, custom
