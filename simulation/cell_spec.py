"""Cell models as data: what a YAML file of `simulation/cells` may say."""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from neuronio.config import Variant
from neuronio.data.fetch import refuse_shadow, sources
from neuronio.errors import NeuronIOError
from neuronio.registry import load_entry_point
from neuronio.sections import Section, near_miss, read_yaml, validate

CELLS = Path(__file__).parent / "cells"
PASSIVE = "pas"


class AxonStub(Section):
    """What replaces the reconstructed axon: sections in series from the middle of the soma."""

    sections: int = Field(ge=1, le=100, description="Number of sections.")
    length_um: float = Field(gt=0, description="Length of each, um.")
    diameter_um: float = Field(gt=0, description="Diameter of each, um.")


class NexusSite(Section):
    """A recording site: position x on one section."""

    section: Literal["apic", "dend"] = Field(description="List of sections.")
    index: int = Field(ge=0, description="Index in that list.")
    x: float = Field(ge=0, le=1, description="Relative position on the section.")


class Region(Section):
    """Membrane of one region; a parameter is a number or an expression of d and D (um)."""

    Ra_ohm_cm: float = Field(gt=0, description="Axial resistivity, ohm cm.")
    cm_uF_cm2: float = Field(gt=0, description="Membrane capacitance, uF/cm2.")
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


class Regions(Section):
    """The four regions of a cell."""

    soma: Region
    axon: Region
    basal: Region
    apical: Region


class CellSpec(Section):
    """A cell model."""

    name: str = Field(description="Name of the cell; a file's own name when it gives none.")
    title: str = Field("", description="What the cell is.")
    source: str = Field("", description="Papers that its figures come from.")
    morphology: str = Field(description="A file of data/sources.tsv, or a path (.asc or .swc).")
    um_per_segment_pair: float = Field(40, gt=0, description="nseg = 1 + 2 int(L / this), um.")
    axon_stub: AxonStub = Field(description="What replaces the reconstructed axon.")
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
    reversal_mV: dict[Literal["ek", "ena"], float] = Field(description="ek and ena, mV.")
    regions: Regions = Field(description="The membrane.")
    synapses: dict[str, SynapseComponent] = Field(description="Components of the synapses.")
    variant: Variant = Field(Variant(), description="Changes that were applied.")

    def digest(self) -> str:
        """Hash of the model, variant included, wherever its files lie.

        Of a morphology it holds the file's name; its content has a checksum of its own
        (`morphology_sha256`).
        """
        named: dict[str, Any] = {"morphology": os.path.basename(self.morphology)}
        if self.variant.morphology:
            own = {"morphology": os.path.basename(self.variant.morphology)}
            named["variant"] = self.variant.model_copy(update=own)
        model = self.model_copy(update=named)
        return hashlib.sha256(model.model_dump_json().encode()).hexdigest()[:16]


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


def _cell_file(name: str | Path) -> Path:
    if str(name).endswith((".yaml", ".yml")):
        return Path(name)
    if (path := CELLS / f"{name}.yaml").is_file():
        return path
    if point := _installed().get(str(name)):
        return load_entry_point(point, "cell", Path)
    known = cell_names()
    hint = near_miss(str(name), known, "; or give the path of a YAML file")
    raise NeuronIOError(f"no cell is called '{name}'; there are {', '.join(known)}{hint}")


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="neuronio.cells")}


def apply_variant(spec: CellSpec, variant: Variant) -> CellSpec:
    """The cell with a variant's changes made in its regions and synapses."""
    model = spec.model_dump()
    if variant.morphology:
        model["morphology"] = variant.morphology
        model["nexus"] = None
    for region, membrane in model["regions"].items():
        mechanisms = membrane["mechanisms"]
        if variant.passive_dendrites and region in ("basal", "apical"):
            membrane["mechanisms"] = {PASSIVE: mechanisms[PASSIVE]} if PASSIVE in mechanisms else {}
            continue
        if "SK_E2" in mechanisms:
            mechanisms["SK_E2"]["gSK_E2bar"] = _scaled(
                mechanisms["SK_E2"]["gSK_E2bar"], variant.sk_multiplier
            )
        if "Ih" in mechanisms and variant.ih_vshift_mV:
            mechanisms["Ih"]["vshift"] = variant.ih_vshift_mV
    model["synapses"] = _variant_synapses(model["synapses"], variant)
    return CellSpec.model_validate({**model, "variant": variant.model_dump()})


def _variant_synapses(synapses: dict[str, dict], variant: Variant) -> dict[str, dict]:
    dropped = set()
    if variant.synapses == "ampa":
        dropped.add("nmda")
    if not variant.gaba_b:
        dropped.add("gaba_b")
    if variant.gaba_b and "gaba_b" not in synapses:
        raise NeuronIOError("the variant gaba_b needs a cell whose synapses include gaba_b")
    kept = {name: dict(component) for name, component in synapses.items() if name not in dropped}
    if "nmda" in kept:
        kept["nmda"]["gmax_nS"] *= variant.nmda_ratio
    return kept


def _scaled(value: float | str, factor: float) -> float | str:
    if factor == 1:
        return value
    return f"{factor} * ({value})" if isinstance(value, str) else factor * value
