"""The subcommand that hands a fitted model to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command(name="export-model")
def export_model(
    model: Annotated[Path, typer.Argument(help="A fit directory, or one with published weights.")],
    out: Annotated[
        Path, typer.Option(help=".onnx, or .h: a C++ header that needs nothing else (ELMs).")
    ],
    form: Annotated[
        str | None,
        typer.Option(help="Of .onnx: step (default), or trace: all ms in one.", show_default=False),
    ] = None,
) -> None:
    """Write a fitted model as ONNX, or as a C++ header with its weights."""
    from neuronio.surrogate.export import export_model as write

    typer.echo(write(model, out, form))
