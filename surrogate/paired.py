"""What one change does to a surrogate, on the same trials as its base: paired intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np

from neuronio.config import EvaluationConfig
from neuronio.surrogate.ablation import Document, Row, compared, with_bases
from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.comparison import differences, measured
from neuronio.surrogate.load import load_model
from neuronio.surrogate.measure import Measure
from neuronio.surrogate.protocol import Protocol
from neuronio.surrogate.scored import open_for

PAIRED = "paired bootstrap over the trials that both were scored on"


def paired(
    evaluations: Sequence[Document],
    folders: Mapping[str, Path],
    data: Sequence[Path],
    settings: EvaluationConfig,
    device: str = "cpu",
) -> list[Row]:
    """Differences of labelled fits from their bases on the same trials, with paired intervals.

    Of several seeds the mean score counts, of both; every draw of trials serves all.

    Args:
        evaluations: of the fits.
        folders: fit directory of each evaluation, by its name.
        data: the shards that they were scored on.

    Raises:
        NeuronIOError: a labelled fit has no base, or data and fits do not fit together.
    """
    bases: dict[str, list[Measure]] = {}
    rows, draws = [], None
    for group, base in with_bases(evaluations):
        names = " ".join(document["name"] for document in base)
        if names not in bases:
            bases[names] = _over_seeds(base, folders, data, settings, device)
        mine = _over_seeds(group, folders, data, settings, device)
        n_trials = group[0]["data"]["trials_scored"]
        draws = draws or Resamples.draw(
            n_trials, settings.bootstrap, settings.confidence, settings.seed
        )
        rows.append(compared(group, base, differences(bases[names], mine, draws), PAIRED))
    return rows


def _over_seeds(
    group: Sequence[Document],
    folders: Mapping[str, Path],
    data: Sequence[Path],
    settings: EvaluationConfig,
    device: str,
) -> list[Measure]:
    """The mean measures of fits that differ in their seed alone."""
    protocol, found = Protocol.of(settings), []
    for document in group:
        model = load_model(folders[document["name"]])
        found.append(measured(model, open_for(model, data), protocol, device)[0])
    return [mean_measure(same) for same in zip(*found, strict=True)]


def mean_measure(of_seeds: Sequence[Measure]) -> Measure:
    """The mean of measures of the same scores; undefined where one of them is."""
    points: dict[str, float | None] = {}
    for name in of_seeds[0].points:
        values = [v for measure in of_seeds if (v := measure.points[name]) is not None]
        points[name] = fmean(values) if len(values) == len(of_seeds) else None
    weighted = [measure.weighted for measure in of_seeds if measure.weighted]
    if len(weighted) < len(of_seeds):
        return Measure(points)

    def mean(weight: np.ndarray) -> dict[str, np.ndarray]:
        found = [one(weight) for one in weighted]
        return {name: np.mean([values[name] for values in found], axis=0) for name in found[0]}

    return Measure(points, mean)
