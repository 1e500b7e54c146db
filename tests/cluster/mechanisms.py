"""What takes longest to compile, taken from the cache of these tests into another."""

import shutil
from pathlib import Path

from neuronio.native import cache_dir
from neuronio.simulation.mechanisms import MOD, compiled


def compiled_mechanisms(cache: Path) -> None:
    """Put the library of all our mechanisms into a cache, compiling it first if need be."""
    name = compiled(sorted(MOD.glob("*.mod"))).relative_to(cache_dir()).parts[0]
    shutil.copytree(cache_dir() / name, cache / name)
