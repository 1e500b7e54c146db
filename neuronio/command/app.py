"""The program with all its subcommands, and how it ends: with one sentence where it went wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer

import neuronio.command.digits as digits
import neuronio.command.evaluation as evaluation
import neuronio.command.export as export
import neuronio.command.files as files
import neuronio.command.plotting as plotting
import neuronio.command.recipes as recipes
import neuronio.command.sequences as sequences
import neuronio.command.simulation as simulation
import neuronio.command.surrogates as surrogates
from neuronio.command.options import spread
from neuronio.errors import NeuronIOError

# The class of typer's usage errors, wherever this version of typer keeps it.
USAGE_ERROR: Any = typer.BadParameter.__mro__[2]
INTERRUPTED = "interrupted; the same command goes on from what is finished"
AFTER_CTRL_C = 130

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for group in (
    simulation,
    files,
    sequences,
    surrogates,
    evaluation,
    plotting,
    export,
    recipes,
    digits,
):
    app.registered_commands += group.app.registered_commands


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"neuronio {version('neuronio')}")
        raise typer.Exit


@app.callback()
def program(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """From a biophysical neuron to its surrogate: simulate it, fit networks to it, judge them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; problems are one sentence on stderr.

    Returns:
        The exit code: 0, 1 after an error, 130 after Ctrl-C.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = app(spread(given), prog_name="neuronio", standalone_mode=False)
        if status == AFTER_CTRL_C:  # which some versions of typer return, and others raise
            raise KeyboardInterrupt
    except NeuronIOError as error:
        message = str(error)
    except USAGE_ERROR as error:
        message = f"{error.format_message()} (see --help)"
    except OSError as error:  # such as a name that is too long
        message = f"{error.filename or 'the system'}: {error.strerror or error}"
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(INTERRUPTED, err=True)
        return AFTER_CTRL_C
    else:
        return status if isinstance(status, int) else 0
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return 1
