"""What a run makes: folders named by what they hold and its recipe, each with a receipt.

    results/made/branch_elm-20-seed0-1f0c9a3b77e2d154/
        recipe.json     the receipt, written last: recipe, checksums, what it was made with
        ...             the result itself

A changed recipe gets a folder of its own, so nothing finished is lost or mixed; what a run of that
name shows last is linked from `results/<name>/`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.files import lock_file, read_json, write_atomic, write_json
from neuronio.native import cache_dir
from neuronio.recipe import (
    deciding_versions,
    differences,
    digest,
    file_sha256,
    git_revision,
    machine,
)

MADE = "made"
# A half-written file that nobody touched for so long has lost its writer.
ABANDONED_S = 86_400.0
RECEIPT = "recipe.json"
DAMAGED = "damaged"
CURRENT = ".current"
SNAKEMAKE_LOCKS = Path(".snakemake") / "locks"
RUN_LOCK = Path(".snakemake") / "make-run.lock"
PACKAGES = ("neuron", "numpy", "scipy", "scikit-learn", "torch", "h5py", "matplotlib", "neuronio")


@dataclass(frozen=True)
class Product:
    """A folder that a recipe names.

    Attributes:
        what: it holds, in a word that may stand in a path.
        recipe: everything that decides its content, as JSON.
        store: the folder that it lies in.
    """

    what: str
    recipe: dict[str, Any]
    store: Path = Path("results") / MADE
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", digest(self.recipe))

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.store / f"{self.what}-{self.digest}"

    @property
    def receipt(self) -> Path:
        """The file that says that it is finished, and what made it."""
        return self.folder / RECEIPT

    def finish(self, files: Sequence[str | Path], configuration: dict[str, Any]) -> None:
        """Write the receipt.

        Args:
            files: what was made, below the folder.
            configuration: of the run that it was made in, as JSON.
        """
        names = [str(Path(file).relative_to(self.folder)) for file in files]
        document = {
            "what": self.what,
            "digest": self.digest,
            "recipe": self.recipe,
            "files": {name: file_sha256(self.folder / name) for name in sorted(names)},
            "git_revision": git_revision(),
            "machine": machine(),
            "packages": deciding_versions(PACKAGES),
            "configuration": configuration,
        }
        write_json(self.receipt, document)

    def fault(self) -> str | None:
        """Why what is there cannot be trusted; None where it can, or where it is not finished."""
        if not self.receipt.exists():
            return None
        try:
            receipt = read_json(self.receipt)
            if receipt["digest"] != self.digest:
                parts = ", ".join(differences(receipt["recipe"], self.recipe))
                return f"it was made by another recipe ({parts})"
            return changed_file(self.folder, receipt)
        except (NeuronIOError, KeyError, TypeError, AttributeError) as error:
            return f"its receipt cannot be read ({error})"


class CacheMark(Product):
    """A product that says that something is in the cache, and has no files of its own.

    It is said in the cache too, which on another machine is another.
    """

    @property
    def mark(self) -> Path:
        """The file in the cache that says so."""
        return cache_dir() / "marks" / self.folder.name

    def finish(self, files: Sequence[str | Path], configuration: dict[str, Any]) -> None:
        """Write the receipt and the mark."""
        write_atomic(self.mark, b"")
        super().finish(files, configuration)

    def fault(self) -> str | None:
        """As of any product, or that the cache does not say so."""
        if not self.receipt.exists() or self.mark.exists():
            return super().fault()
        return f"the cache of this machine ({cache_dir()}) lacks what it stands for"


def changed_file(folder: Path, receipt: dict[str, Any]) -> str | None:
    """What differs from a receipt's checksums, in words, or None."""
    for name, wanted in receipt["files"].items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if file_sha256(path) != wanted:
            return f"{name} is not what was written"
    return None


def free_name(folder: Path, name: str) -> Path:
    """`folder`/`name`, or with a number where that is taken."""
    names = (f"{name}-{number}" if number else name for number in count())
    return next(folder / free for free in names if not (folder / free).exists())


def at_work(results: Path) -> bool:
    """Whether a run is at work in the folder that `results` lies in."""
    folder = results.resolve().parent
    if any((folder / SNAKEMAKE_LOCKS).glob("*")):
        return True
    lock = folder / RUN_LOCK
    if not lock.exists():
        return False
    with lock.open("a") as file:
        return not lock_file(file)


def _marked(mark: Path) -> set[str]:
    try:
        return {Path(folder).name for folder in read_json(mark)["folders"]}
    except (KeyError, TypeError) as error:
        raise NeuronIOError(
            f"{mark} does not say what its run shows; run that again, or delete it"
        ) from error


def unused(results: Path) -> Iterator[Path]:
    """What lies in the store of `results` and belongs to no run as it last finished or began.

    Half-written files are among it that nobody has touched for a day: a killed run leaves them.

    Raises:
        NeuronIOError: there is no such store, or a run's list cannot be read.
    """
    store = results / MADE
    if not store.is_dir():
        raise NeuronIOError(f"{store} does not exist; give the folder that holds the runs' results")
    used = {name for mark in results.glob(f"*/{CURRENT}/*.json") for name in _marked(mark)}
    for path in sorted(store.iterdir()):
        if path.name == DAMAGED:
            yield from sorted(path.iterdir())
        elif path.is_dir() and path.name not in used:
            yield path
        elif path.is_dir():
            files = sorted(path.rglob(".*.tmp"))
            yield from (f for f in files if time.time() - f.stat().st_mtime > ABANDONED_S)
