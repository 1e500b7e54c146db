"""Names of the scores in words, and evaluations as lines for a terminal."""

from __future__ import annotations

from typing import Any

from neuronio.surrogate.matching import TOLERANCES_MS

LABELS = {
    "auc": "ROC AUC",
    "average_precision": "average precision",
    "tp_at_fp_0.0025": "true positives at 0.25% false",
    "tp_at_fp_0.005": "true positives at 0.5% false",
    "tp_at_fp_0.01": "true positives at 1% false",
    **{f"spike_f1_{ms}ms": f"spike F1 within {ms} ms" for ms in TOLERANCES_MS},
    "van_rossum_10ms": "van Rossum distance, 10 ms",
    "rate_mae_hz": "rate error of a trial, Hz",
    "rate_bias_hz": "rate bias, Hz",
    "rate_mae_relative": "rate error of a trial, relative",
    "rate_bias_relative": "rate bias, relative",
    "soma_rmse_mV": "soma RMSE, mV",
    "soma_mae_mV": "soma MAE, mV",
    "soma_explained_variance": "soma explained variance",
}
REFERENCES = {"chance": "chance", "mean_voltage": "constant"}
WIDTH = max(map(len, LABELS.values()))


def headline(document: dict[str, Any]) -> list[str]:
    """The scores of an evaluation as lines for a terminal, and what chance would score."""
    parameters = document["model"]["parameters"]
    cost = "" if parameters is None else f" {parameters:,} parameters;"
    lines = [f"{document['name']}:{cost} scored: {scored_words(document)}"]
    reference = {
        name: f"{REFERENCES[source]} {_number(entry['value'])}"
        for source, scores in document["reference"].items()
        for name, entry in scores.items()
    }
    for name, entry in document["scores"].items():
        label = LABELS.get(name, name)
        text = f"{_number(entry['value'])}  {_interval(entry)}".rstrip()
        if name in reference:
            text = f"{text:<27}  {reference[name]}"
        if document["legacy"].get(name) is not None:
            text += f"  legacy {document['legacy'][name]:.4f}"
        lines.append(f"  {label:<{WIDTH}} {text}")
    return lines


def scored_words(document: dict[str, Any]) -> str:
    """How many trials and spikes a document's scores rest on, and by which protocol."""
    data = document["data"]
    return (
        f"{data['trials_scored']} of {data['trials']} trials, {data['spikes']} spikes "
        f"({document['protocol']})"
    )


def difference_lines(document: dict[str, Any]) -> list[str]:
    """A comparison of two fits as a table for a terminal; * where the interval excludes 0."""
    a, b = (document[side]["name"] for side in "ab")
    head = f"  {'':<{WIDTH}} {'A':>9} {'B':>9} {'B - A':>9}"
    lines = [f"A {a}, B {b}; scored: {scored_words(document)}", head]
    clear = []
    for name, entry in document["scores"].items():
        label = LABELS.get(name, name)
        values = " ".join(f"{_number(entry[key]):>9}" for key in ("a", "b", "difference"))
        mark = " *" if entry["excludes_0"] else ""
        clear += [label] * entry["excludes_0"]
        lines.append(f"  {label:<{WIDTH}} {values}  {_interval(entry)}{mark}".rstrip())
    if not document["settings"]["bootstrap"]:
        return lines
    told = ", ".join(clear) or "none"
    return [*lines, f"* differences whose interval excludes 0: {told}"]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _interval(entry: dict[str, Any]) -> str:
    return "" if entry["low"] is None else f"[{entry['low']:.4f}, {entry['high']:.4f}]"
