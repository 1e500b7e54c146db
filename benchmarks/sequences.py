"""How fast the generated tasks of the Long Range Arena are made: CPU time of a row on one core.

    python benchmarks/sequences.py [--json FILE] [--quick]

Rows are made as for a set, random numbers and arrays included; compiling and writing are not
counted. Beside them stands what the public Pathfinder script took for an image on a core of a
machine like ours, which is not run again here.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import machine

from neuronio.data.sequence_tasks import TASKS
from neuronio.files import write_json

ROWS = {"listops": 200, "listops-short": 200, "pathfinder": 3000, "pathx": 200}
PUBLIC_SCRIPT_S = {"pathfinder": 0.6, "pathx": 5.5}


def run(*, quick: bool = False) -> dict[str, Any]:
    """CPU time of a row of every task, s.

    Args:
        quick: a few rows, to see that it works; the figures mean nothing.
    """
    runs = []
    for name, rows in ROWS.items():
        TASKS[name].part(0, "train", range(1))  # what is compiled once
        started = time.process_time()
        TASKS[name].part(1, "train", range(4 if quick else rows))
        spent = (time.process_time() - started) / (4 if quick else rows)
        whole = sum(TASKS[name].rows.values())
        row = {"task": name, "s_per_row": spent, "whole_set_core_h": spent * whole / 3600}
        runs.append(row | {"public_script_s": PUBLIC_SCRIPT_S.get(name)})
    return {"machine": machine.facts(), "runs": runs}


def lines(results: dict[str, Any]) -> list[str]:
    """The results for a terminal."""
    return [
        f"{row['task']:<15}{1e3 * row['s_per_row']:8.2f} ms a row, {1 / row['s_per_row']:8.0f} /s, "
        f"{row['whole_set_core_h']:.2f} core-hours a set{gain(row)}"
        for row in results["runs"]
    ]


def gain(row: dict[str, Any]) -> str:
    """How much faster than the public script, where there is one."""
    public = row["public_script_s"]
    return f", {public / row['s_per_row']:.0f} times the public script" if public else ""


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="see that it works, no more")
    options = parser.parse_args()
    results = run(quick=options.quick)
    print("\n".join(lines(results)))
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
