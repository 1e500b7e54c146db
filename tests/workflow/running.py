"""How the tests run the workflow: as `make run` does, or as plain Snakemake."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

SMOKE = ROOT / "config" / "smoke.yaml"


def command(folder: Path, config: Path = SMOKE) -> list[str]:
    """What `make run` runs, with results under `folder`."""
    script = str(ROOT / "workflow" / "run.py")
    options = ["--configfile", str(config), "--directory", str(folder), "--cores", "2"]
    return [sys.executable, script, *options]


def run(folder: Path, config: Path = SMOKE, *options: str) -> subprocess.CompletedProcess:
    """Run the workflow to its end."""
    return subprocess.run(
        [*command(folder, config), *options], cwd=ROOT, capture_output=True, text=True, timeout=800
    )


def changed(folder: Path, change) -> Path:
    """smoke.yaml with a change made to it, written to `folder`."""
    document = yaml.safe_load(SMOKE.read_text())
    change(document)
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def plain(folder: Path, config: Path, *options: str) -> subprocess.CompletedProcess:
    """Snakemake without `make run`."""
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    options = ("--configfile", str(config), "--directory", str(folder), "--cores", "2", *options)
    return subprocess.run([*snakemake, *options], cwd=ROOT, capture_output=True, text=True)
