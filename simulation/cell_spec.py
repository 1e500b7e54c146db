"""Cell models as data: what a YAML file of `simulation/cells` may say."""

from __future__ import annotations

import hashlib
import os
import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from neuronio.config import Variant
from neuronio.data.fetch import fetch, refuse_shadow, sources
from neuronio.errors import NeuronIOError
from neuronio.files import is_file
from neuronio.recipe import code, digest, file_sha256
from neuronio.registry import load_entry_point
from neuronio.sections import Section, near_miss, read_yaml, validate

CELLS = Path(__file__).parent / "cells"
PASSIVE = "pas"
Positive = Annotated[float, Field(gt=0)]
Reversal = Annotated[str, StringConstraints(pattern=r"^e\w+$")]
BUILT_BY = re.compile(r".+\.(py|hoc):\w+")
BUILT_REGIONS = {"soma", "axon", "basal", "apical"}


class AxonStub(Section):
    """What replaces the reconstructed axon: sections in series from the middle of the soma."""

    sections: int = Field(ge=1, le=100, description="Number of sections.")
    length_um: float = Field(gt=0, description="Length of each, um.")
    diameter_um: float = Field(gt=0, description="Diameter of each, um.")


class AxonSection(Section):
    """One of the sections, in series from the soma, that replace the reconstructed axon."""

    length_um: float = Field(gt=0, description="Length, um.")
    diameter_um: Positive | Annotated[list[Positive], Field(min_length=2, max_length=2)] = Field(
        description="Diameter, um; or at both ends, with a straight taper between."
    )
    segments: int = Field(1, ge=1, le=999, description="Its nseg.")
    region: str = Field("axon", description="The region whose membrane it has.")


class NexusSite(Section):
    """A recording site: position x on one section."""

    section: Literal["apic", "dend"] = Field(description="List of sections.")
    index: int = Field(ge=0, description="Index in that list.")
    x: float = Field(gt=0, lt=1, description="Relative position on the section, its ends apart.")


class Region(Section):
    """Membrane of one region; a parameter is a number or an expression of d, D and diam (um)."""

    Ra_ohm_cm: Positive | str = Field(description="Axial resistivity, ohm cm.")
    cm_uF_cm2: Positive | str = Field(description="Membrane capacitance, uF/cm2.")
    reversal_mV: dict[Reversal, float] = Field({}, description="ek, ... where they differ, mV.")
    mechanisms: dict[str, dict[str, float | str]] = Field(
        description="Parameters of every mechanism inserted, in the mechanism's own units."
    )


class SynapseComponent(Section):
    """One conductance of the excitatory or inhibitory synapse on every dendritic segment."""

    excitatory: bool = Field(description="Driven by excitatory inputs, else by inhibitory ones.")
    gmax_nS: float = Field(ge=0, description="Peak conductance of one event, nS.")
    tau_rise_ms: float = Field(gt=0, description="Rise time constant, ms.")
    tau_decay_ms: float = Field(gt=0, description="Decay time constant, ms.")
    reversal_mV: float = Field(description="Reversal potential, mV.")
    magnesium_mM: float | None = Field(None, ge=0, description="Block by magnesium, mM; or none.")


class PointSynapse(Section):
    """A component of the synapses that is any point process with a NET_RECEIVE."""

    excitatory: bool = Field(description="Driven by excitatory inputs, else by inhibitory ones.")
    point_process: str = Field(description="Its name, of NEURON's own or of a MOD file.")
    parameters: dict[str, float] = Field({}, description="Its parameters, in its own units.")
    weight: float = Field(description="Weight of an event, in the mechanism's unit.")


class Concentrations(Section):
    """What an ion's concentrations begin with."""

    inside_mM: float = Field(gt=0, description="In the cell, mM.")
    outside_mM: float = Field(gt=0, description="Outside, mM.")


class CellSpec(Section):
    """A cell model."""

    name: str = Field(description="Name of the cell; a file's own name when it gives none.")
    title: str = Field("", description="What the cell is.")
    source: str = Field("", description="Papers that its figures come from.")
    morphology: str = Field("", description="A file of data/sources.tsv, or a path (.asc or .swc).")
    built_by: str = Field(
        "",
        description="Instead of morphology and regions: FILE.py:function or FILE.hoc:Template.",
    )
    section_regions: dict[str, str] = Field(
        {}, description="Regions of sections of built_by by their names without an index."
    )
    mod_files: list[str] = Field(
        [],
        description="MOD files, folders of them, or sources; they come before ours of a name.",
    )
    section_types: dict[int, str] = Field(
        {}, description="Regions of SWC types beyond soma, axon, basal and apical (1 to 4)."
    )
    um_per_segment_pair: float | None = Field(
        None, gt=0, description="nseg = 1 + 2 int(L / this), um; 40 where nothing else is said."
    )
    lambda_fraction: float | None = Field(
        None, gt=0, le=1, description="nseg by NEURON's d_lambda rule at 100 Hz instead."
    )
    axon: AxonStub | list[AxonSection] | Literal["keep", "none"] = Field(
        "none", description="What replaces the reconstructed axon; or keep it, or have none."
    )
    axon_from: float = Field(0.5, ge=0, le=1, description="Where on the soma a new axon begins.")
    distance_origin: Literal["soma", "apical_trunk"] = Field(
        "soma", description="Where d is 0: the middle of the soma, or the start of the apical tree."
    )
    sample_last_segment_at_end: bool = Field(
        False,
        description="Evaluate expressions for the last segment of a section at the section's end.",
    )
    expression_decimals: int | None = Field(
        None, ge=1, le=17, description="Round values of expressions so; the published script did."
    )
    nexus: NexusSite | None = Field(
        None, description="The nexus site; left out, x 0.9 of the trunk before the main fork."
    )
    celsius_degC: float = Field(ge=0, le=60, description="NEURON's celsius, degC.")
    v_init_mV: float = Field(ge=-120, le=0, description="Voltage at t = 0, mV.")
    reversal_mV: dict[Reversal, float] = Field({}, description="ek, ena, ..., mV.")
    ions: dict[str, Concentrations] = Field({}, description="Concentrations at t = 0 by ion.")
    globals: dict[str, float] = Field(
        {}, description="GLOBAL variables of mechanisms by their hoc names, such as q10_Ih."
    )
    regions: dict[str, Region] = Field(
        {}, description="The membrane: soma, axon, basal, apical, and any others of section_types."
    )
    synapses: dict[str, SynapseComponent | PointSynapse] = Field(
        description="Components of the synapses."
    )
    variant: Variant = Field(Variant(), description="Changes that were applied.")

    @model_validator(mode="after")
    def _whole(self) -> CellSpec:
        if bool(self.morphology) == bool(self.built_by):
            raise ValueError("a cell has either a morphology or built_by; give one of them")
        for name, given in self.synapses.items():
            if isinstance(given, SynapseComponent) and given.tau_rise_ms >= given.tau_decay_ms:
                raise ValueError(f"the tau_rise_ms of {name} must be less than its tau_decay_ms")
        if self.built_by:
            if self.regions or self.section_types or self.axon != "none":
                raise ValueError("built_by makes the whole cell; leave out regions and axon")
            if not BUILT_BY.fullmatch(self.built_by):
                raise ValueError("built_by must be FILE.py:function or FILE.hoc:Template")
            if unknown := sorted({*self.section_regions.values()} - BUILT_REGIONS):
                wanted = "soma, axon, basal or apical"
                raise ValueError(f"section_regions names {unknown[0]}; take {wanted}")
            return self
        if "soma" not in self.regions:
            raise ValueError("regions must have a soma")
        if (self.axon == "none") == ("axon" in self.regions):
            raise ValueError("regions must have an axon exactly where the cell has one (axon)")
        if unknown := sorted(self._axonal() - self.regions.keys()):
            raise ValueError(f"a section of the axon has the region {unknown[0]}, which is missing")
        if not self.dendrites:
            raise ValueError("regions must have a dendrite, such as basal")
        if unknown := sorted(set(self.section_types.values()) - self.regions.keys()):
            raise ValueError(f"section_types names {unknown[0]}, which is not one of the regions")
        if self.um_per_segment_pair and self.lambda_fraction:
            raise ValueError("um_per_segment_pair and lambda_fraction both set nseg; give one")
        return self

    @property
    def dendrites(self) -> list[str]:
        """Regions with synapses, in the order of the segments: basal, apical, then the others."""
        first = [name for name in ("basal", "apical") if name in self.regions]
        others = {"soma", "axon", *first} | self._axonal()
        return first + [n for n in self.regions if n not in others]

    def _axonal(self) -> set[str]:
        return {s.region for s in self.axon} if isinstance(self.axon, list) else set()

    def mod_paths(self) -> list[Path]:
        """The MOD files of `mod_files`; what is not at hand is fetched.

        Raises:
            NeuronIOError: there is no such file, or a folder without any.
        """
        return [path for name in self.mod_files for path in mod_files_of(name)]

    def mod_checksums(self) -> list[str]:
        """Names of the MOD files with the checksum of each, wherever they lie."""
        return sorted(f"{path.name} {file_sha256(path)}" for path in self.mod_paths())

    def digest(self) -> str:
        """Hash of the model, variant and MOD files included, wherever its files lie.

        Of a morphology it holds the file's name; its content has a checksum of its own
        (`morphology_sha256`).
        """
        named: dict[str, Any] = {
            "morphology": os.path.basename(self.morphology),
            "mod_files": self.mod_checksums(),
        }
        if self.built_by:
            path, _, what = self.built_by.rpartition(":")
            named["built_by"] = f"{what} {_code_of(path)}"
        if self.variant.morphology:
            own = {"morphology": os.path.basename(self.variant.morphology)}
            named["variant"] = self.variant.model_copy(update=own)
        model = self.model_copy(update=named)
        return hashlib.sha256(model.model_dump_json().encode()).hexdigest()[:16]


def mod_files_of(name: str) -> list[Path]:
    """What an entry of `mod_files` stands for; what is not at hand is fetched.

    Raises:
        NeuronIOError: there is no such file, or a folder without any.
    """
    if name in sources():
        return [fetch(name)]
    if name.endswith("/") and (found := [n for n in sources() if n.startswith(name)]):
        return [fetch(n) for n in found if n.endswith(".mod")]
    path = Path(name)
    files = sorted(path.glob("*.mod")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise NeuronIOError(f"there is no MOD file at {name}; give a .mod file or a folder of them")
    return files


def _code_of(path: str) -> str:
    """Hash of a user's code, with what it imports from its own folder."""
    if not os.path.isfile(path):
        raise NeuronIOError(f"there is no file {path} to build the cell by")
    return digest(code(path)) if path.endswith(".py") else file_sha256(path)


def cell_names() -> list[str]:
    """Names of the cells that come with the project, then of those of installed packages."""
    return [*sorted(path.stem for path in CELLS.glob("*.yaml")), *_installed()]


def load_cell(name: str | Path, variant: Variant | None = None) -> CellSpec:
    """A cell model with a variant's changes applied; nothing is built yet.

    Args:
        name: a cell of `simulation/cells`, the path of a YAML file, or an entry point of the group
            `neuronio.cells`, whose value is the path of a YAML file.
        variant: the changes; none when left out.

    A path of a morphology in the file is looked for in the file's own folder, then in the working
    folder.

    Raises:
        NeuronIOError: there is no such cell, its file is wrong (names the key), or it names a
            source where another file of that name lies beside it (see `find_morphology`).

    >>> neuronio.load_cell("packaged").synapses["gaba_a"].reversal_mV
    -80.0
    """
    path = _cell_file(name)
    document = read_yaml(path, "cell file")
    if isinstance(document, dict):
        document = _with_morphology_beside(path, {"name": path.stem, **document})
        document = _with_code_beside(path, document)
    return apply_variant(validate(CellSpec, document, str(path)), variant or Variant())


def _with_morphology_beside(path: Path, document: dict) -> dict:
    """The cell file's content with the path of a morphology that lies beside the file, if any."""
    name = document.get("morphology")
    if not isinstance(name, str):
        return document
    if name in sources():
        refuse_shadow(name, path.parent)
        return document
    # Joined as text: a Path would drop the "./" that tells a user's file from a source.
    beside = os.path.join(path.parent, name)
    return {**document, "morphology": beside} if os.path.isfile(beside) else document


def _with_code_beside(path: Path, document: dict) -> dict:
    """The same for MOD files and for what builds the cell."""
    beside = dict(document)
    if isinstance(names := document.get("mod_files"), list):
        beside["mod_files"] = [_beside(path, name) for name in names]
    if isinstance(built_by := document.get("built_by"), str):
        file, colon, what = built_by.rpartition(":")
        beside["built_by"] = f"{_beside(path, file)}{colon}{what}"
    return beside


def _beside(path: Path, name: Any) -> Any:
    if not isinstance(name, str) or name in sources():
        return name
    joined = os.path.join(path.parent, name)
    return joined if os.path.exists(joined) else name


def _cell_file(name: str | Path) -> Path:
    if str(name).endswith((".yaml", ".yml")):
        return Path(name)
    if is_file(path := CELLS / f"{name}.yaml"):
        return path
    if point := _installed().get(str(name)):
        return load_entry_point(point, "cell", Path)
    known = cell_names()
    hint = near_miss(str(name), known, "; or give the path of a YAML file")
    raise NeuronIOError(f"no cell is called '{name}'; there are {', '.join(known)}{hint}")


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="neuronio.cells")}


def apply_variant(spec: CellSpec, variant: Variant) -> CellSpec:
    """The cell with a variant's changes made in its regions and synapses.

    Raises:
        NeuronIOError: the cell has nothing that a change would change.
    """
    _check_variant(spec, variant)
    model = spec.model_dump()
    if variant.morphology:
        model["morphology"] = variant.morphology
        model["nexus"] = None
    for region, membrane in model["regions"].items():
        mechanisms = membrane["mechanisms"]
        if variant.passive_dendrites and region in spec.dendrites:
            membrane["mechanisms"] = {PASSIVE: mechanisms[PASSIVE]} if PASSIVE in mechanisms else {}
            continue
        if "gSK_E2bar" in mechanisms.get("SK_E2", {}):
            mechanisms["SK_E2"]["gSK_E2bar"] = _scaled(
                mechanisms["SK_E2"]["gSK_E2bar"], variant.sk_multiplier
            )
        if "Ih" in mechanisms and variant.ih_vshift_mV:
            mechanisms["Ih"]["vshift"] = variant.ih_vshift_mV
    model["synapses"] = _variant_synapses(model["synapses"], variant)
    return CellSpec.model_validate({**model, "variant": variant.model_dump()})


def _check_variant(spec: CellSpec, variant: Variant) -> None:
    """Refuse changes that would change nothing."""
    held = [region.mechanisms for region in spec.regions.values()]
    wants = {
        "passive_dendrites": (variant.passive_dendrites, bool(spec.regions), "regions"),
        "morphology": (variant.morphology, bool(spec.morphology), "a morphology"),
        "sk_multiplier": (
            variant.sk_multiplier != 1,
            any("gSK_E2bar" in m.get("SK_E2", {}) for m in held),
            "SK_E2 with a gSK_E2bar",
        ),
        "ih_vshift_mV": (variant.ih_vshift_mV, any("Ih" in m for m in held), "Ih"),
        "synapses": (variant.synapses == "ampa", "nmda" in spec.synapses, "a synapse nmda"),
        "nmda_ratio": (
            variant.nmda_ratio != 1,
            "nmda" in spec.synapses and variant.synapses != "ampa",
            "a synapse nmda",
        ),
    }
    for name, (asked, possible, what) in wants.items():
        if asked and not possible:
            raise NeuronIOError(
                f"the variant {name} changes nothing in the cell {spec.name}: it lacks {what}"
            )


def _variant_synapses(synapses: dict[str, dict], variant: Variant) -> dict[str, dict]:
    dropped = set()
    if variant.synapses == "ampa":
        dropped.add("nmda")
    if not variant.gaba_b:
        dropped.add("gaba_b")
    if variant.gaba_b and "gaba_b" not in synapses:
        raise NeuronIOError("the variant gaba_b needs a cell whose synapses include gaba_b")
    kept = {name: dict(component) for name, component in synapses.items() if name not in dropped}
    if "nmda" in kept and variant.nmda_ratio != 1:
        if "gmax_nS" not in kept["nmda"]:
            raise NeuronIOError("the variant nmda_ratio needs a component nmda with a gmax_nS")
        kept["nmda"]["gmax_nS"] *= variant.nmda_ratio
    return kept


def _scaled(value: float | str, factor: float) -> float | str:
    if factor == 1:
        return value
    return f"{factor} * ({value})" if isinstance(value, str) else factor * value
