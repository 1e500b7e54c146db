"""Cells that a user's own NEURON code builds."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.recipe import file_sha256
from neuronio.registry import run_file
from neuronio.simulation.cell_spec import BUILT_BY, load_cell, mod_files_of
from neuronio.simulation.mechanisms import load_mechanisms
from neuronio.simulation.morphology_reader import check_one_tree

from neuron import h  # isort: skip

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


_templates: dict[str, str] = {}
"""Checksum of the file of every hoc template that was loaded from here."""

DEFAULT_V_INIT_MV = -65.0


def built_by(
    code: str, section_regions: Mapping[str, str], unknown: dict[str, str] | None = None
) -> tuple[Any, dict[str, list]]:
    """Run FILE.py:function or FILE.hoc:Template and take the sections that it makes.

    A section's region is what `section_regions` says of its name, else that of the lists
    soma/somatic, axon/axonal, dend/basal and apic/apical of the object, else what its name tells.

    Args:
        section_regions: regions of sections by their names without an index, such as 'branch'.
        unknown: gets the names that nothing tells the region of, as basal; None to refuse them.

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
        name = section.name().rpartition(".")[2].partition("[")[0]
        region = section_regions.get(name) or listed.get(section) or _by_name(name)
        if region is None and unknown is not None:
            region = unknown.setdefault(name, "basal")
        if region is None:
            raise NeuronIOError(
                f"{code}: cannot tell the region of {section.name()}; say it in the cell file's "
                f"section_regions, as {name}: basal"
            )
        regions.setdefault(region, []).append(section)
    if "soma" not in regions or not regions.keys() - {"soma", "axon"}:
        lacking = "dendrite" if "soma" in regions else "soma"
        raise NeuronIOError(f"{code} made a cell without a {lacking}")
    check_one_tree(regions, set(sections), code)
    return (made, sections), regions


def import_cell(code: str, mod_files: Sequence[str], out: Path) -> tuple[dict[str, int], list[str]]:
    """Write the cell file of a cell that NEURON code builds, with NeuronIO's synapses on it.

    Temperature and initial voltage are what NEURON's `celsius` and `v_init` hold once the code has
    run. Sections of which nothing tells the region are written down as basal.

    Args:
        code: FILE.py:function or FILE.hoc:Template; mod_files: its MOD files, or folders of them.
        out: the cell file (.yaml).

    Returns:
        How many sections each region has, and names of those that were taken as basal.

    Raises:
        NeuronIOError: as `built_by`; or the file exists.
    """
    if out.exists():
        raise NeuronIOError(f"{out} exists; take another name or remove it")
    if not BUILT_BY.fullmatch(code):
        raise NeuronIOError(f"'{code}' is not of the form FILE.py:function or FILE.hoc:Template")
    path, _, what = code.rpartition(":")
    load_mechanisms([file for name in mod_files for file in mod_files_of(name)])
    unknown: dict[str, str] = {}
    _, regions = built_by(code, {}, unknown)
    document = {
        "title": f"Built by {Path(path).name}:{what}",
        "built_by": f"{os.path.relpath(path, out.parent)}:{what}",
        "mod_files": [os.path.relpath(name, out.parent) for name in mod_files],
        **({"section_regions": unknown} if unknown else {}),
        "celsius_degC": float(h.celsius),
        "v_init_mV": float(getattr(h, "v_init", DEFAULT_V_INIT_MV)),
        "synapses": load_cell("neuronio").model_dump(exclude_none=True)["synapses"],
    }
    write_atomic(out, yaml.safe_dump(document, sort_keys=False).encode())
    return {region: len(sections) for region, sections in regions.items()}, sorted(unknown)


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
    return next((region for region, pattern in NAMES if re.search(pattern, name.lower())), None)


def _functions(module: Any) -> str:
    """What a module could build a cell by, in words."""
    own = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
    own = [k for k in own if getattr(module, k).__module__ == module.__name__]
    return f"; it has {', '.join(own)}" if own else ""


def _run_python(path: str, function: str) -> Any:
    # The code may import what lies beside it, also while it builds.
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        module = run_file(Path(path), "cell")
        build = getattr(module, function, None)
        if not callable(build):
            raise NeuronIOError(f"{path} has no function {function}{_functions(module)}")
        return build()
    except NeuronIOError:
        raise
    except Exception as error:
        raise NeuronIOError(f"{path}:{function} failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)


def _run_hoc(path: str, template: str) -> Any:
    if not os.path.isfile(path):
        raise NeuronIOError(f"there is no hoc file {path}")
    h.load_file("stdrun.hoc")
    checksum = file_sha256(path)
    # NEURON keeps the first template of a name.
    if _templates.setdefault(template, checksum) != checksum:
        raise NeuronIOError(
            f"this process's NEURON already has another template {template} than that of {path}; "
            "run this cell in a process of its own"
        )
    here = os.getcwd()
    try:
        # A model's own files are named from its folder.
        os.chdir(Path(path).resolve().parent)
        if not hasattr(h, template):
            h.load_file(1, Path(path).name)
        return getattr(h, template)()
    except (RuntimeError, AttributeError, LookupError) as error:
        raise NeuronIOError(f"{path}:{template} failed: {error}") from error
    finally:
        os.chdir(here)
