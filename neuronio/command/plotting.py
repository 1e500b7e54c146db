"""The subcommand plot: figures of surrogates from files that other subcommands wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from neuronio.command.options import Files, Texts
from neuronio.errors import NeuronIOError
from neuronio.files import read_csv, read_json, read_npz

app = typer.Typer()

DRAWN = {"base", "base_model", "base_size", "intervals", "label", "model", "scores", "size"}
PREDICTED = ("soma_mV", "spike_probability", "true_soma_mV", "true_spikes")


@app.command()
def plot(
    out: Annotated[Path, typer.Option(help="Folder for figures (SVG, PNG) and tables.")],
    evaluations: Annotated[
        Files, typer.Option(help="Files written by `evaluate --out`, of one run or several.")
    ] = None,
    x: Annotated[
        Texts,
        typer.Option(
            help="Draw accuracy against these: parameters, multiply_adds, train_trials, exposure, "
            "seconds.",
            show_default="parameters",
        ),
    ] = None,
    predictions: Annotated[
        Files, typer.Option(help="Files written by `predict --out`, of one trial: draw traces.")
    ] = None,
    differences: Annotated[
        Path | None,
        typer.Option(help="differences.json of a run, for the ablations' paired intervals."),
    ] = None,
    published: Annotated[
        bool, typer.Option(help="Draw published figures (other data) for reference.")
    ] = True,
) -> None:
    """Draw what there is: accuracy, curves, ablations, learning, traces; write the table too.

    Ablations are drawn where fits have labels, learning curves of evaluations that lie beside the
    history of their fit.
    """
    from neuronio.data.reference import published_surrogates
    from neuronio.drawing import save_figure
    from neuronio.surrogate.figures.drawn import figures
    from neuronio.surrogate.results_table import read_evaluations, write_table

    paths = [Path(path) for path in evaluations or ()]
    if not paths and not predictions:
        raise NeuronIOError("nothing to draw; give --evaluations or --predictions")
    documents = read_evaluations(paths) if paths else []
    drawn = figures(
        documents,
        x or ["parameters"],
        published=published_surrogates() if published else (),
        differences=_differences(differences) if differences else _apart(documents),
        histories={
            path.parent.resolve().name: read_csv(path.with_name("history.csv"))
            for path in paths
            if path.with_name("history.csv").is_file()
        },
        predictions=_predictions([Path(path) for path in predictions or ()]),
    )
    written = []
    for name, draw in drawn.items():
        written += save_figure(draw, out / name)
    if documents:
        written += write_table(documents, out / "table")
    typer.echo("\n".join(str(path) for path in written))


def _predictions(paths: Sequence[Path]) -> dict[str, dict[str, np.ndarray]]:
    """Predictions by the names of their files, which stand above the traces."""
    named: dict[str, Path] = {}
    for path in paths:
        if path.stem in named:
            raise NeuronIOError(
                f"{named[path.stem]} and {path} have one name, which stands above the traces; "
                "name each file after its fit"
            )
        named[path.stem] = path
    return {name: _prediction(path) for name, path in named.items()}


def _prediction(path: Path) -> dict[str, np.ndarray]:
    try:
        found = read_npz(path, PREDICTED)
    except NeuronIOError as error:
        raise NeuronIOError(
            f"{path} holds no prediction; give files made by `neuronio predict`"
        ) from error
    traces = [found[name] for name in PREDICTED]
    if {(a.ndim, a.size, a.dtype.kind in "biuf") for a in traces} != {(1, traces[0].size, True)}:
        raise NeuronIOError(f"{path} holds traces of several lengths, or none of numbers")
    if not all(np.isfinite(a).all() for a in traces):
        raise NeuronIOError(f"{path} holds a trace with values that are not finite")
    return found


def _apart(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Differences of labelled fits from their bases; none, and why, where that cannot be told."""
    from neuronio.surrogate.ablation import apart

    try:
        return apart(documents)
    except NeuronIOError as error:
        typer.echo(f"without the figure of differences: {error}", err=True)
        return []


def _differences(path: Path) -> list[dict[str, Any]]:
    document = read_json(path)
    rows = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(r, dict) and set(r) >= DRAWN for r in rows):
        raise NeuronIOError(f"{path} holds no differences; give a run's differences.json")
    return rows
