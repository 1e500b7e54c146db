"""Draws pathfinder.png: images of Pathfinder and Path-X with their labels.

Run from the repository with `python docs/figures/pathfinder.py`.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neuronio.data.pathfinder import PATHFINDER, PATHX, paint
from neuronio.drawing import save_figure

IMAGES = 4


def draw() -> Figure:
    """Two rows of images, half of them with both markers on one contour."""
    figure = Figure(figsize=(6.4, 3.5), layout="constrained")
    axes = figure.subplots(2, IMAGES)
    for row, (name, settings) in enumerate((("Pathfinder", PATHFINDER), ("Path-X", PATHX))):
        made = paint(settings, np.arange(IMAGES, dtype=np.uint64), np.arange(IMAGES) % 2)
        for ax, pixels, label in zip(axes[row], made.pixels, made.label, strict=True):
            ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            ax.set(title=f"{name}, label {label}", xticks=[], yticks=[])
    return figure


if __name__ == "__main__":
    save_figure(draw, Path(__file__).with_suffix(".png"))
