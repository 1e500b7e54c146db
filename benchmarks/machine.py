"""What machine the figures come from, and whether it had other work at the time."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neuronio.recipe import versions

BUSY_SHARE = 0.75


def busy() -> bool:
    """Whether other programs take most of the cores; ask before a benchmark starts its own work."""
    return os.getloadavg()[0] > BUSY_SHARE * (os.cpu_count() or 1)


def facts() -> dict[str, Any]:
    """What a figure means nothing without; the versions also name the commit."""
    return {
        "busy": busy(),
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "vector_bits": vector_bits(),
        "versions": {**versions(), "torch_version": version("torch")},
    }


def cpu_name() -> str:
    """The processor as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def vector_bits() -> int:
    """Width of the vector registers that compiled code uses here, bits."""
    import numpy as np

    from neuronio.simulation.engines.ensemble.kernel import lane_count

    single = np.dtype("float32")
    return 8 * single.itemsize * lane_count(single)
