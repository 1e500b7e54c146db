"""Pathfinder and Path-X as sequence sets: a step is a pixel, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import numpy as np

from neuronio.data.pathfinder import PATHFINDER, PATHX, PathfinderSettings, paint
from neuronio.data.sequence_making import GeneratedTask, Part, row_seed
from neuronio.data.sequences import offsets

ROWS = {"train": 160_000, "valid": 20_000, "test": 20_000}
DISTANCE_BINS = 32


def pathfinder_part(settings: PathfinderSettings, seed: int, split: str, rows: range) -> Part:
    """Rows of images.

    Raises:
        NeuronIOError: as `paint`.
    """
    seeds = [row_seed(seed, split, i).generate_state(1, np.uint64)[0] for i in rows]
    label = np.array([_label(seed, split, i) for i in rows], np.int16)
    images = paint(settings, np.array(seeds, np.uint64), label)
    apart = np.hypot(*(images.marker[:, 1] - images.marker[:, 0]).T) / settings.window
    return Part(pixel_arrays(images.pixels) | {"label": label}, {"marker_distance": apart})


def pixel_arrays(images: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of a sequence set without labels, from (n, height, width) uint8: what is not 0."""
    n, height, width = images.shape
    flat = images.reshape(n, height * width)
    row, place = np.nonzero(flat)
    return {
        "length": np.full(n, height * width, np.int32),
        "start": offsets(np.bincount(row, minlength=n)),
        "step": place.astype(np.int32),
        "channel": np.zeros(len(row), np.int16),
        "value": flat[row, place],
    }


def _label(seed: int, split: str, i: int) -> int:
    """One of each two rows is 1, at random which."""
    first = row_seed(seed, split, i // 2, 1).generate_state(1)[0] & 1
    return int(first) ^ (i & 1)


def pathfinder_scores(label: np.ndarray, extra: Mapping[str, np.ndarray]) -> dict[str, float]:
    """What the distance of the markers tells by itself.

    The commoner label of each of 32 distances, counted in the first half of the rows and tried on
    the second.
    """
    bins = np.minimum((extra["marker_distance"] * DISTANCE_BINS).astype(int), DISTANCE_BINS - 1)
    half = len(label) // 2
    votes = np.bincount(bins[:half], weights=2.0 * label[:half] - 1, minlength=DISTANCE_BINS)
    right = (votes[bins[half:]] > 0) == label[half:]
    return {"distance of the markers": float(right.mean())}


def _task(name: str, settings: PathfinderSettings, part_rows: int) -> GeneratedTask:
    return GeneratedTask(
        name=name,
        channels=1,
        classes=2,
        step_unit="pixel",
        settings={**asdict(settings), "margins": list(settings.margins)},
        rows=ROWS,
        part=partial(pathfinder_part, settings),
        scores=pathfinder_scores,
        module=__name__,
        part_rows=part_rows,
    )


TASKS = (_task("pathfinder", PATHFINDER, 2000), _task("pathx", PATHX, 200))
