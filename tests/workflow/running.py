"""How the tests run the workflow: as `make run` does, as plain Snakemake, or from another clone."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

SMOKE = ROOT / "config" / "smoke.yaml"
# The parts of the package that lie outside its folder.
ROOMS = ("data", "simulation", "surrogate")


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


def clone_into(folder: Path) -> Path:
    """The tree as git has it or would, with the package as importable links in `.package`."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    package = folder / ".package" / "neuronio"
    package.mkdir(parents=True)
    for path in [*(folder / "neuronio").iterdir(), *(folder / room for room in ROOMS)]:
        (package / path.name).symlink_to(path)
    return folder
