"""The end of a run: the HTML report, and where everything is."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def snakemake_command(configfiles: list[Path], folder: Path) -> list[str]:
    """Snakemake on this workflow, with results under `folder`."""
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--configfile", *map(str, configfiles), "--directory", str(folder)),
    ]


def finish(command: list[str], results: Path) -> int:
    """Write the report if anything it shows is newer, and say where everything is."""
    report = results / "report.html"
    shown = [path for folder in (results, *results.iterdir()) for path in folder.glob("*.*")]
    newest = max(path.stat().st_mtime for path in shown if path != report and path.exists())
    fresh = report.is_file() and report.stat().st_mtime >= newest
    if not fresh:
        print("Write the report", flush=True)
        made = subprocess.run(
            [
                *(*command, "--cores", "1", "--nolock"),
                *("--quiet", "rules", "--report", str(report.resolve())),
            ],
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
