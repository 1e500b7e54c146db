"""Tables of the HTML report: plain pages that need nothing else."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

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
    "tp_at_fp_0.01": "true positives at 1% false",
    "spike_f1_2ms": "spike F1 within 2 ms",
    "soma_rmse_mV": "soma RMSE, mV",
    "soma_explained_variance": "soma variance explained",
}


def accuracy_page(rows: Sequence[dict[str, Any]]) -> str:
    """The table of fits: each score with its interval below it."""
    head = ["fit", "parameters", "multiply-adds per ms", *SHOWN.values(), "legacy soma RMSE, mV"]
    body = [
        [
            row["fit"],
            f"{row['parameters']:,}",
            f"{row['multiply_adds_per_ms']:,.0f}",
            *(_score(row, name) for name in SHOWN),
            _number(row.get("legacy_soma_rmse_mV")),
        ]
        for row in rows
    ]
    return page(head, body)


def quality_page(rows: Sequence[dict[str, Any]]) -> str:
    """The dataset's rates and inputs beside the published figures."""
    body = [["" if value is None else str(value) for value in row.values()] for row in rows]
    return page(rows[0], body)


def facts_page(facts: dict[str, Any]) -> str:
    """Names and values, one a line; nested ones with dotted names."""
    return page(["what", "value"], [[name, str(value)] for name, value in flattened(facts)])


def page(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    """A page with one table."""
    lines = [_line("th", head), *(_line("td", cells) for cells in body)]
    table = "<table>\n" + "\n".join(lines) + "\n</table>"
    return f'<!doctype html>\n<meta charset="utf-8">\n<style>{STYLE}</style>\n{table}\n'


def flattened(facts: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested facts as (dotted name, value)."""
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _line(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_escaped(cell)}</{tag}>" for cell in cells) + "</tr>"


def _escaped(cell: str) -> str:
    return escape(cell).replace("\n", "<br>")


def _score(row: dict[str, Any], name: str) -> str:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    interval = "" if low is None else f"\n[{_number(low)}, {_number(high)}]"
    return _number(row.get(name)) + interval


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
