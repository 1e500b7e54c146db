"""What machine the figures come from, and whether it had other work at the time."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from neuronio.recipe import machine, versions

BUSY_SHARE = 0.75


def busy() -> bool:
    """Whether other programs take most of the cores; ask before a benchmark starts its own work."""
    return os.getloadavg()[0] > BUSY_SHARE * (os.cpu_count() or 1)


def facts() -> dict[str, Any]:
    """What a figure means nothing without; the versions also name the commit."""
    return {
        "busy": busy(),
        "date": datetime.now(UTC).date().isoformat(),
        **machine(),
        "cores": os.cpu_count(),
        "versions": {**versions(), "torch_version": version("torch")},
    }
