"""The command line: one program, `neuronio`, also as `python -m neuronio`."""

from neuronio.command.app import main

__all__ = ["main"]
