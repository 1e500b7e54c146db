"""What several subcommands share: options, and how values on the command line are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from neuronio.errors import NeuronIOError

# Options that several values may follow.
MANY = (
    *("--train", "--valid", "--data", "--set", "--variant"),
    *("--training", "--evaluation", "--evaluations", "--predictions", "--x"),
)
FIGURE_SUFFIXES = (".png", ".svg", ".pdf")

Files = list[Path] | None
Texts = list[str] | None
CellName = Annotated[str, typer.Option(help="A cell of docs/cells.md, or a YAML file.")]
Variants = Annotated[
    Texts, typer.Option("--variant", help="Change to the cell, key=value; may be repeated.")
]
ModelDir = Annotated[Path, typer.Option(help="A fit directory, or one with published weights.")]
ModelOptions = Annotated[Texts, typer.Option("--set", help="Options of the model, key=value ...")]
Size = Annotated[
    int | None,
    typer.Option(help="Size of the model: num_memory, width, hidden, ...", min=1, max=100_000),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Plot = Annotated[Path | None, typer.Option(help="Draw it here (.png, .svg or .pdf).")]


def spread(arguments: Sequence[str]) -> list[str]:
    """`--data a b` as `--data a --data b`, so that a shell's wildcard works.

    >>> spread(["fit", "--train", "a.h5", "b.h5", "--size", "3"])
    ['fit', '--train', 'a.h5', '--train', 'b.h5', '--size', '3']
    """
    if arguments[:1] == ["sequences"]:  # whose options of these names are numbers
        return list(arguments)
    out: list[str] = []
    option = None
    for argument in arguments:
        if argument.startswith("-"):
            option = argument if argument in MANY else None
            out.append(argument)
        elif option and out[-1] != option:
            out += [option, argument]
        else:
            out.append(argument)
    return out


def refuse_beside(ctx: typer.Context, option: str, names: Iterable[str], why: str) -> None:
    """Refuse options on the command line that another one makes idle.

    Args:
        option: the other one; names: of the function's arguments; why: they are idle.
    """
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if parameter.name in names and source and source.name == "COMMANDLINE":
            raise NeuronIOError(f"{parameter.opts[0]} cannot be given with {option}, {why}")


def check_suffix(path: Path | None, *wanted: str) -> None:
    """Reject a file that could not be written, or would be of another kind than is meant."""
    if path is not None and path.suffix not in wanted:
        raise NeuronIOError(f"{path} must end in {' or '.join(wanted)}")
    if path is not None and path.is_dir():
        raise NeuronIOError(f"{path} is a folder; give the name of a file")
