"""One style for every figure; the same figure gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    "svg.hashsalt": "neuronio",
    "svg.fonttype": "path",
}
# No dates or versions in the files, so that the same figure gives the same bytes.
METADATA = {".svg": {"Date": None}, ".png": {"Software": None}, ".pdf": {"CreationDate": None}}


def save_figure(draw: Callable[[], Figure], path: str | Path) -> list[Path]:
    """Draw in the project's style and write `path`, or .svg and .png of it where it has no suffix.

    Raises:
        NeuronIOError: the suffix is none of .svg, .png, .pdf, or the disk refuses.
    """
    path = Path(path)
    if path.suffix and path.suffix not in METADATA:
        raise NeuronIOError(f"cannot draw to '{path.name}'; end its name in {', '.join(METADATA)}")
    paths = [path] if path.suffix else [path.with_suffix(kind) for kind in (".svg", ".png")]
    with mpl.rc_context(STYLE):
        figure = draw()
        FigureCanvasAgg(figure)
        for target in paths:
            buffer = io.BytesIO()
            kind = target.suffix
            figure.savefig(buffer, format=kind[1:], dpi=200, metadata=METADATA[kind])
            write_atomic(target, buffer.getvalue())
            figure.set_layout_engine("none")  # it is done, and lays out the next file alike
    return paths
