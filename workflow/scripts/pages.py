"""Tables of the HTML report: plain pages that need nothing else."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from neuronio.sections import flattened

STYLE = """
body { font: 14px sans-serif; margin: 1em; }
table { border-collapse: collapse; }
th, td { padding: 3px 10px; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 2px solid #444; }
"""
SHOWN = {
    "auc": "ROC AUC",
    "average_precision": "average precision",
    "tp_at_fp_0.0025": "true positives at 0.25% false",
    "tp_at_fp_0.005": "true positives at 0.5% false",
    "tp_at_fp_0.01": "true positives at 1% false",
    "spike_f1_2ms": "spike F1 within 2 ms",
    "van_rossum_10ms": "van Rossum distance, 10 ms",
    "rate_bias_relative": "rate bias, relative",
    "soma_rmse_mV": "soma RMSE, mV",
    "soma_explained_variance": "soma variance explained",
}


# Under the published protocol only.
LEGACY = {
    "legacy_soma_rmse_mV": "soma RMSE as published, mV",
    "legacy_soma_explained_variance": "soma variance explained as published",
    "legacy_tp_at_fp_0.01": "true positives at 1% false as published",
}


def accuracy_page(rows: Sequence[dict[str, Any]]) -> str:
    """The table of fits: each score with its interval below it, nothing where a row has none."""
    legacy = [name for name in LEGACY if any(name in row for row in rows)]
    head = ["fit", "parameters", "multiply-adds per ms", "trials (left out)", "spikes"]
    head += [*SHOWN.values(), *(LEGACY[name] for name in legacy)]
    body = [
        [
            row["fit"],
            _count(row["parameters"]),
            _count(row["multiply_adds_per_ms"]),
            f"{row['trials']} ({row['trials_left_out']})",
            f"{row['spikes']:,}",
            *(_score(row, name) for name in SHOWN),
            *(_number(row[name]) if name in row else "" for name in legacy),
        ]
        for row in rows
    ]
    return page(head, body)


def quality_page(rows: Sequence[dict[str, Any]]) -> str:
    """The dataset's figures beside the published ones: each with its spread, n and z below it."""
    names = [key for key in rows[0] if f"{key}, trials" in rows[0]]
    body = [[row["quantity"], *(_figure(row, name) for name in names)] for row in rows]
    return page(["quantity", *names], body)


def facts_page(facts: dict[str, Any]) -> str:
    """Names and values, one a line; nested ones with dotted names."""
    return page(["what", "value"], [[name, str(value)] for name, value in flattened(facts)])


def page(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    """A page with one table."""
    lines = [_line("th", head), *(_line("td", cells) for cells in body)]
    table = "<table>\n" + "\n".join(lines) + "\n</table>"
    return f'<!doctype html>\n<meta charset="utf-8">\n<style>{STYLE}</style>\n{table}\n'


def _line(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_escaped(cell)}</{tag}>" for cell in cells) + "</tr>"


def _escaped(cell: str) -> str:
    return escape(cell).replace("\n", "<br>")


def _count(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}"


def _score(row: dict[str, Any], name: str) -> str:
    if name not in row:  # as the voltage of chance
        return ""
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    interval = "" if low is None else f"\n[{_number(low)}, {_number(high)}]"
    return _number(row.get(name)) + interval


def _figure(row: dict[str, Any], name: str) -> str:
    """A figure of the dataset's table; nothing where there is none."""
    if row[name] is None:
        return ""
    lines = [f"{row[name]:.4g}"]
    lines += [f"{of} {row[key]:.3g}" for of in ("s.e.", "sd") if row.get(key := f"{name}, {of}")]
    counts = {of: row.get(f"{name}, {of}") for of in ("trials", "spikes")}
    if n := ", ".join(f"{count:,} {of}" for of, count in counts.items() if count is not None):
        lines.append(n)
    if row.get(f"{name}, z") is not None:
        lines.append(f"z {row[f'{name}, z']:.2g}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
