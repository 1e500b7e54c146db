"""What a result was made with."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def versions() -> dict[str, str]:
    """Versions of what decides a trial's content, and the git revision of this checkout."""
    return {
        "python_version": platform.python_version(),
        "neuron_version": version("neuron"),
        "numpy_version": version("numpy"),
        "git_revision": git_revision(),
    }


def git_revision() -> str:
    """The checked-out commit, with `-dirty` where files differ from it, or 'unknown'."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"
