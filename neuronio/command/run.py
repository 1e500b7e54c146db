"""How both command lines end: with one sentence for whatever went wrong."""

from __future__ import annotations

import typer

from neuronio.errors import NeuronIOError

# The class of typer's usage errors, wherever this version of typer keeps it.
USAGE_ERROR = typer.BadParameter.__mro__[2]


def run_command(app: typer.Typer, arguments: list[str], program: str, interrupted: str) -> int:
    """Run a command line; problems are one sentence on stderr.

    Args:
        interrupted: what to say after Ctrl-C.

    Returns:
        The exit code: 0, 1 after an error, 130 after Ctrl-C.
    """
    try:
        status = app(arguments, prog_name=program, standalone_mode=False)
    except NeuronIOError as error:
        message = str(error)
    except USAGE_ERROR as error:
        message = f"{error.format_message()} (see --help)"
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(interrupted, err=True)
        return 130
    else:
        return status if isinstance(status, int) else 0
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return 1


def pairs(texts: list[str] | None) -> dict[str, str]:
    """key=value texts as a dictionary of strings.

    Raises:
        NeuronIOError: a text is of another form, or a key comes twice.
    """
    out: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise NeuronIOError(f"'{text}' is not of the form key=value")
        if key in out:
            raise NeuronIOError(f"'{key}' is given twice; keep one")
        out[key] = value
    return out
