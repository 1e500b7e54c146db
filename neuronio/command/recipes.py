"""Subcommands on what made a result: provenance, clean."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from neuronio.errors import NeuronIOError

app = typer.Typer()


@app.command()
def provenance(
    file: Annotated[
        Path, typer.Argument(help="A shard, trial, fit, evaluation, table, figure or report.")
    ],
    trial: Annotated[
        int | None,
        typer.Option(help="Index of the trial of a shard to make again (its first).", min=0),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Write the run's configuration here (.yaml).")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="Print the whole recipe and configuration too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Say what made a result: recipe, code, processor, seeds, checksums, the command for it."""
    from neuronio.command.provenance import provenance as run
    from neuronio.command.provenance import short
    from neuronio.sections import flattened

    facts = run(file, trial)
    if config:
        if "configuration" not in facts:
            raise NeuronIOError(f"{file} does not hold the configuration of a run")
        write_yaml(config, facts["configuration"])
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        shown = facts if whole else short(facts)
        typer.echo("\n".join(f"{name}: {value}" for name, value in flattened(shown)))
        if left := [name for name in facts if name not in shown]:
            typer.echo(f"with --all also: {', '.join(left)}")


@app.command()
def clean(
    results: Annotated[Path, typer.Argument(help="Folder that holds the runs' results.")] = Path(
        "results"
    ),
    remove: Annotated[bool, typer.Option("--remove", help="Remove what is listed.")] = False,
) -> None:
    """List what no run shows any more (older recipes, what was set aside), or remove it."""
    from neuronio.made import at_work, unused

    if remove and at_work(results):
        raise NeuronIOError(
            f"a run is at work beside {results}, or was killed; wait until it ends, or run it again"
        )
    total, found = 0, list(unused(results))
    for path in found:
        files = path.rglob("*") if path.is_dir() else [path]
        size = sum(file.stat().st_size for file in files if file.is_file())
        total += size
        typer.echo(f"{size / 1e6:10.1f} MB  {path}")
        if remove:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    told = "removed" if remove else "could be removed: neuronio clean --remove"
    typer.echo(f"{total / 1e6:10.1f} MB  {told}" if found else "nothing to clean")


def write_yaml(path: Path, document: dict[str, Any]) -> None:
    """Write a configuration file."""
    import yaml

    from neuronio.files import write_atomic

    write_atomic(path, yaml.safe_dump(document, sort_keys=False).encode())
