"""What `make run` calls: Snakemake with the local profile, one run at a time.

Plain `snakemake --configfile config/demo.yaml --cores all` makes the same.
"""

import argparse
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from finish import ROOT, finish, snakemake_command

from neuronio.config import load_config
from neuronio.errors import NeuronIOError
from neuronio.made import RUN_LOCK

PROFILE = ROOT / "workflow" / "profiles" / "local"


def main() -> int:
    """Run the workflow; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--cores", default="all")
    parser.add_argument("--directory", type=Path, default=Path("."))
    options, rest = parser.parse_known_args()
    command = snakemake_command([options.configfile], options.directory)
    try:
        name = load_config(options.configfile).name
        lock = take_lock(options.directory / RUN_LOCK, command)
    except NeuronIOError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    code = subprocess.call(
        [*command, "--cores", options.cores, "--profile", str(PROFILE), *rest],
        pass_fds=[lock.fileno()],
        env={**os.environ, "NEURONIO_FINISH": "later"},  # this process does what onsuccess does
    )
    if not code and not {"-n", "--dry-run", "--dryrun"} & set(rest):
        code = finish(command, options.directory / "results" / name)
    lock.truncate(0)
    return code


def take_lock(path: Path, command: list[str]) -> BinaryIO:
    """Keep a second `make run` out of the folder, and clear what a killed one left.

    The file is locked as long as this process or its Snakemake lives, and holds something until
    they end in an orderly way.

    Raises:
        NeuronIOError: another run is at work in the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open("a+b", buffering=0)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise NeuronIOError(
            f"another run is at work in {path.parents[1].resolve()}; wait until it ends"
        ) from error
    if path.stat().st_size:
        print("The last run was killed; going on where it was", file=sys.stderr)
        unlock = [*command, "--cores", "1", "--unlock", "--quiet", "all"]
        subprocess.run(unlock, check=False, capture_output=True)
    lock.truncate(0)
    lock.write(b"running\n")
    return lock


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
