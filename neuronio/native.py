"""C++ sources compiled once per machine and loaded with ctypes, and the cache that they lie in."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from neuronio.errors import NeuronIOError

VECTOR_INCLUDE = Path(__file__).parent / "source"
"""Folder of vector.h, which every kernel builds on."""

DEFAULT_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-shared")
# Taken where the compiler and its linker know them.
WISHED_FLAGS = ("-march=native",)


def cache_dir() -> Path:
    """Where compiled code is kept: `$NEURONIO_CACHE`, else `~/.cache/neuronio`.

    Raises:
        NeuronIOError: neither is set.
    """
    if root := os.environ.get("NEURONIO_CACHE"):
        return Path(root)
    try:
        return Path.home() / ".cache" / "neuronio"
    except RuntimeError as error:
        raise NeuronIOError(
            "this user has no home folder; set NEURONIO_CACHE to a folder to keep compiled code in"
        ) from error


@contextmanager
def building(target: Path) -> Iterator[Path]:
    """A folder to build `target` in, beside it, while no other process builds it.

    Where the file system has no locks, several may build it; the first to finish wins.

    Raises:
        NeuronIOError: the cache cannot be written to.
    """
    from filelock import FileLock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(f"{target.name}.lock"))
        with suppress(OSError, NotImplementedError):
            lock.acquire()
        try:
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                yield Path(folder)
        finally:
            lock.release()
    except OSError as error:
        raise NeuronIOError(
            f"cannot write to {target.parent}: {error.strerror or error}; set NEURONIO_CACHE to a "
            "folder that can be written to"
        ) from error


def keep_log(target: Path, output: str) -> Path:
    """Keep what a compiler said of `target`, beside it."""
    log = target.with_name(f"{target.name}.log")
    log.write_text(output, errors="replace")
    return log


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
    sizes: Mapping[str, int] | None = None,
) -> ctypes.CDLL:
    """Compile `sources` to a shared library unless that was done before, and load it.

    The library is kept in `cache_dir()` under a hash of the sources, the headers in the `include`
    folders, the flags that were taken, the compiler's version and the CPU, so a change of any of
    them rebuilds it; where they lie is not in it.

    Args:
        flags: of the compiler; those that it does not know are left out.
        sizes: bytes of each structure that is passed, by the function of the library that tells it.

    Raises:
        NeuronIOError: the compiler is missing or refuses the source, the library cannot be loaded,
            or its structures are not ours.
    """
    known = [*DEFAULT_FLAGS, *(f"-D{define}" for define in defines)]
    known += _known(compiler(), (*WISHED_FLAGS, *flags))
    library = cache_dir() / f"{name}-{_digest(known, sources, include)}.so"
    if not library.exists():
        folders = [f"-I{folder}" for folder in include]
        _compile([*known, *folders, *map(str, sources)], library)
    try:
        loaded = ctypes.CDLL(str(library))
    except OSError as error:
        raise NeuronIOError(
            f"cannot load {library} ({error}); delete it if it is damaged, and set NEURONIO_CACHE "
            "to another folder if nothing may be executed there"
        ) from error
    for function, size in (sizes or {}).items():
        if (compiled := getattr(loaded, function)()) != size:
            raise NeuronIOError(
                f"{library} takes structures of {compiled} bytes where {size} are passed "
                f"({function}); delete it, or use a compiler of this Python's platform"
            )
    return loaded


def _compile(arguments: list[str], library: Path) -> None:
    with building(library) as folder:
        if library.exists():  # by another process, while this one waited
            return
        built = folder / library.name
        command = [compiler(), *arguments, "-o", str(built)]
        # Some compilers go without the folder of TMPDIR where there is none, others do not.
        environment = {**os.environ, "TMPDIR": str(folder)}
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment
        )
        log = keep_log(library, f"{' '.join(command)}\n{result.stderr}")
        if result.returncode:
            lines = [line for line in result.stderr.splitlines() if "error" in line]
            raise NeuronIOError(
                f"compiling {library.stem} failed: {(lines or [result.stderr.strip()])[0]} "
                f"(all that the compiler said: {log})"
            )
        built.replace(library)


@cache
def _known(compiler: str, wished: tuple[str, ...]) -> list[str]:
    """Those of some flags that a compiler and its linker take."""
    if _takes(compiler, *wished):
        return list(wished)
    return [flag for flag in wished if _takes(compiler, flag)]


def _takes(compiler: str, *flags: str) -> bool:
    """Whether a compiler and its linker take flags, on an empty source."""
    with tempfile.TemporaryDirectory() as folder:
        command = [compiler, "-Werror", *flags, "-fPIC", "-shared", "-x", "c++", os.devnull]
        command += ["-o", str(Path(folder) / "empty.so")]
        environment = {**os.environ, "TMPDIR": folder}
        return subprocess.run(command, capture_output=True, env=environment).returncode == 0


def _digest(flags: list[str], sources: Sequence[Path], include: Sequence[Path]) -> str:
    digest = hashlib.sha256("\0".join([*flags, compiler_version(), _cpu()]).encode())
    headers = [p for d in include for p in sorted(Path(d).glob("*")) if p.suffix in {".h", ".hpp"}]
    for path in [*sources, *headers]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def compiler_version() -> str:
    """What the compiler says of itself."""
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
