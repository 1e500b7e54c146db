"""NMODL mechanisms: compiled once per machine and NEURON version, then made known to NEURON."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path

os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")

import neuron

from neuronio.errors import NeuronIOError
from neuronio.native import building, cache_dir, compiler, keep_log
from neuronio.recipe import file_sha256

MOD = Path(__file__).parent / "mod"
NO_LIBPYTHON = "nable to locate the Python shared library"
_loaded: dict[str, str] = {}
"""Checksum of the source of every mechanism that this process's NEURON has from here."""


def suffix(path: Path) -> str:
    """What NEURON calls the mechanism of a MOD file.

    Raises:
        NeuronIOError: the file cannot be read, declares no mechanism, or includes another file.
    """
    try:
        source = path.read_text(errors="replace")
    except OSError as error:
        raise NeuronIOError(f"cannot read the MOD file {path}: {error.strerror}") from error
    found = re.search(r"^[^:?\n]*\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s+(\w+)", source, re.M)
    if included := re.search(r"^[ \t]*INCLUDE\s+(\S+)", source, re.M):
        raise NeuronIOError(
            f"{path} has INCLUDE {included.group(1)}, of which no checksum would be kept; put the "
            "file's text in its place"
        )
    if not found:
        raise NeuronIOError(f"{path} declares no mechanism; is it a MOD file?")
    return found.group(2)


def mechanisms_by_name(files: Iterable[Path]) -> dict[str, Path]:
    """Mechanisms' names with their files: those given, and ours where none of them has the name.

    Raises:
        NeuronIOError: two files define one mechanism, or a file defines none.
    """
    named: dict[str, Path] = {}
    for path in files:
        name = suffix(path)
        if name in named:
            raise NeuronIOError(f"{path} and {named[name]} both define the mechanism {name}")
        named[name] = path
    return {suffix(path): path for path in sorted(MOD.glob("*.mod"))} | named


def load_mechanisms(files: Iterable[Path] = ()) -> dict[str, Path]:
    """Make mechanisms known to this process's NEURON, compiling them first if need be.

    Args:
        files: MOD files; those of ours of which they define no mechanism come with them.

    Returns:
        Every mechanism's name with its file.

    Raises:
        NeuronIOError: a file defines no mechanism or cannot be compiled, or this process already
            has another mechanism of the name.
    """
    named = mechanisms_by_name(files)
    wanted = {name: file_sha256(path) for name, path in named.items()}
    for name, checksum in wanted.items():
        if _loaded.get(name, checksum) != checksum:
            raise NeuronIOError(
                f"this process's NEURON already has another mechanism {name} than that of "
                f"{named[name]}; run this cell in a process of its own"
            )
    missing = [name for name in named if name not in _loaded]
    if taken := [name for name in missing if hasattr(neuron.h, name)]:
        raise NeuronIOError(
            f"{named[taken[0]]} defines {taken[0]}, a name that NEURON itself has; give the "
            "mechanism another name"
        )
    for ours in (True, False):
        if mine := [name for name in missing if (named[name].parent == MOD) == ours]:
            library = compiled([named[name] for name in mine])
            # From the cache: NEURON takes no path with letters beyond ASCII. With its folder's
            # name, since two libraries of one path would be taken for one.
            with chdir(cache_dir()):
                neuron.h.nrn_load_dll(f"./{library.relative_to(cache_dir())}")
            _loaded.update({name: wanted[name] for name in mine})
    # The equations themselves, in every engine, and not NMODL's tables of them.
    for name in (*missing, "hh"):
        if hasattr(neuron.h, f"usetable_{name}"):
            setattr(neuron.h, f"usetable_{name}", 0)
    return named


def compiled(files: list[Path]) -> Path:
    """The library of some MOD files, compiled unless this was done before.

    Safe when several processes start at once: the first builds it and the others wait.

    Raises:
        NeuronIOError: there is no compiler, or it refuses a mechanism.
    """
    target = cache_dir() / f"mechanisms-{_hash(files)}"
    if not _library(target):
        with building(target) as folder:
            if not _library(target):  # by another process, while this one waited
                built = folder / "build"
                _build(files, built, target)
                try:
                    built.rename(target)
                except OSError:
                    if not _library(target):
                        raise
    library = _library(target)
    if not library:
        raise NeuronIOError(f"compiling the mechanisms left no library in {target}; delete it")
    return library


def _hash(files: list[Path]) -> str:
    """Hash of NMODL sources, the NEURON version and the processor architecture."""
    digest = hashlib.sha256(f"{neuron.__version__} {platform.machine()}".encode())
    for name, path in sorted((suffix(path), path) for path in files):
        digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _library(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("*/libnrnmech.*")) + sorted(folder.glob("*/*.so"))), None)


def _build(files: list[Path], folder: Path, target: Path) -> None:
    compiler()
    folder.mkdir()
    for file in files:
        # NEURON names functions after the file: two of one name may come from two folders.
        shutil.copyfile(file, folder / f"{suffix(file)}.mod")
    nrnivmodl = Path(sys.executable).with_name("nrnivmodl")
    command = str(nrnivmodl) if nrnivmodl.exists() else shutil.which("nrnivmodl")
    if not command:
        raise NeuronIOError("NEURON's nrnivmodl is not installed beside Python; reinstall neuron")
    path = f"{Path(command).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    result = subprocess.run(
        [command, "-incflags", "-O3", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, "TMPDIR": str(folder)},
    )
    output = result.stdout + result.stderr
    log = keep_log(target, output)
    if result.returncode:
        raise NeuronIOError(
            f"NEURON cannot compile {_complaint(output)} (all that was said: {log})"
        )


def _complaint(output: str) -> str:
    """What nrnivmodl says against a MOD file, in one line."""
    if NO_LIBPYTHON in output:
        version = "{}.{}".format(*sys.version_info)
        return (
            "MOD files without Python's shared library: install it (Debian: apt-get install "
            f"libpython{version}), or set NMODL_PYLIB to where it is"
        )
    lines = [line.strip() for line in output.splitlines()]
    names = re.findall(r"Translating (\S+)", output)
    wrong = [line for line in lines if "rror" in line and not line.startswith(("NOTE", "make"))]
    complaint = (wrong or lines or ["it says nothing"])[0]
    named = [
        name for name in names if name in complaint or name.replace(".mod", ".cpp") in complaint
    ]
    return f"{named[0]}: {complaint}" if named else f"a MOD file: {complaint}"
