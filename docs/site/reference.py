"""The pages of reference that are written from the code: interface, command line and formats."""

import atexit
import importlib
import inspect
import re
import tempfile
import tomllib
from pathlib import Path

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from typer.cli import get_docs_for_click

import neuronio
from neuronio.command.app import app

CUT_OFF = re.compile(r"(\*\*Commands\*\*:\n\n).*?(?=## )", re.DOTALL)
ROOT = Path(__file__).resolve().parents[2]
PYTHON = """# Python

The names below are the public interface: `import neuronio`. Everything else may change.
"""
FORMATS = """# Formats of files

What the modules that write each of them say. How to read them and what else is read:
[data](../data.md), [formats of others](../formats.md).
"""
WRITERS = {
    "Shards of trials": "neuronio.data.shard",
    "Sequence sets": "neuronio.data.sequences",
    "Recordings of spoken digits": "neuronio.data.digits.shd",
    "Fits": "neuronio.surrogate.checkpoint",
    "Results of a run": "neuronio.made",
}
COMMAND = """
What `neuronio COMMAND --help` says, too. An option of a list takes several values:
`--data a.h5 b.h5`. `python -m neuronio` is the same command.
"""


@event_priority(100)  # before mkdocstrings reads where the sources are
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lay the folders that are parts of the package where a reader of sources looks for them."""
    tree = tempfile.TemporaryDirectory()
    atexit.register(tree.cleanup)
    package = Path(tree.name, "neuronio")
    package.mkdir()
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for name, folder in setup["package-dir"].items():
        inside = [ROOT / folder] if "." in name else (ROOT / folder).iterdir()
        for path in inside:
            (package / path.name).symlink_to(path)
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [tree.name]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    names = "\n".join(f"::: neuronio.{name}" for name in neuronio.__all__)
    pages = {"python": f"{PYTHON}\n{names}\n", "command": command_page()}
    pages["formats"] = formats_page()
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def formats_page() -> str:
    """The layout of each kind of file, as the module that writes it tells it."""
    told = {title: inspect.getdoc(importlib.import_module(m)) for title, m in WRITERS.items()}
    return FORMATS + "".join(f"\n## {title}\n\n{text}\n" for title, text in told.items())


def command_page() -> str:
    """Every subcommand with its arguments and options, as the program declares them."""
    command = typer.main.get_command(app)
    context = command.make_context("neuronio", [], resilient_parsing=True)
    written = get_docs_for_click(obj=command, ctx=context, name="neuronio", title="Command line")
    title, rest = written.split("\n", 1)
    listed = "\n".join(
        f"* [`{name}`](#neuronio-{name}): {part.help.split(chr(10), 1)[0]}"
        for name, part in command.commands.items()
    )
    # Its own list cuts what each does off after some words.
    rest = CUT_OFF.sub(lambda cut: f"{cut[1]}{listed}\n\n", rest, count=1)
    return f"{title}\n{COMMAND}{rest}"
