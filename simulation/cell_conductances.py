"""How much conductance of each kind a cell has, region by region."""

from __future__ import annotations

from neuron import h

from neuronio.simulation.cell import Cell

# To S/cm2, from the unit that a MOD file declares; what has another, such as cm/s, is left out.
TO_S_CM2 = {"S/cm2": 1.0, "mho/cm2": 1.0, "siemens/cm2": 1.0, "mS/cm2": 1e-3, "pS/um2": 1e-4}
# One S/cm2 on one um2, nS.
NS = 10.0


def conductances_nS(cell: Cell) -> dict[str, dict[str, float]]:
    """Total of every maximal conductance (density times area, nS) by region and parameter.

    A parameter counts that the cell file sets, or what is inserted where the cell is built by code,
    and that is called `g` or `...bar`; `g` and `gbar` have their mechanism's name behind theirs,
    such as `g_pas`.
    """
    said = {name: region.mechanisms for name, region in cell.spec.regions.items()}
    return {
        region: _of_region(sections, said.get(region) or _inserted(sections))
        for region, sections in cell.regions()
    }


def _inserted(sections: list) -> dict[str, dict]:
    """The mechanisms in sections, with their parameters."""
    found: dict[str, dict] = {}
    for section in sections:
        found |= section.psection()["density_mechs"]
    return found


def _of_region(sections: list, mechanisms: dict) -> dict[str, float]:
    found: dict[str, float] = {}
    for mechanism, parameters in mechanisms.items():
        for name in (name for name in parameters if name == "g" or name.endswith("bar")):
            if (factor := TO_S_CM2.get(h.units(f"{name}_{mechanism}"))) is None:
                continue
            segments = [seg for s in sections for seg in s if hasattr(seg, mechanism)]
            amount = sum(getattr(getattr(seg, mechanism), name) * seg.area() for seg in segments)
            label = f"{name}_{mechanism}" if name in ("g", "gbar") else name
            found[label] = NS * factor * amount
    return found
