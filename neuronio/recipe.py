"""What a result was made with."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def package_versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of the packages named, where they are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def versions() -> dict[str, str]:
    """Versions of what decides a trial's content, and the git revision of this checkout."""
    packages = package_versions("neuron", "numpy")
    return {f"{name}_version": found for name, found in packages.items()} | {
        "git_revision": git_revision()
    }


def git_revision() -> str:
    """The checked-out commit, with `-dirty` where files differ from it, or 'unknown'."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"
