"""The pages of reference that are written from the code: public interface and command line."""

import atexit
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
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


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
