"""Pathfinder images: are two markers at the ends of one contour, or of two?

Two contours of paddles grow in turn without touching, short ones distract, and a marker is put on
the first tip of one contour and on the last tip of the same (label 1) or of the other (0). The
rules are those of Linsley et al. (2018) with the settings of Tay et al. (2021), as
`docs/long-horizon.md` has them; the code is in contours.cpp.
"""

from __future__ import annotations

import ctypes
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.errors import NeuronIOError
from neuronio.native import load_library

# Products are not contracted to one rounding: the same seed gives the same image on any processor.
FLAGS = ("-ffp-contract=off",)
FINE, MOST_MARGINS = 2, 2
"""Units of the geometry to a pixel, and the most margins that a set may have."""


@dataclass(frozen=True)
class PathfinderSettings:
    """How images are drawn; lengths in pixels.

    Attributes:
        window: width and height of an image.
        length, thickness: of a paddle.
        margins: half the gap between paddles; one of them for each image.
        seed_distance: between the beginnings of the two contours.
        continuity: how straight contours go: weight cos^2(continuity |turn|), 0 beyond 90 degrees.
        marker_radius: of the discs at the tips.
        distractors: contours that are tried, of `distractor_paddles` each.
        contour_contrast, distractor_contrast, marker_contrast: before the image is stretched.
        paddles: of each of the two contours.
    """

    window: int
    length: int
    thickness: float
    margins: tuple[int, ...]
    seed_distance: int
    continuity: float
    marker_radius: float
    distractors: int
    contour_contrast: float
    distractor_contrast: float
    marker_contrast: float = 1.0
    distractor_paddles: int = 4
    paddles: int = 14

    def __post_init__(self) -> None:
        if not 1 <= len(self.margins) <= MOST_MARGINS:
            raise NeuronIOError(f"margins are {self.margins}, but an image has one of at most two")
        if (free := self.window - 4 * self.seed_distance) < 1:
            raise NeuronIOError(
                f"contours begin {2 * self.seed_distance} pixels from every edge, but the window "
                f"has {self.window}: {free} are left; take a smaller seed_distance"
            )
        if min(self.length, self.thickness * FINE, *self.margins, self.paddles) < 1:
            raise NeuronIOError("a paddle's length, margin and number are 1 or more, thickness 0.5")


PATHFINDER = PathfinderSettings(
    window=32,
    length=2,
    thickness=0.5,
    margins=(1,),
    seed_distance=7,
    continuity=1.0,
    marker_radius=1.5,
    distractors=5,
    contour_contrast=1.5,
    distractor_contrast=2.0,
)
PATHX = PathfinderSettings(
    window=128,
    length=5,
    thickness=1.5,
    margins=(2, 3),
    seed_distance=20,
    continuity=1.8,
    marker_radius=3.0,
    distractors=8,
    contour_contrast=0.9,
    distractor_contrast=0.9,
)


@dataclass(frozen=True)
class Images:
    """Images of n samples with the geometry that they were drawn from.

    Attributes:
        pixels: (n, window, window) uint8, y before x; 255 is the brightest of each image.
        label: (n,) int8.
        paddle: (n, p, 5) int32: contour (0 and 1, then the distractors; -1 where there is none),
            x and y of the tail, x and y of the head. There are `FINE` units to a pixel.
        marker: (n, 2, 2) int32, x and y of the first and the last marker, pixels.
        margin: (n,) int32, that of the image, pixels.
        tries: (n,) int32, how often it was begun.
    """

    pixels: np.ndarray
    label: np.ndarray
    paddle: np.ndarray
    marker: np.ndarray
    margin: np.ndarray
    tries: np.ndarray


class _Settings(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("window", "length", "paddles", "seed_distance")),
        *((name, ctypes.c_int32) for name in ("distractors", "distractor_paddles", "n_margins")),
        ("margin", ctypes.c_int32 * MOST_MARGINS),
        *((name, ctypes.c_double) for name in ("thickness", "continuity", "marker_radius")),
        ("contour_contrast", ctypes.c_double),
        ("distractor_contrast", ctypes.c_double),
        ("marker_contrast", ctypes.c_double),
    )


def paint(settings: PathfinderSettings, seeds: np.ndarray, label: np.ndarray) -> Images:
    """Images from their seeds, (n,) uint64, and labels, (n,).

    Raises:
        NeuronIOError: the settings leave no room for the contours, or the code does not compile.
    """
    n, window = len(seeds), settings.window
    p = 2 * settings.paddles + settings.distractors * settings.distractor_paddles
    seeds = np.ascontiguousarray(seeds, np.uint64)
    label = np.ascontiguousarray(label, np.int8)
    pixels = np.empty((n, window, window), np.uint8)
    paddle, about = np.full((n, p, 5), -1, np.int32), np.empty((n, 6), np.int32)
    done = _library().paint(
        ctypes.byref(_structure(settings)),
        ctypes.c_int64(n),
        *(ctypes.c_void_p(a.ctypes.data) for a in (seeds, label, pixels, paddle, about)),
    )
    if done < n:
        raise NeuronIOError(
            f"no room for two contours of {settings.paddles} paddles in {window} pixels after a "
            "million tries; take fewer or shorter paddles, or a larger window"
        )
    marker = about[:, 2:].reshape(n, 2, 2).copy()
    return Images(pixels, label, paddle, marker, about[:, 0].copy(), about[:, 1].copy())


def _structure(settings: PathfinderSettings) -> _Settings:
    values: dict[str, Any] = asdict(settings)
    margins = values.pop("margins")
    return _Settings(n_margins=len(margins), margin=margins, **values)


@cache
def _library() -> ctypes.CDLL:
    source = Path(__file__).with_name("contours.cpp")
    sizes = {"settings_bytes": ctypes.sizeof(_Settings)}
    library = load_library("pathfinder", [source], flags=FLAGS, sizes=sizes)
    library.paint.restype = ctypes.c_int64
    return library
