"""Axes and titles that several figures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter


def letters(axes: Sequence[Axes]) -> None:
    """Name the panels a, b, c, ..."""
    for axis, letter in zip(axes, "abcdefgh", strict=False):
        axis.set_title(letter, loc="left", fontweight="bold")


def count_axis(axis: Axes, values: Sequence[float]) -> None:
    """A logarithmic x axis around values, with ticks as 300, 1k, 30k, 1M."""
    low, high = min(values) / 1.5, max(values) * 1.5
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    ratio = high / low
    steps = (1.0, 2.0, 5.0) if ratio < 100 else (1.0, 3.0) if ratio < 3e3 else (1.0,)
    axis.xaxis.set_major_locator(LogLocator(subs=steps))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())


def short(value: float) -> str:
    """A number as 300, 1k, 1M."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def stretch_towards_one(axis: Axes) -> None:
    """Space a score as log(1 - score), so that 0.9 to 0.99 takes as much room as 0.99 to 0.999."""
    low, high = axis.dataLim.intervaly
    if low > high:  # nothing drawn: no evaluation has a spike
        return
    nearest = 1e-6

    def forward(score):
        return -np.log10(np.maximum(1.0 - np.asarray(score), nearest))

    axis.set_yscale("function", functions=(forward, lambda y: 1.0 - 10.0 ** -np.asarray(y)))
    margin = 0.06 * (forward(high) - forward(low)) + 0.03
    limits = 1.0 - 10.0 ** -(np.array([forward(low) - margin, forward(high) + margin]))
    axis.set_ylim(*limits)
    ticks = np.array([0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999])
    apart: list[float] = []
    height = forward(limits[1]) - forward(limits[0])
    for tick in ticks[(ticks >= limits[0]) & (ticks <= limits[1])][::-1]:
        if not apart or forward(apart[-1]) - forward(tick) > height / 16:
            apart.append(float(tick))
    axis.set_yticks(apart)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def scored_words(evaluations: Sequence[dict[str, Any]]) -> str:
    """On what the fits were scored: trials, spikes and protocol, or ranges where they differ."""
    trials, spikes = (
        _range([document["data"][key] for document in evaluations])
        for key in ("trials_scored", "spikes")
    )
    protocols = dict.fromkeys(document["protocol"] for document in evaluations)
    return f"Scored on {trials} trials with {spikes} spikes: {'; or '.join(protocols)}"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
