"""No kernel reads or writes past its arrays, whatever their sizes: under AddressSanitizer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuronio.native import compiler


def sanitizer() -> str | None:
    """The library that a Python without it has to load first."""
    asked = [compiler(), "-print-file-name=libasan.so"]
    found = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return found if os.path.isabs(found) else None


@pytest.mark.slow
@pytest.mark.skipif(not sanitizer(), reason="the compiler has no libasan.so")
def test_every_kernel_keeps_within_its_arrays_at_odd_sizes():
    script = Path(__file__).with_name("odd_sizes.py")
    options = {"LD_PRELOAD": sanitizer(), "ASAN_OPTIONS": "detect_leaks=0"}
    environment = os.environ | options | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[:4000]
    assert "every kernel kept within its arrays" in done.stdout
