"""Dry-runs of Snakemake in many clones, each in a fork that has torch and Snakemake loaded.

    python dry_runs.py CLONE ...

Each clone runs its own code on its config/smoke.yaml; what is printed goes to its dry-run.txt.
"""

import contextlib
import importlib
import os
import sys
import traceback
from pathlib import Path

import snakemake.cli
from running import ROOMS

# What takes long to load and is the same in every clone.
LOADED = ("torch", "h5py", "pydantic", "scipy.stats", "sklearn.metrics", "matplotlib.figure")


def dry_run(clone: Path) -> int:
    """Run in this process, which ends after it."""
    os.chdir(clone)
    sys.path.insert(0, str(clone / ".package"))
    # Now, since Snakemake puts the folder of the Snakefile first.
    for room in ROOMS:
        importlib.import_module(f"neuronio.{room}")
    options = ["--configfile", "config/smoke.yaml", "--cores", "2", "--dry-run"]
    with (clone / "dry-run.txt").open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        with contextlib.suppress(SystemExit):
            try:
                snakemake.cli.main(options)
            except Exception:
                traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    for module in LOADED:
        importlib.import_module(module)
    for clone in map(Path, sys.argv[1:]):
        if not (child := os.fork()):
            os._exit(dry_run(clone))
        os.waitpid(child, 0)
