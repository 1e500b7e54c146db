"""Read a morphology in NEURON, and account for every section of it."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neuron import h

from neuronio.errors import NeuronIOError
from neuronio.simulation.morphology import READERS
from neuronio.simulation.morphology_swc import FIRST_CUSTOM, clean_swc

LISTS = {"soma": "soma", "axon": "axon", "dend": "basal", "apic": "apical"}
"""Regions of the lists that NEURON's Import3d makes."""
LARGEST_ASC_UM = 1e6
"""Beyond any microscope's stage."""
# Properties that newer programs write behind a tree's type, which Import3d would take for the type.
PROPERTIES = re.compile(r"\((?:GUID|MBFObjectType|Resolution|FillDensity)\b[^()]*\)")
# What Import3d says of every file.
PLAIN = re.compile(r"\d+ lines read|\d+ spines|^.* problems$", re.MULTILINE)

_stopped_by: list[str] = []
"""A file that NEURON's hoc stopped at: it runs no hoc after that."""


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
    if _stopped_by:
        raise NeuronIOError(
            f"NEURON's reader stopped at {_stopped_by[0]} and reads nothing more in this process; "
            "begin a new one"
        )
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    before = set(h.allsec())
    tree = Tree()
    with _clean(path, section_types, keeps_axon) as (clean, custom):
        reader = getattr(h, READERS[path.suffix.lower()])()
        said = io.StringIO()
        try:
            # NEURON takes no path with letters beyond ASCII.
            here = contextlib.chdir(clean.parent)
            with here, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                reader.input(clean.name)
                h.Import3d_GUI(reader, False).instantiate(tree)
        except Exception as error:
            raise NeuronIOError(
                f"NEURON cannot read the morphology {path.name}: {error}"
            ) from error
        if stopped := re.search(r"parse error.*^line (\d+): *(.*)$", said.getvalue(), re.M | re.S):
            _stopped_by.append(path.name)
            raise NeuronIOError(f"{path.name}:{stopped[1]}: NEURON cannot read {stopped[2]!r}")
        if complaint := PLAIN.sub("", said.getvalue()).split():
            warnings.warn(f"{path.name}: {' '.join(complaint)}", stacklevel=2)
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
    if not keeps_axon:
        for section in regions.pop("axon", []):
            h.delete_section(sec=section)
        vars(tree).pop("axon", None)
    check_one_tree(regions, set(h.allsec()) - before, path.name)
    _check_sizes(regions, path.name)
    return tree, regions


def _check_sizes(regions: Mapping[str, list], name: str) -> None:
    for region, sections in regions.items():
        for section in sections:
            if not section.L > 0:
                raise NeuronIOError(f"{name}: {section.name()} has no length; take it out")
            thin = any(not section.diam3d(i) > 0 for i in range(section.n3d()))
            if thin and region != "soma":
                raise NeuronIOError(f"{name}: {section.name()} has a point without a diameter")


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


def _check_asc_points(name: str, text: str) -> None:
    """Refuse what Import3d would stop at, read as something else, or pass over."""
    opened: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        for mark in re.findall(r'"[^"]*"|;.*|[()]', line):
            if mark == "(":
                opened.append(number)
            elif mark == ")" and not opened:
                raise NeuronIOError(f"{name}:{number}: a ) closes nothing")
            elif mark == ")":
                opened.pop()
        line = re.sub(r"RGB\s*\([^)]*\)", "", line.partition(";")[0])
        for inside, end in re.findall(r"\(\s*([-+.\d][^()]*)(\)?)", line):
            words = inside.split()[:4]
            if len(words) < 3:
                continue
            if not end:
                raise NeuronIOError(f"{name}:{number}: the point ({inside.strip()} is not closed")
            for word in words:
                try:
                    wrong = not abs(float(word)) < LARGEST_ASC_UM
                except ValueError:
                    wrong = True
                if wrong:
                    hint = "; write decimals with a point" if "," in word else ""
                    raise NeuronIOError(
                        f"{name}:{number}: the point has {word!r} where a coordinate or diameter "
                        f"in um belongs{hint}"
                    )
    if opened:
        raise NeuronIOError(f"{name}:{opened[-1]}: what opens here is not closed")


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
            _check_asc_points(path.name, text)
        except OSError as error:
            raise NeuronIOError(f"cannot read the morphology {path}: {error.strerror}") from error
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / f"cell{path.suffix.lower()}"
        clean.write_bytes(text.encode("latin-1", errors="replace"))
        yield clean, custom
