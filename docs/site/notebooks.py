"""Notebooks as pages: their text, their code, and the outputs that are committed with them."""

import base64
from pathlib import PurePosixPath
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NOTE = '<p><a href="{name}" download>This page is a notebook</a>, docs/notebooks/{name}.</p>'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page, and its images, for every notebook."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        path = PurePosixPath(file.src_uri)
        parts, images = [], {}
        for cell in nbformat.read(file.abs_src_path, as_version=4).cells:
            parts += cell_parts(cell, path.stem, images)
        title, text = "\n\n".join(parts).split("\n", 1)
        text = f"{title}\n\n{NOTE.format(name=path.name)}\n{text}"
        files.append(File.generated(config, str(path.with_suffix(".md")), content=text))
        for name, image in images.items():
            files.append(File.generated(config, str(path.with_name(name)), content=image))
    return files


def cell_parts(cell: Any, stem: str, images: dict[str, bytes]) -> list[str]:
    """A cell as Markdown; its images are put into `images`."""
    if cell.cell_type == "markdown":
        return [cell.source]
    parts = [f"```python\n{cell.source}\n```"]
    outputs = cell.get("outputs", ())
    if said := "".join(output.text for output in outputs if output.output_type == "stream"):
        parts.append(f"```text\n{said.rstrip()}\n```")
    for held in (output.data for output in outputs if "data" in output):
        name = f"{stem}-{len(images) + 1}.png"
        images[name] = base64.b64decode(held["image/png"])
        parts.append(f"![Output of the cell above]({name})")
    return parts
