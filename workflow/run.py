"""What `make run` calls: Snakemake, then the HTML report, then where to find what was made."""

import argparse
import fcntl
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from neuronio.config import load_config
from neuronio.errors import NeuronIOError

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "workflow" / "profiles" / "local"


def main() -> int:
    """Run the workflow; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--cores", default="all")
    parser.add_argument("--directory", type=Path, default=Path("."))
    options, rest = parser.parse_known_args()
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--configfile", str(options.configfile)),
        *("--directory", str(options.directory), "--cores", options.cores),
    ]
    try:
        name = load_config(options.configfile).name
        lock = take_lock(options.directory / ".snakemake" / "make-run.lock", command)
    except NeuronIOError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    code = subprocess.call([*command, "--profile", str(PROFILE), *rest], pass_fds=[lock.fileno()])
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
        subprocess.run([*command, "--unlock", "--quiet", "all"], check=False, capture_output=True)
    lock.truncate(0)
    lock.write(b"running\n")
    return lock


def finish(command: list[str], results: Path) -> int:
    """Write the report if anything it shows is newer, and say where everything is."""
    report = results / "report.html"
    shown = [path for folder in (results, *results.iterdir()) for path in folder.glob("*.*")]
    newest = max(path.stat().st_mtime for path in shown if path != report)
    fresh = report.is_file() and report.stat().st_mtime >= newest
    if not fresh:
        print("Write the report", flush=True)
        made = subprocess.run(
            [*command, "--quiet", "rules", "--report", str(report.resolve())],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            print(f"{made.stdout}{made.stderr}error: the report was not written", file=sys.stderr)
            return made.returncode
    print(f"\nNothing to do: {results} is up to date." if fresh else f"\nDone: {results}")
    for what, path in (
        ("figure", results / "figures" / "accuracy.png"),
        ("table", results / "table.csv"),
        ("report", report),
    ):
        if path.is_file():
            print(f"  {what:<7} {path}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
