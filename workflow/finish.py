"""The end of a run: the report, Snakemake's beside it, and where everything is."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from snakemake.utils import update_config

from neuronio.config import RunConfig, validate_config
from neuronio.long_horizon import LongHorizonConfig, is_long_horizon, validate_long_horizon
from neuronio.sections import read_yaml

ROOT = Path(__file__).resolve().parents[1]


AnyRun = RunConfig | LongHorizonConfig


def merged(configfiles: list[Path]) -> AnyRun:
    """The configuration of several files, the later ones on top, as Snakemake merges them.

    Raises:
        NeuronIOError: one cannot be read, or what they say together is wrong.
    """
    document: dict[str, Any] = {}
    for path in configfiles:
        held = read_yaml(path, "configuration")
        if len(configfiles) == 1 or not isinstance(held, dict):
            return validated(held, str(path))
        update_config(document, held)
    return validated(document, str(configfiles[0]))


def validated(document: Any, name: str) -> AnyRun:
    """A configuration that is already read, of a neuron or of long-horizon tasks."""
    if is_long_horizon(document):
        return validate_long_horizon(document, name=name)
    return validate_config(document, name=name)


def snakemake_command(configfiles: list[Path], folder: Path) -> list[str]:
    """Snakemake on this workflow, with results under `folder`."""
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--configfile", *map(str, configfiles), "--directory", str(folder)),
    ]


def planned(run: AnyRun) -> Any:
    """The plan of a configuration, whose paths are relative to what `results` lies in."""
    sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
    if isinstance(run, RunConfig):
        from plan import Plan

        return Plan(run)
    from task_plan import TaskPlan

    return TaskPlan(run)


def finish(command: list[str], run: AnyRun, folder: Path) -> int:
    """Write the reports if anything that they show is newer, and say where everything is.

    Where Snakemake was asked for a part, and the rest is not there, that is said instead.

    Args:
        command: Snakemake with this run's configuration; run: the configuration.
        folder: what `results` lies in.
    """
    results = folder / "results" / run.name
    with contextlib.chdir(folder):
        whole = planned(run).current.exists()
    if not whole:
        print(f"\nDone with what was asked for. {results} is shown when all of the run is there.")
        return 0
    report, snakemakes = results / "report.html", results / "snakemake.html"
    shown = [path for part in (results, *results.iterdir()) for path in part.glob("*.*")]
    newest = max(
        path.stat().st_mtime for path in shown if path.exists() and path not in (report, snakemakes)
    )
    fresh = all(path.is_file() and path.stat().st_mtime >= newest for path in (report, snakemakes))
    if not fresh:
        print("Write the report", flush=True)
        if isinstance(run, RunConfig):
            from page import write_page

            write_page(results, run)
        else:
            from task_page import write_task_page

            write_task_page(results, run)
        made = subprocess.run(
            [
                *(*command, "--cores", "1", "--nolock"),
                *("--quiet", "rules", "--report", str(snakemakes.resolve())),
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
