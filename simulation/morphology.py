"""Find a morphology and know its content; reading it takes NEURON (morphology_reader.py)."""

from __future__ import annotations

from pathlib import Path

from neuronio.data.fetch import fetch, refuse_shadow, sources
from neuronio.errors import NeuronIOError
from neuronio.files import is_file
from neuronio.recipe import file_sha256

READERS = {".asc": "Import3d_Neurolucida3", ".swc": "Import3d_SWC_read"}
"""NEURON's reader of each kind of file."""


def find_morphology(name: str) -> Path:
    """The path of a morphology.

    A bare name of `data/sources.tsv` always means that source, and is refused where the working
    folder or that of the cell's YAML file (`load_cell`) holds another file of the name; anything
    else, `./NAME` included, is a path of the user's.

    Raises:
        NeuronIOError: it is neither, it is ambiguous, or it cannot be fetched.
    """
    if name in sources():
        refuse_shadow(name, "")
        return fetch(name)
    path = Path(name)
    if path.suffix.lower() not in READERS:
        raise NeuronIOError(f"the morphology {name} must be an .asc or .swc file")
    if not is_file(path):
        known = ", ".join(source for source in sources() if Path(source).suffix in READERS)
        raise NeuronIOError(
            f"there is no morphology {name}: give the path of a file or one of {known}"
        )
    return path


def morphology_sha256(name: str) -> str:
    """Checksum of a morphology's content, '' of none; a source's is known before it is fetched.

    Raises:
        NeuronIOError: as `find_morphology`.
    """
    if not name:
        return ""
    if name in sources():
        refuse_shadow(name, "")
        return sources()[name].sha256
    return file_sha256(find_morphology(name))
