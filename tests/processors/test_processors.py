"""Kernels on this processor and, where a cross compiler and an emulator are installed, on aarch64.

Debian: apt-get install g++-aarch64-linux-gnu qemu-user-static.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neuronio.native import VECTOR_INCLUDE, compiler
from neuronio.simulation.cell import build_cell
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.ensemble.export import export_cell
from neuronio.simulation.engines.ensemble.kernel import make_programs
from neuronio.simulation.engines.ensemble.lowering import Slots
from neuronio.simulation.engines.ensemble.program import membrane_source
from neuronio.surrogate.recurrence import compiled

CROSS = shutil.which("aarch64-linux-gnu-g++")
QEMU = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
AARCH64 = 183  # of an ELF file's header
# The largest error of each of check.cpp's lines: units in the last place, and numbers of order 1.
ALLOWED = {
    **dict.fromkeys(["tanh_32", "sigmoid_32", "tanh_64", "sigmoid_64"], 3),
    "exp2_32": 3,
    "exp2_64": 100,
    "one_minus_exp2_32": 8,
    "one_minus_exp2_64": 600,
    **dict.fromkeys(["log2_32", "log2_64", "reciprocal_32", "reciprocal_64"], 3),
    "memory_32": 3e-6,
    "memory_64": 1e-14,
    "rotation_32": 3e-6,
    "rotation_64": 1e-14,
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("processor", ["this", "aarch64"])
def test_functions_recursion_rotation_and_mode(processor, tmp_path):
    if processor == "aarch64" and not (CROSS and QEMU):
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64")
    command, run = (compiler(), []) if processor == "this" else (CROSS, [QEMU])
    folder = Path(compiled.__file__).parent
    sources = [Path(__file__).with_name("check.cpp"), folder / "memory.cpp", folder / "scans.cpp"]
    include = [f"-I{VECTOR_INCLUDE}", f"-I{folder}"]
    flags = ["-std=c++17", "-O3", *(f for f in compiled.FLAGS if f != "-fopenmp"), *include]
    static = ["-static"] if processor == "aarch64" else []
    program = tmp_path / "check"
    subprocess.run([command, *flags, *static, *sources, "-o", program], check=True)
    told = subprocess.run([*run, program], check=True, capture_output=True, text=True).stdout
    found = {name: float(value) for name, value in map(str.split, told.splitlines())}
    assert found.pop("flushed") == found.pop("kept") == 1
    assert found.keys() == ALLOWED.keys()
    assert not {name: error for name, error in found.items() if not error <= ALLOWED[name]}


BUILD = """
import sys
from pathlib import Path
from neuronio.errors import NeuronIOError
from neuronio.simulation.engines.ensemble import kernel
from neuronio.surrogate import compiled_step
from neuronio.surrogate.recurrence import compiled
membranes = [Path(name) for name in sys.argv[1:]]
builds = [lambda m=m: kernel._compiled(m.read_text(), m.name) for m in membranes]
for build in (compiled.library, compiled_step.library, kernel._lanes_library, *builds):
    try:
        build()
    except NeuronIOError as error:
        assert str(error).startswith("cannot load"), error
"""


@pytest.mark.skipif(not CROSS, reason="needs aarch64-linux-gnu-g++")
def test_every_kernel_compiles_for_aarch64(tmp_path):
    """With the flags that the cross compiler knows: -march=native is none of them."""
    model = export_cell(build_cell(load_cell("packaged")))
    for precision in ("float32", "float64"):
        programs = make_programs(model, Slots(precision == "float32"), precision, 0.025, 2)
        (tmp_path / precision).write_text(membrane_source(programs))
    env = {**os.environ, "CXX": str(CROSS), "NEURONIO_CACHE": str(tmp_path / "cache")}
    membranes = [str(tmp_path / "float32"), str(tmp_path / "float64")]
    done = subprocess.run([sys.executable, "-c", BUILD, *membranes], env=env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    built = list((tmp_path / "cache").glob("*.so"))
    assert sorted(path.name.partition("-")[0] for path in built) == [
        *("ensemble", "ensemble", "lanes", "recurrence", "step")
    ]
    for path in built:
        assert int.from_bytes(path.read_bytes()[18:20], "little") == AARCH64
