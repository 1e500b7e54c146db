"""The speed tables of README.md and docs/, written from docs/benchmarks.json.

A page holds a table between `<!-- benchmarks: NAME -->` and `<!-- end -->`; NAME is a key of
`BLOCKS`. Nothing here measures anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.markdown import table, with_block

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "docs" / "benchmarks.json"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
MARK = re.compile(r"<!-- benchmarks: (\w+) -->")

Record = Mapping[str, Any]
ENGINE_NAMES = {
    "neuron": "NEURON",
    "ensemble": "ensemble",
    "ensemble_float64": "ensemble, float64",
    "ensemble_float32": "ensemble, float32",
    "ensemble_float32_tables": "ensemble, float32, gate tables",
}
WAYS = {"pytorch": "PyTorch", "compiled": "compiled"}
# Of a Branch-ELM on one GPU.
PUBLISHED_NEURON_MS_PER_S = 0.79e6


def updated(text: str, record: Record) -> str:
    """A page with every block made anew.

    Raises:
        NeuronIOError: a mark names a block that does not exist, or has no end.
    """

    for name in MARK.findall(text):
        if name not in BLOCKS:
            raise NeuronIOError(f"no speed table is called '{name}': {', '.join(BLOCKS)}")
        text = with_block(text, f"benchmarks: {name}", BLOCKS[name](record))
    return text


def rewrite(record: Record) -> list[Path]:
    """Bring every page up to date; returns those that changed."""
    changed = []
    for page in PAGES:
        text = page.read_text()
        if (new := updated(text, record)) != text:
            write_atomic(page, new.encode())
            changed.append(page)
    return changed


def speed_block(record: Record) -> str:
    """Both tables of the README side by side: engines, and training steps."""
    left = [[_engine(row), *_engine_time(row)] for row in best_engines(record)]
    right = [[*_step(row), f"{row['gain']:,.0f}"] for row in record["training"]["steps"]]
    rows = [[*(a or [""] * 3), "", *(b or [""] * 4)] for a, b in zip_longest(left, right)]
    head = ["engine", "ms", "gain", "", "d_m, batch", "published loop", "ours", "gain"]
    return f"{table(head, rows)}\n\n{caption(record)}"


def engines_block(record: Record) -> str:
    """Engines, each at its best number of trials, and one trial alone."""
    rows = [*best_engines(record), alone(record)]
    body = [[ENGINE_NAMES[r["engine"]], r["trials"], *_engine_time(r)] for r in rows]
    head = ["engine", "trials at once", f"{record['engines']['cell']}, ms", "gain"]
    return f"{table(head, body)}\n\n{caption(record)}"


def dataset_block(record: Record) -> str:
    """A dataset job with either engine, end to end."""
    found = record["dataset"]
    rows = [
        [ENGINE_NAMES[r["engine"]], r["trials"], digits(r["s_per_trial"]), f"{r['gain']:,.0f}"]
        for r in found["engines"]
    ]
    per_trial = f"s per trial of {found['duration_ms'] / 1e3:g} s"
    return table(["engine", "trials together", per_trial, "gain"], rows)


def memory_block(record: Record) -> str:
    """Peak memory of many trials, as a sentence."""
    found = record["memory"]
    return (
        f"Peak memory for {found['trials']} trials of {found['duration_ms'] / 1e3:g} s is "
        f"{found['peak_MB']:.0f} MB, NEURON and Python included."
    )


def training_block(record: Record) -> str:
    """Training steps in all three ways."""
    rows = [
        [*_step(row)[:2], ms(row["reference_ms"]), ms(row["compiled_ms"]), f"{row['gain']:,.0f}x"]
        for row in record["training"]["steps"]
    ]
    head = ["d_m, batch", "published loop", "reference", "compiled", "gain"]
    return f"{table(head, rows)}\n\n{caption(record)}"


def network_block(record: Record) -> str:
    """Neurons in a network: ours, the published figure, and NEURON from the engines' benchmark."""
    found = record["network"]
    rows = [
        [
            f"{row['model']}, {row['size']}, {WAYS[row['way']]}",
            digits(row["neuron_ms_per_s"] / 1e6),
            digits(row["neuron_ms_per_cpu_s"] / 1e6),
        ]
        for row in found["runs"]
    ]
    neuron_ms = next(r for r in record["engines"]["runs"] if r["engine"] == "neuron")
    rows += [
        ["Branch-ELM on a GPU, as published", digits(PUBLISHED_NEURON_MS_PER_S / 1e6), ""],
        [
            "NEURON, one cell alone ([ensemble](ensemble.md))",
            "",
            f"{1e-3 / neuron_ms['ms_per_cell_ms']:.2g}",
        ],
    ]
    head = ["neurons", f"million neuron-ms/s, {found['threads']} cores", "per CPU second"]
    return f"{table(head, rows)}\n\n{caption(found)}"


def sequences_block(record: Record) -> str:
    """Rows of the generated tasks, beside the public script."""
    found = record["sequences"]
    rows = []
    for row in found["runs"]:
        public = row["public_script_s"]
        told = [f"{public:g} s", f"{public / row['s_per_row']:,.0f}"] if public else ["", ""]
        per_row, whole = digits(1e3 * row["s_per_row"]), f"{60 * row['whole_set_core_h']:,.0f} min"
        rows.append([row["task"], per_row, *told, whole])
    head = ["task", "ms a row, one core", "public script", "gain", "whole set, one core"]
    return f"{table(head, rows)}\n\n{caption(found)}"


def longhorizon_block(record: Record) -> str:
    """Training steps of classifiers of long sequences: us of a row and step."""
    found = record["longhorizon"]
    took: dict[tuple[int, int], dict[str, str]] = {}
    for row in found["steps"]:
        of_size = took.setdefault((row["steps"], row["batch"]), {})
        of_size[f"{row['model']}, {row['way']}"] = digits(row["us_per_row_step"])
    columns = list(dict.fromkeys(name for row in took.values() for name in row))
    body = [
        [f"{steps:,}, {batch}", *(row.get(name, "") for name in columns)]
        for (steps, batch), row in took.items()
    ]
    return f"{table(['T, batch', *columns], body)}\n\n{caption(found)}"


def caption(record: Record) -> str:
    """The machine, and when; what is not known is left out."""
    machine = record["machine"]
    parts = [f"{machine['cpu']}, {machine['cores']} cores"]
    if machine["vector_bits"]:
        parts.append(f"vectors of {machine['vector_bits']} bits")
    if machine["busy"]:
        parts.append("busy with other work")
    if machine["date"]:
        parts.append(machine["date"])
    return f"Measured on: {', '.join(parts)}."


def best_engines(record: Record) -> list[Record]:
    """The fastest row of each engine."""
    best: dict[str, Record] = {}
    for row in record["engines"]["runs"]:
        known = best.setdefault(row["engine"], row)
        if row["ms_per_cell_ms"] < known["ms_per_cell_ms"]:
            best[row["engine"]] = row
    return list(best.values())


def alone(record: Record) -> Record:
    """One trial alone in the ensemble engine."""
    wanted = ("ensemble_float32", 1)
    return next(r for r in record["engines"]["runs"] if (r["engine"], r["trials"]) == wanted)


def digits(value: float) -> str:
    """Three significant digits: 0.600, 12.0, 1,230."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def ms(value: float) -> str:
    """A duration in ms: tenths below 100 ms."""
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _engine(row: Record) -> str:
    trials = "" if row["trials"] == 1 else f", {row['trials']} trials"
    return f"{ENGINE_NAMES[row['engine']]}{trials}"


def _engine_time(row: Record) -> list[str]:
    return [digits(row["ms_per_cell_ms"]), f"{row['gain']:,.0f}"]


def _step(row: Record) -> list[str]:
    """Size, then duration of a step in the published loop and as training has it."""
    size = f"{row['num_memory']}, {row['batch']}"
    return [size, ms(row["published_loop_ms"]), ms(row["compiled_ms"])]


BLOCKS: dict[str, Callable[[Record], str]] = {
    "speed": speed_block,
    "engines": engines_block,
    "dataset": dataset_block,
    "memory": memory_block,
    "training": training_block,
    "network": network_block,
    "sequences": sequences_block,
    "longhorizon": longhorizon_block,
}
