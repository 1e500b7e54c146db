"""C++ sources compiled once per machine and loaded with ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from neuronio.errors import NeuronIOError

VECTOR_INCLUDE = Path(__file__).parent / "source"
"""Folder of vector.h, which every kernel builds on."""

DEFAULT_FLAGS = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared")


def cache_dir() -> Path:
    """Where compiled code is kept: `$NEURONIO_CACHE`, else `~/.cache/neuronio`."""
    root = os.environ.get("NEURONIO_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "neuronio"


@cache
def compiler() -> str:
    """The C++ compiler: `$CXX`, else g++, else clang++.

    Raises:
        NeuronIOError: there is none.
    """
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        if name and (found := shutil.which(name)):
            return found
    raise NeuronIOError(
        "no C++ compiler found: install g++ (Debian: apt-get install g++) or set CXX to one"
    )


def load_library(
    name: str,
    sources: Sequence[Path],
    *,
    flags: Sequence[str] = (),
    defines: Sequence[str] = (),
    include: Sequence[Path] = (),
) -> ctypes.CDLL:
    """Compile `sources` to a shared library unless that was done before, and load it.

    The library is kept in `cache_dir()` under a hash of the sources, the headers in the `include`
    folders, the flags, the compiler's version and the CPU, so a change of any of them rebuilds it.

    Raises:
        NeuronIOError: the compiler is missing or refuses the source.
    """
    command = [compiler(), *DEFAULT_FLAGS, *flags, *(f"-D{define}" for define in defines)]
    command += [f"-I{folder}" for folder in include]
    library = cache_dir() / f"{name}-{_digest(command, sources, include)}.so"
    if not library.exists():
        _compile([*command, *map(str, sources)], library)
    return ctypes.CDLL(str(library))


def _compile(command: list[str], library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        built = Path(folder) / library.name
        result = subprocess.run([*command, "-o", str(built)], capture_output=True, text=True)
        if result.returncode:
            lines = [line for line in result.stderr.splitlines() if "error" in line]
            raise NeuronIOError(
                f"compiling {library.stem} failed: {(lines or [result.stderr.strip()])[0]}"
            )
        built.replace(library)


def _digest(command: list[str], sources: Sequence[Path], include: Sequence[Path]) -> str:
    digest = hashlib.sha256("\0".join([*command, _compiler_version(), _cpu()]).encode())
    headers = [p for d in include for p in sorted(Path(d).glob("*")) if p.suffix in {".h", ".hpp"}]
    for path in [*sources, *headers]:
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:16]


@cache
def _compiler_version() -> str:
    return subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout


@cache
def _cpu() -> str:
    """Processor model and instruction sets: `-march=native` code runs on this kind only."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        wanted = ("model name", "flags", "Features", "CPU part")
        lines = {ln for ln in cpuinfo.read_text().splitlines() if ln.startswith(wanted)}
        return "\n".join(sorted(lines))
    return f"{platform.machine()} {platform.processor()}"
