"""What a result is made from: the recipe that names it, and the facts that stand beside it.

A recipe is a document of everything that decides a result's content: settings, content of the
files it comes from, and a hash of every module that computes it. Its digest names the result. What
decides nothing (paths, the clone, memory, threads, comments in the code) is not in it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.native import cache_dir

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "neuronio"
ROOMS = ("data", "simulation", "surrogate")
# Of the ground floor these decide numbers; the rest reads settings, writes files or tells progress.
DECIDING = {f"{PACKAGE}.conventions", f"{PACKAGE}.native"}
# What other modules import, but what decides nothing in their results.
CARRIERS = {
    f"{PACKAGE}.data.fetch",
    f"{PACKAGE}.data.manifest",
    f"{PACKAGE}.simulation.worker",
    f"{PACKAGE}.surrogate.device",
    f"{PACKAGE}.surrogate.streaming",
    # Every family is imported there; a fit names its own.
    f"{PACKAGE}.surrogate.families",
    f"{PACKAGE}.surrogate.models",
    f"{PACKAGE}.surrogate.recipes",
}
SOURCES = {".h", ".cpp", ".mod"}
SOURCE_FOLDERS = (".", "builtin", "mod", "source")


def digest(document: Any) -> str:
    """The digest of a document that JSON can hold: 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def file_sha256(path: str | Path) -> str:
    """Checksum of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code(*roots: str) -> dict[str, str]:
    """Hash of every module that takes part in what `roots` compute, by name.

    These are the roots, what of this package they import, and the C++ and NMODL sources in the
    folders of both. Comments, docstrings and layout do not count in Python.

    Args:
        roots: modules by dotted name. One of another package comes with its package's version; a
            file of the user's own, given by its path, with what it imports from its own folder.
    """
    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name.endswith(".py"):
            for key, file in _users_files(Path(name)).items():
                found[key] = python_hash(file)
                waiting += filter(_takes_part, _imports(file))
            continue
        if name in found:
            continue
        path = _module_file(name)
        found[name] = python_hash(path)
        waiting += filter(_takes_part, _imports(path))
        if not name.startswith(f"{PACKAGE}."):
            found |= _distributions(name)
        else:
            folder = name if path.name == "__init__.py" else name.rpartition(".")[0]
            for source in _sources_in(path.parent):
                found[f"{folder}/{source}"] = file_sha256(path.parent / source)[:16]
    _remember()
    return dict(sorted(found.items()))


def _takes_part(name: str) -> bool:
    ground = name.count(".") == 1 and name.rpartition(".")[2] not in ROOMS
    return name not in CARRIERS and name != PACKAGE and (not ground or name in DECIDING)


@cache
def _module_file(name: str) -> Path:
    """The file of a module; found without importing it, since that may load torch or NEURON."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        spec = find_spec(name)
        return Path(str(spec.origin if spec else ""))
    depth = 2 if len(parts) > 1 and parts[1] in ROOMS else 1
    spec = find_spec(".".join(parts[:depth]))
    if spec is None or not spec.submodule_search_locations:
        return Path()
    path = Path(next(iter(spec.submodule_search_locations))).joinpath(*parts[depth:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _sources_in(folder: Path) -> list[str]:
    """C++ and NMODL sources of a package's folder, by their paths in it."""
    return [
        os.path.normpath(os.path.join(inside, name))
        for inside in SOURCE_FOLDERS
        if (folder / inside).is_dir()
        for name in sorted(os.listdir(folder / inside))
        if os.path.splitext(name)[1] in SOURCES
    ]


def _distributions(name: str) -> dict[str, str]:
    """Versions of the installed packages that a module is from."""
    of = packages_distributions().get(name.partition(".")[0], [])
    return {f"package {found}": version(found) for found in sorted(set(of))}


def _users_files(path: Path) -> dict[str, Path]:
    """A user's file and what it imports from its own folder, by their paths in that."""
    found: dict[str, Path] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        key = file.relative_to(path.parent).as_posix()
        if key in found:
            continue
        found[key] = file
        for name in sorted({name.partition(".")[0] for name in _source(file).imports}):
            module, package = path.with_name(f"{name}.py"), path.with_name(name)
            waiting += [module] if module.is_file() else sorted(package.rglob("*.py"))
    return found


_new: dict[str, list[str]] = {}
"""What this process has read out of sources and not yet kept."""


@dataclass(frozen=True)
class _Source:
    """What is read out of a Python file: the hash of what it does, and all that it imports."""

    hash: str
    imports: list[str]


@cache
def _source(path: Path) -> _Source:
    content = path.read_bytes()
    key = hashlib.sha256(content).hexdigest()
    if key not in _memory():
        tree = ast.parse(content)
        found = hashlib.sha256(repr(_canonical(tree)).encode()).hexdigest()[:16]
        _memory()[key] = _new[key] = [found, *sorted(_imported(tree))]
    return _Source(_memory()[key][0], _memory()[key][1:])


def _imported(tree: ast.Module) -> set[str]:
    """Names of what a module imports, at its top or inside functions, and of what it takes from."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def _memory_file() -> Path:
    """Where what was read out of sources is kept, by their content: parsing all takes seconds."""
    this = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).hexdigest()[:16]
    return cache_dir() / f"sources-{this}.json"


@cache
def _memory() -> dict[str, list[str]]:
    with suppress(OSError, ValueError, NeuronIOError):
        return dict(json.loads(_memory_file().read_bytes()))
    return {}


def _remember() -> None:
    """Keep what is new; a cache that cannot be written to only costs time."""
    if not _new:
        return
    _new.clear()
    with suppress(NeuronIOError):
        write_atomic(_memory_file(), json.dumps(_memory()).encode())


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Modules of this package that a file imports."""
    names = (name for name in _source(path).imports if name.startswith(PACKAGE))
    return tuple(name for name in names if _module_file(name).is_file())


def python_hash(path: Path) -> str:
    """Hash of what a Python file does: its syntax tree without docstrings."""
    return _source(path).hash


def _canonical(node: Any) -> Any:
    """A syntax tree as nested tuples: no positions, and no statement that is only a string."""
    if isinstance(node, list):
        return tuple(_canonical(item) for item in node if not _only_text(item))
    if not isinstance(node, ast.AST):
        return repr(node)
    # Empty fields differ between versions of Python.
    fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    return (type(node).__name__, *((name, _canonical(value)) for name, value in fields))


def _only_text(node: Any) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant and isinstance(node.value.value, str)


def module_of(thing: Any) -> str:
    """The module that a class is from, as `code` takes it: of a user's file its path."""
    module = sys.modules[thing.__module__]
    name = module.__name__
    return str(module.__file__) if name.startswith(f"{PACKAGE}_user_") else name


def differences(there: Any, wanted: Any, key: str = "") -> Iterator[str]:
    """Where two recipes part: the dotted names of what differs."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        for name in sorted({*there, *wanted}):
            yield from differences(there.get(name), wanted.get(name), f"{key}.{name}".lstrip("."))
    elif there != wanted:
        yield key


def package_versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of the packages named, where they are installed."""
    return {"python": platform.python_version()} | deciding_versions(packages)


def deciding_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of the packages named, without what tells builds for a CPU from those for a GPU."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return found


def versions() -> dict[str, str]:
    """Versions of what decides a trial's content, and the git revision of this checkout."""
    packages = package_versions("neuron", "numpy")
    return {f"{name}_version": found for name, found in packages.items()} | {
        "git_revision": git_revision()
    }


@cache
def git_revision() -> str:
    """The checked-out commit, with `-dirty` where files differ from it, or 'unknown'."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """The processor and the width of its vectors: they decide the last bits of a result."""
    return {"cpu": cpu_name(), "vector_bits": vector_bits()}


def made_with(*packages: str) -> dict[str, Any]:
    """What stands beside a result's recipe: versions, revision of the code, processor."""
    return {
        "versions": package_versions(*packages),
        "git_revision": git_revision(),
        "machine": machine(),
    }


def cpu_name() -> str:
    """The processor as the system names it."""
    name = _cpuinfo().get("model name")
    return name or platform.processor() or platform.machine()


def vector_bits() -> int:
    """Width of the vector registers that compiled code uses here, bits."""
    flags = _cpuinfo().get("flags", "").split()
    return 512 if "avx512f" in flags else 256 if "avx" in flags else 128


@cache
def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo, where there is one."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.exists() else []
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
