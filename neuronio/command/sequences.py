"""The subcommand that makes labelled sequences for classification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuronio.command.options import Quiet, refuse_beside
from neuronio.errors import NeuronIOError
from neuronio.long_horizon import MOST_SAMPLES
from neuronio.progress import ProgressBar

app = typer.Typer()

Rows = typer.Option(
    help="Rows of the split (as many as published).", min=1, max=MOST_SAMPLES, show_default=False
)


@app.command()
def sequences(
    ctx: typer.Context,
    task: Annotated[
        str,
        typer.Argument(
            help="listops, listops-short, pathfinder or pathx; of --published also text, "
            "retrieval or image."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for train.h5, valid.h5, test.h5; what is there is kept.")
    ],
    train: Annotated[int | None, Rows] = None,
    valid: Annotated[int | None, Rows] = None,
    test: Annotated[int | None, Rows] = None,
    seed: Annotated[int, typer.Option(help="Every row follows from it.", min=0)] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Processes (every core by default).", min=1)
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="Folder of the published files; they are read, nothing is generated."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a task of the Long Range Arena, or go on with it; or read its published files."""
    given = {"train": train, "valid": valid, "test": test}
    if published:
        idle = (*given, "seed", "workers")
        refuse_beside(ctx, "--published", idle, "whose rows are so")
        paths = _import(task, published, out, quiet)
    else:
        paths = _generate(task, out, given, seed, workers, quiet)
    if not quiet:
        typer.echo("\n".join(f"{split}: {path}" for split, path in paths.items()))


def _import(task: str, published: Path, out: Path, quiet: bool) -> dict[str, Path]:
    from neuronio.data.lra import import_published

    with ProgressBar(f"Read {task}", "splits", quiet=quiet) as progress:
        return import_published(task, published, out, progress=progress)


def _generate(
    name: str,
    out: Path,
    given: dict[str, int | None],
    seed: int,
    workers: int | None,
    quiet: bool,
) -> dict[str, Path]:
    from neuronio.data.lra import PUBLISHED
    from neuronio.data.sequence_making import make_sets
    from neuronio.data.sequence_tasks import TASKS, generated_task
    from neuronio.simulation.engines.base import available_cores

    if name in PUBLISHED and name not in TASKS:
        raise NeuronIOError(f"{name} has published files alone; name their folder with --published")
    task = generated_task(name)
    rows = {split: n or task.rows[split] for split, n in given.items()}
    workers = workers or available_cores()
    with ProgressBar(f"Make {name}", "rows", quiet=quiet) as progress:
        return make_sets(task, out, rows, seed, workers=workers, progress=progress)
