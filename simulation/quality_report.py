"""The quality of a dataset as a folder of files: numbers, a table and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.files import write_csv, write_json
from neuronio.simulation.figures import plot_examples, plot_quality
from neuronio.simulation.quality import measure_split, summary


def quality_report(
    shards: Mapping[str, Sequence[str | Path]], out_dir: str | Path
) -> dict[str, Any]:
    """Measure every split, draw it, and write everything to a folder.

    Args:
        shards: paths of the shards of each split, such as `{"train": [...], "test": [...]}`.
        out_dir: gets quality.json, quality.csv, quality.svg/.png and quality_trials.svg/.png.

    Returns:
        What quality.json holds.

    Raises:
        NeuronIOError: a shard cannot be read, or there is none.
    """
    splits = [measure_split(name, paths) for name, paths in shards.items()]
    if not splits:
        raise NeuronIOError("there are no shards to report on; give at least one split")
    out_dir, report = Path(out_dir), summary(splits)
    write_json(out_dir / "quality.json", report)
    write_csv(out_dir / "quality.csv", report["table"])
    plot_quality(splits, out_dir / "quality")
    plot_examples(splits, out_dir / "quality_trials")
    return report
