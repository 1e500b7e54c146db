"""What `make run` calls: Snakemake, then the HTML report, then where to find what was made."""

import argparse
import subprocess
import sys
from pathlib import Path

from data.config import load_config
from data.errors import NeuronIOError

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "workflow" / "profiles" / "local"


def main() -> int:
    """Run the workflow; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--cores", default="all")
    parser.add_argument("--directory", type=Path, default=Path("."))
    options, rest = parser.parse_known_args()
    try:
        name = load_config(options.configfile).name
    except NeuronIOError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--configfile", str(options.configfile)),
        *("--directory", str(options.directory), "--cores", options.cores),
    ]
    code = subprocess.call([*command, "--profile", str(PROFILE), *rest])
    if code or {"-n", "--dry-run", "--unlock"} & set(rest):
        return code
    return finish(command, options.directory / "results" / name)


def finish(command: list[str], results: Path) -> int:
    """Write the report if anything it shows is newer, and say where everything is."""
    report = results / "report.html"
    shown = [*results.glob("figures/*"), *results.glob("*.csv"), *results.glob("*.json")]
    fresh = report.is_file() and report.stat().st_mtime >= max(p.stat().st_mtime for p in shown)
    if not fresh:
        print("Write the report", flush=True)
        code = subprocess.call([*command, "--quiet", "all", "--report", str(report.resolve())])
        if code:
            return code
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
