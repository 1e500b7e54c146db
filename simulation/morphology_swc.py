"""A strict reader of SWC files, which gives NEURON a clean one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from neuronio.errors import NeuronIOError

STANDARD_TYPES = {1: "soma", 2: "axon", 3: "basal", 4: "apical"}
"""Regions of the SWC types that everybody means alike."""
OF_PARENT = {5, 6}
"""Fork and end points: they belong to what they are on."""
FIRST_CUSTOM = 7
LARGEST_UM = 20_000.0


@dataclass(frozen=True)
class Point:
    """A line of an SWC file: its number, the point's id and type, place and radius (um), parent."""

    line: int
    id: int
    type: int
    place: tuple[float, float, float]
    radius: float
    parent: int


def clean_swc(path: Path, section_types: Mapping[int, str], keeps_axon: bool) -> tuple[str, list]:
    """A file's points checked, sorted from the root outwards, with types that NEURON tells apart.

    Args:
        section_types: regions of types beyond 1 to 6; keeps_axon: whether axons stay in the cell.

    Returns:
        The text of an SWC file, and the names of the regions of its types 7, 8, ...

    Raises:
        NeuronIOError: the file is damaged, no tree, or not what it seems: names the line.
    """
    points = _points(path)
    roots = [p for p in points.values() if p.parent == -1]
    if len(roots) != 1:
        lines = ", ".join(str(p.line) for p in roots) or "none"
        raise NeuronIOError(
            f"{path.name} holds {len(roots)} trees, not one (roots at lines: {lines}); join them"
        )
    order = _from_root(path, points, roots[0])
    regions = _regions(path, order, {**STANDARD_TYPES, **section_types}, points)
    _check_axon(path, order, regions, points, keeps_axon)
    custom = sorted(set(regions.values()) - set(STANDARD_TYPES.values()))
    codes = {name: code for code, name in STANDARD_TYPES.items()}
    codes |= {name: FIRST_CUSTOM + i for i, name in enumerate(custom)}
    new = {p.id: i for i, p in enumerate(order, 1)}
    rows = [
        f"{new[p.id]} {codes[regions[p.id]]} {' '.join(map(repr, p.place))} {p.radius!r} "
        f"{new.get(p.parent, -1)}"
        for p in order
    ]
    return "\n".join([*rows, ""]), custom


def _points(path: Path) -> dict[int, Point]:
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise NeuronIOError(f"cannot read the morphology {path}: {error.strerror}") from error
    points: dict[int, Point] = {}
    for number, line in enumerate(lines, 1):
        content, _, comment = line.partition("#")
        if re.search(r"\bnano ?met(er|re)s?\b|\bunits?\W+nm\b", comment, re.I):
            _wrong(path, number, "says that lengths are in nanometres; convert them to um")
        if not content.strip():
            continue
        point = _point(path, number, content.split())
        if point.id in points:
            _wrong(path, number, f"has the id {point.id} of line {points[point.id].line} again")
        points[point.id] = point
    if not points:
        raise NeuronIOError(f"{path.name} holds no points; is it an SWC file?")
    return points


def _point(path: Path, number: int, words: list[str]) -> Point:
    if len(words) < 7:
        _wrong(path, number, f"has {len(words)} columns instead of 7")
    values = []
    for word in words[:7]:
        try:
            values.append(float(word))
        except ValueError:
            hint = "; write decimals with a point" if "," in word else ""
            _wrong(path, number, f"has {word!r} where a number belongs{hint}")
    if not all(math.isfinite(value) for value in values):
        _wrong(path, number, "has a number that is not finite")
    if any(values[i] != int(values[i]) for i in (0, 1, 6)):
        _wrong(path, number, "has an id, a type or a parent that is not a whole number")
    x, y, z, radius = values[2:6]
    if not all(abs(value) < LARGEST_UM for value in (x, y, z, radius)):
        _wrong(path, number, f"is beyond {LARGEST_UM:g} um; are lengths in um?")
    if radius <= 0:
        _wrong(path, number, f"has the radius {radius:g}; give the point a thickness")
    return Point(number, int(values[0]), int(values[1]), (x, y, z), radius, int(values[6]))


def _wrong(path: Path, line: int, what: str) -> NoReturn:
    raise NeuronIOError(f"{path.name}:{line}: the line {what}")


def _from_root(path: Path, points: dict[int, Point], root: Point) -> list[Point]:
    """All points, each after its parent, children by their ids."""
    children: dict[int, list[Point]] = {}
    for point in sorted(points.values(), key=lambda p: p.id):
        if point.parent != -1 and point.parent not in points:
            _wrong(path, point.line, f"has the parent {point.parent}, which is not in the file")
        children.setdefault(point.parent, []).append(point)
    order, waiting = [], [root]
    while waiting:
        order.append(waiting.pop())
        waiting.extend(reversed(children.get(order[-1].id, [])))
    if len(order) < len(points):
        reached = {p.id for p in order}
        lost = min((p for p in points.values() if p.id not in reached), key=lambda p: p.line)
        _wrong(path, lost.line, "is its own ancestor")
    return order


def _regions(
    path: Path, order: list[Point], names: Mapping[int, str], points: dict[int, Point]
) -> dict[int, str]:
    regions: dict[int, str] = {}
    for point in order:
        if point.type in OF_PARENT and point.type not in names and point.parent != -1:
            regions[point.id] = regions[point.parent]
        elif point.type in names:
            regions[point.id] = names[point.type]
        else:
            _wrong(
                path,
                point.line,
                f"has the type {point.type}; say what it is in the cell file's section_types",
            )
    return regions


def _check_axon(
    path: Path,
    order: list[Point],
    regions: dict[int, str],
    points: dict[int, Point],
    keeps_axon: bool,
) -> None:
    """Refuse dendrites that would go with the axon they leave."""
    for point in order:
        if point.parent == -1 or keeps_axon:
            continue
        if regions[points[point.parent].id] == "axon" and regions[point.id] != "axon":
            _wrong(
                path,
                point.line,
                f"begins a {regions[point.id]} dendrite on the axon, which the cell replaces; "
                "join it to the soma, or keep the axon",
            )
