"""The morphology of a cell, coloured by region or by any parameter of its membrane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neuronio.drawing import save_figure
from neuronio.errors import NeuronIOError
from neuronio.sections import near_miss

if TYPE_CHECKING:
    from neuronio.simulation.cell import Cell

REGIONS = {"soma": "#000000", "axon": "#009E73", "basal": "#0072B2", "apical": "#D55E00"}
ABSENT = "0.82"
LOG_RATIO = 30.0


def plot_cell(cell: Cell, path: str | Path, color_by: str = "region") -> list[Path]:
    """Draw a cell's morphology, seen along its z axis.

    Args:
        color_by: "region", or a parameter: `gIhbar`, `gCa_LVAstbar`, ... (as in the cell's file),
            `g_pas`, `cm`, `diam`. Grey marks segments that lack it; scales over 30-fold are
            logarithmic.

    Raises:
        NeuronIOError: no segment has the parameter (names the near miss).
    """
    values = None if color_by == "region" else _values(cell, color_by)

    def draw() -> Figure:
        figure = Figure(figsize=(4.2, 7.0), layout="constrained")
        axis = figure.subplots()
        lines = _lines(cell)
        if values is None:
            _by_region(axis, lines)
        else:
            _by_value(figure, axis, lines, values, color_by)
        _marks(axis, cell)
        return figure

    return save_figure(draw, path)


def parameters(cell: Cell) -> list[str]:
    """Names that `plot_cell` can colour by, beside "region"."""
    names = {"cm", "diam"}
    for section in cell.sections:
        for mechanism in section(0.5):
            if mechanism.is_ion():
                continue
            own = (n.removesuffix(f"_{mechanism.name()}") for n in dir(mechanism))
            names |= {_name(n, mechanism.name()) for n in own if n == "g" or n.endswith("bar")}
    return sorted(names)


def _name(parameter: str, mechanism: str) -> str:
    return f"{parameter}_{mechanism}" if parameter == "g" else parameter


def _values(cell: Cell, color_by: str) -> dict:
    """The parameter in every segment that has it, by (section name, segment index)."""
    known = parameters(cell)
    if color_by not in known:
        otherwise = f"; take region or one of {', '.join(known)}"
        hint = near_miss(color_by, [*known, "region"], otherwise)
        raise NeuronIOError(f"no segment has a parameter '{color_by}'{hint}")
    found = {}
    for section in cell.sections:
        for i, segment in enumerate(section):
            value = _value(segment, color_by)
            if value is not None:
                found[section.name(), i] = value
    return found


def _value(segment, color_by: str) -> float | None:
    if color_by in ("cm", "diam"):
        return getattr(segment, color_by)
    for mechanism in segment:
        for parameter in ("g", color_by):
            if _name(parameter, mechanism.name()) == color_by and hasattr(mechanism, parameter):
                return getattr(mechanism, parameter)
    return None


def _lines(cell: Cell) -> list[tuple[str, str, int, np.ndarray, float]]:
    """(region, section, segment index, (2, 2) um, diameter um) of every stretch between points.

    A stretch belongs to the segment that holds its middle. Sections without points of their own
    (the axon stub) hang straight down from the soma.
    """
    if not cell.soma.n3d():  # as of a cell that code builds by lengths and diameters
        from neuron import h

        h.define_shape()
    lines, below = [], _centre(cell)
    for region, sections in cell.regions():
        for section in sections:
            n = section.n3d()
            if n < 2:
                end = below - [0, section.L]
                lines.append((region, section.name(), 0, np.array([below, end]), section.diam))
                below = end
                continue
            xy = np.array([[section.x3d(i), section.y3d(i)] for i in range(n)])
            arc = np.array([section.arc3d(i) for i in range(n)])
            diameter = np.array([section.diam3d(i) for i in range(n)])
            for i in range(n - 1):
                middle = (arc[i] + arc[i + 1]) / 2 / section.L
                segment = min(int(middle * section.nseg), section.nseg - 1)
                width = (diameter[i] + diameter[i + 1]) / 2
                lines.append((region, section.name(), segment, xy[i : i + 2], width))
    return lines


def _centre(cell: Cell) -> np.ndarray:
    n = cell.soma.n3d()
    return np.array([[cell.soma.x3d(i), cell.soma.y3d(i)] for i in range(n)]).mean(axis=0)


def _by_region(axis: Axes, lines: list) -> None:
    others = [name for name in dict.fromkeys(line[0] for line in lines) if name not in REGIONS]
    colours = REGIONS | {name: f"C{4 + i % 6}" for i, name in enumerate(others)}
    for region, colour in colours.items():
        mine = [line for line in lines if line[0] == region]
        order = 3 if region in ("soma", "axon") else 2
        axis.add_collection(_collection(mine, color=colour, zorder=order))
    handles = [Line2D([], [], color=c, linewidth=2, label=r) for r, c in colours.items()]
    axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5))


def _by_value(figure: Figure, axis: Axes, lines: list, values: dict, color_by: str) -> None:
    absent = [line for line in lines if line[1:3] not in values]
    present = [line for line in lines if line[1:3] in values]
    axis.add_collection(_collection(absent, color=ABSENT))
    array = np.array([values[line[1:3]] for line in present])
    collection = _collection(present, cmap=_colours(), norm=_scale(array))
    collection.set_array(array)
    axis.add_collection(collection)
    units = {"cm": "uF/cm$^2$", "diam": "um"}.get(color_by, "S/cm$^2$")
    figure.colorbar(collection, ax=axis, label=f"{color_by} ({units})", shrink=0.6, aspect=30)
    if absent:
        handle = Line2D([], [], color=ABSENT, linewidth=2, label="absent")
        axis.legend(handles=[handle], loc="lower left", bbox_to_anchor=(1, 0.02))


def _collection(lines: list, **options) -> LineCollection:
    widths = [float(np.clip(0.6 * line[4], 0.55, 9)) for line in lines]
    return LineCollection(
        [line[3] for line in lines], linewidths=widths, capstyle="round", **options
    )


def _colours() -> Colormap:
    """Viridis without its pale end, which white paper swallows."""
    return ListedColormap(mpl.colormaps["viridis_r"](np.linspace(0.12, 1, 256)))


def _scale(values: np.ndarray) -> Normalize:
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > LOG_RATIO:
        return LogNorm(low, high)
    return Normalize(low, high if high > low else low + (abs(low) or 1.0))


def _marks(axis: Axes, cell: Cell) -> None:
    """The nexus site and a scale bar, in place of axes."""
    section, x = cell.nexus.sec, cell.nexus.x
    arc = np.array([section.arc3d(i) for i in range(section.n3d())])
    xy = np.array([[section.x3d(i), section.y3d(i)] for i in range(section.n3d())])
    place = np.interp(x * section.L, arc, xy[:, 0]), np.interp(x * section.L, arc, xy[:, 1])
    axis.plot(*place, "o", markersize=5, markerfacecolor="none", markeredgecolor="black")
    axis.annotate("nexus", place, xytext=(7, 0), textcoords="offset points", va="center")
    axis.set_aspect("equal")
    axis.margins(0.01)
    axis.autoscale_view()
    axis.axis("off")
    x0, y0 = axis.get_xlim()[0], axis.get_ylim()[0] - 25
    axis.plot([x0, x0 + 100], [y0, y0], color="black", linewidth=1.5)
    axis.annotate("100 um", (x0 + 110, y0), va="center")
