"""Every benchmark in one go, each in a process of its own, and the speed tables they make.

    python benchmarks                measure, and print the tables
    python benchmarks --write        also store the figures in docs/benchmarks.json, and write the
                                     tables of README.md and docs/ from them
    python benchmarks --from-json    write the tables from docs/benchmarks.json; measure nothing
    python benchmarks --quick        the smallest settings, to see that every benchmark works

`make bench` is the first, `make bench WRITE=1` the second.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import fresh
import tables

from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_json

# What it is in docs/benchmarks.json: module and function. Training first, while all is quiet: what
# it does on a busy machine follows from the load, which the other benchmarks add to.
BENCHMARKS = {
    "training": ("fit", "run"),
    "dataset": ("dataset", "run"),
    "network": ("network", "run"),
    "longhorizon": ("longhorizon", "run"),
    "sequences": ("sequences", "run"),
    "engines": ("simulate", "run"),
    "memory": ("simulate", "run_memory"),
}


def main() -> None:
    """Measure, or read what was measured, and write what is asked for."""
    arguments = parse_arguments()
    if arguments.from_json:
        tell(tables.rewrite(read_json(tables.RECORD)))
        return
    record = {"source": "python benchmarks --write", "machine": fresh.call("machine", "facts")}
    for name, (module, function) in BENCHMARKS.items():
        print(f"\n== {name}", flush=True)
        record[name] = fresh.call(module, function, quick=arguments.quick)
    print(f"\n{tables.caption(record)}")
    if arguments.write:
        write_json(tables.RECORD, record)
        tell([tables.RECORD, *tables.rewrite(record)])


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python benchmarks", description=__doc__.splitlines()[0])
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--write", action="store_true", help="store the figures and write tables")
    kinds.add_argument("--from-json", action="store_true", help="write tables, measure nothing")
    kinds.add_argument("--quick", action="store_true", help="see that it works, no more")
    return parser.parse_args()


def tell(written: list[Path]) -> None:
    """Say which files were written."""
    print("\n".join(f"wrote {path.relative_to(tables.ROOT)}" for path in written) or "no change")


if __name__ == "__main__":
    try:
        main()
    except NeuronIOError as error:
        sys.exit(f"error: {error}")
