"""What benchmarks of surrogates are started by: measure, print the table, write the JSON."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuronio.files import write_json


def command(
    about: str, run: Callable[..., dict[str, Any]], lines: Callable[[dict[str, Any]], list[str]]
) -> None:
    """Read the arguments, and do it.

    Args:
        about: docstring of the benchmark; run: measures, with `quick` and `threads`.
        lines: the table of what it measured.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--threads", type=int, default=2, help="for every way alike (default 2)")
    parser.add_argument("--quick", action="store_true", help="see that it works, no more")
    options = parser.parse_args()
    results = run(quick=options.quick, threads=options.threads)
    print("\n".join(lines(results)))
    if options.json:
        write_json(options.json, results)
