"""Cells that a user's own NEURON code builds."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from neuron import h

from neuronio.errors import NeuronIOError
from neuronio.simulation.morphology_reader import check_one_tree

MEMBERS = {
    "soma": "soma",
    "somatic": "soma",
    "axon": "axon",
    "axonal": "axon",
    "dend": "basal",
    "basal": "basal",
    "apic": "apical",
    "apical": "apical",
}
"""Lists and sections of a cell object, and the region that each is usually meant for."""
NAMES = (
    ("soma", r"soma|cellbody"),
    ("axon", r"axon|ais|hillock|iseg|myelin|node|initial"),
    ("apical", r"apic|tuft|trunk|oblique"),
    ("basal", r"dend|basal|bas\b"),
)
"""What a section's name tells where no list does."""


def built_by(code: str) -> tuple[Any, dict[str, list]]:
    """Run FILE.py:function or FILE.hoc:Template and take the sections that it makes.

    A section's region is that of the lists soma/somatic, axon/axonal, dend/basal and apic/apical of
    the object, else what its name tells.

    Returns:
        The object, to be kept as long as the sections, and the sections by region.

    Raises:
        NeuronIOError: the code fails, or makes no soma, or a section of which the region cannot be
            told, or more than one tree.
    """
    path, _, what = code.rpartition(":")
    before = set(h.allsec())
    made = _run_python(path, what) if path.endswith(".py") else _run_hoc(path, what)
    sections = [section for section in h.allsec() if section not in before]
    if not sections:
        raise NeuronIOError(f"{code} made no sections; it must build a cell and return it")
    listed = _listed(made)
    regions: dict[str, list] = {}
    for section in sections:
        region = listed.get(section) or _by_name(section.name())
        if region is None:
            raise NeuronIOError(
                f"{code}: cannot tell the region of {section.name()}; put it into a list soma, "
                "axon, dend or apic of the cell"
            )
        regions.setdefault(region, []).append(section)
    for needed in ("soma", "dendrite"):
        if not (regions.get(needed) or needed == "dendrite" and regions.keys() - {"soma", "axon"}):
            raise NeuronIOError(f"{code} made a cell without a {needed}")
    check_one_tree(regions, set(sections), code)
    return (made, sections), regions


def _listed(made: Any) -> dict[Any, str]:
    """Regions of the sections that an object's lists name."""
    found: dict[Any, str] = {}
    for member, region in MEMBERS.items():
        held = getattr(made, member, None)
        if held is None:
            continue
        try:
            members = list(held)
        except TypeError:
            members = [held]
        for item in members:
            # Iterating over a section gives its segments.
            section = item if hasattr(item, "nseg") else getattr(item, "sec", None)
            if section is not None:
                found.setdefault(section, region)
    return found


def _by_name(name: str) -> str | None:
    local = name.rpartition(".")[2].lower()
    return next((region for region, pattern in NAMES if re.search(pattern, local)), None)


def _run_python(path: str, function: str) -> Any:
    spec = spec_from_file_location(f"neuronio_user_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise NeuronIOError(f"there is no Python file {path}")
    module = module_from_spec(spec)
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        spec.loader.exec_module(module)
        return getattr(module, function)()
    except Exception as error:
        raise NeuronIOError(f"{path}:{function} failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)


def _run_hoc(path: str, template: str) -> Any:
    if not os.path.isfile(path):
        raise NeuronIOError(f"there is no hoc file {path}")
    h.load_file("stdrun.hoc")
    here = os.getcwd()
    try:
        # A model's own files are named from its folder.
        os.chdir(Path(path).resolve().parent)
        if not h.load_file(1, Path(path).name):
            raise NeuronIOError(f"NEURON cannot load {path}")
        return getattr(h, template)()
    except (RuntimeError, AttributeError, LookupError) as error:
        raise NeuronIOError(f"{path}:{template} failed: {error}") from error
    finally:
        os.chdir(here)
