"""Our NMODL mechanisms: compiled once per machine and NEURON version, then loaded."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")

import neuron

from neuronio.errors import NeuronIOError
from neuronio.native import cache_dir, compiler

MOD = Path(__file__).parent / "mod"


def mechanism_hash() -> str:
    """Hash of the NMODL sources, the NEURON version and the processor architecture."""
    digest = hashlib.sha256(f"{neuron.__version__} {platform.machine()}".encode())
    for path in sorted(MOD.glob("*.mod")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def compile_mechanisms() -> Path:
    """Compile the mechanisms unless this was done before; returns the library's path.

    Safe when several processes start at once: each builds in a folder of its own and the first to
    finish wins.

    Raises:
        NeuronIOError: there is no compiler, or it refuses a mechanism.
    """
    target = cache_dir() / f"mechanisms-{mechanism_hash()}"
    if not (library := _library(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            built = Path(folder) / "build"
            _build(built)
            try:
                built.rename(target)
            except OSError:
                if not _library(target):
                    raise
        library = _library(target)
    if not library:
        raise NeuronIOError(f"compiling the mechanisms left no library in {target}; delete it")
    return library


def load_mechanisms() -> None:
    """Make the mechanisms known to this process's NEURON, compiling them first if need be."""
    if not hasattr(neuron.h, "SKv3_1"):
        neuron.h.nrn_load_dll(str(compile_mechanisms()))


def _library(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("*/libnrnmech.*")) + sorted(folder.glob("*/*.so"))), None)


def _build(folder: Path) -> None:
    compiler()
    shutil.copytree(MOD, folder)
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
        env={**os.environ, "PATH": path},
    )
    if result.returncode:
        lines = (result.stdout + result.stderr).splitlines()
        wrong = [line.strip() for line in lines if "rror" in line]
        raise NeuronIOError(f"nrnivmodl refused a mechanism: {(wrong or lines or ['?'])[0]}")
