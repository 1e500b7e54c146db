"""The report of a run: one HTML file that needs nothing else, made to be read on a phone."""

from __future__ import annotations

import base64
import csv
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml
from finish import ROOT

from neuronio.progress import counted, in_words

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
from plan import FIGURES, FLOOR, asked_fits

from neuronio.config import RunConfig, Variant
from neuronio.files import read_json, write_atomic
from neuronio.simulation.cell_spec import CellSpec, load_cell
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.figures.marks import bracketed
from neuronio.surrogate.protocol import Protocol

TEMPLATES = ROOT / "workflow" / "report"
RULES = ("kernels", "simulate", "dataset", "quality", "fit", "evaluate", "floor", "report")
# What the summary shows of each score: its name there, and how many decimals.
SCORES = {
    "auc": ("ROC AUC", 4),
    "average_precision": ("average precision", 3),
    "tp_at_fp_0.01": ("TP at 1% FP", 3),
    "spike_f1_2ms": ("F1 within 2 ms", 3),
    "soma_rmse_mV": ("soma RMSE, mV", 3),
}
NOT_FITTED = {
    "integrator floor": "the same trials integrated again with half the step",
    "chance": "chance",
    "mean_voltage": "a constant voltage",
}
OPTIMIZERS = {"adam": "Adam", "adamax": "Adamax", "soap": "SOAP"}


class Failed(str):
    """The name of a fit that is left out since it failed; others the configuration leaves out."""


def write_page(results: Path, run: RunConfig) -> Path:
    """Write `report.html` of a finished run.

    Args:
        results: results/NAME; run: the configuration, whose `leave_out` tells what `Failed`.

    Returns:
        Its path.
    """
    families = {made.name: made.label for made in (FAMILIES[fit.model] for fit in run.fits)}
    fitted = (results / "summary.csv").is_file()
    facts = read_json(results / "provenance.json") if fitted else {}
    cell = load_cell(run.cell.model, run.cell.variant)
    page = rendered(
        "page.html.j2",
        run=run,
        **missing(run.leave_out),
        cell=cell,
        changes=changes(cell.variant),
        synapses=_synapses(cell),
        scores={name: title for name, (title, _) in SCORES.items()},
        rows=[_summary(row, families) for row in read_rows(results / "summary.csv")]
        if fitted
        else [],
        figures={
            title: image(results / "figures" / f"{name}.svg") for name, title in _drawn(results)
        },
        traces=image(results / "figures" / "traces.svg") if fitted else "",
        quality=image(results / "quality" / "quality.svg"),
        trials=image(results / "quality" / "quality_trials.svg"),
        published=_published(read_rows(results / "quality" / "quality.csv")),
        data=read_json(results / "quality" / "quality.json")["splits"],
        methods=_methods(run),
        costs=costs(results / "times", RULES),
        bibtex=bibtex(ROOT / "CITATION.cff"),
        facts=facts,
        files=sorted(_files(results)),
    )
    path = results / "report.html"
    write_atomic(path, page.encode())
    return path


def missing(left_out: Sequence[str]) -> dict[str, list[str]]:
    """What is not in the report: what failed, and what the configuration leaves out."""
    failed = [name for name in left_out if isinstance(name, Failed)]
    return {"failed": failed, "left_out": [name for name in left_out if name not in failed]}


def rendered(template: str, **values: Any) -> str:
    """A page from its template and what it shows."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(TEMPLATES),
    )
    return environment.get_template(template).render(**values)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _drawn(results: Path) -> list[tuple[str, str]]:
    """Figures by name and title, but for the traces, which have a place of their own."""
    titles = [(name, title) for name, (_, title) in FIGURES.items() if name != "traces"]
    return [(n, t) for n, t in titles if (results / "figures" / f"{n}.svg").is_file()]


def image(path: Path) -> str:
    """A figure as the address of an image that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()


def _summary(row: dict[str, str], families: dict[str, str]) -> dict[str, Any]:
    """A line of the summary: what it is, what of, and (value, interval, range) of its scores."""
    fitted = row["source"] == "fit"
    if fitted:
        name = families.get(row["model"], row["model"])
        name += f", {row['size']} {bracketed(row['label'])}".rstrip()
    else:
        name = NOT_FITTED.get(row["fits"], row["fits"])
    scores = {}
    for key, (_, decimals) in SCORES.items():
        low, high, worst, best = (
            _decimal(row[f"{key}_{what}"], decimals)
            for what in ("low", "high", "lowest", "highest")
        )
        seeds = f"{worst}–{best}" if worst != best and int(row["n_fits"]) > 1 else ""
        interval = f"[{low}, {high}]" if low else ""
        scores[key] = (_decimal(row[f"{key}_mean"], decimals), interval, seeds)
    if fitted:
        about = f"{int(row['parameters']):,} parameters"
        about += f", {row['n_fits']} seeds" if int(row["n_fits"]) > 1 else ""
    else:
        about = counted(int(row["trials"]), "trial")
    return {"name": name, "fitted": fitted, "about": about, "scores": scores}


def _decimal(text: str, decimals: int) -> str:
    return f"{float(text):.{decimals}f}" if text else ""


def _published(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of every figure that was published: which, for which split, ours, theirs and z."""
    found = []
    for row in rows:
        for split, name in (("train", "training"), ("valid", "validation"), ("test", "test")):
            theirs = row.get(f"published {name} files")
            if theirs and row.get(split):
                spread, error = row[f"published {name} files, sd"], row[f"{split}, s.e."]
                found.append(
                    {
                        "quantity": row["quantity"],
                        "split": split,
                        "ours": _pm(row[split], error),
                        "published": _pm(theirs, spread),
                        "z": f"{float(z):+.1f}" if (z := row[f"{split}, z"]) else "",
                    }
                )
    return found


def _pm(value: str, spread: str) -> str:
    return _short(value, 3) + (f" ± {_short(spread, 2)}" if spread else "")


def _short(text: str, digits: int) -> str:
    value = float(text)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{digits}g}"


def changes(variant: Variant) -> list[str]:
    """What a variant changes in a cell: words for every key that is not at its default."""
    words = {
        "synapses": "excitatory synapses of AMPA alone",
        "nmda_ratio": f"{variant.nmda_ratio:g} times the NMDA conductance",
        "passive_dendrites": "passive dendrites",
        "sk_multiplier": f"{variant.sk_multiplier:g} times the SK conductance",
        "ih_vshift_mV": f"Ih kinetics shifted by {variant.ih_vshift_mV:+g} mV",
        "gaba_b": "a GABA_B component in inhibitory synapses",
        "morphology": f"the morphology {Path(variant.morphology or '').name}",
    }
    default = Variant().model_dump()
    return [words[key] for key, value in variant.model_dump().items() if value != default[key]]


def _synapses(cell: CellSpec) -> str:
    """The synapses on every dendritic segment, each with its components."""
    kinds = {"excitatory": True, "inhibitory": False}
    held = {
        kind: [name for name, part in cell.synapses.items() if part.excitatory == wanted]
        for kind, wanted in kinds.items()
    }
    said = [f"one {kind} synapse ({', '.join(names)})" for kind, names in held.items() if names]
    return " and ".join(said)


def _methods(run: RunConfig) -> dict[str, Any]:
    """What the paragraph of methods says of the fits that are shown, and of their scores."""
    fits = [fit for fit in asked_fits(run) if fit.name not in run.leave_out]
    trainings = [run.training_of(fit.section) for fit in fits]
    families: dict[str, set[int]] = {}
    for fit in fits:
        families.setdefault(FAMILIES[fit.section.model].label, set()).add(fit.size)
    rates: dict[str, list[float]] = {}
    for training in trainings:
        rates.setdefault(OPTIMIZERS[training.optimizer], []).append(training.learning_rate)
    seeds = Counter((fit.section.model, fit.section.label, fit.size) for fit in fits)
    return {
        "families": "; ".join(
            f"{label} ({', '.join(map(str, sorted(sizes)))})" for label, sizes in families.items()
        ),
        "seeds": max(seeds.values(), default=0),
        "steps": _span([training.steps for training in trainings]),
        "batch": _span([training.batch_size for training in trainings]),
        "window": _span([training.window_ms for training in trainings]),
        "burn_in": _span([training.burn_in_ms for training in trainings]),
        "optimizers": " or ".join(
            f"{name} at a learning rate of {_span(found, 'g')}" for name, found in rates.items()
        ),
        "protocol": Protocol.of(run.evaluation).words(),
        "floor": 0 if FLOOR in run.leave_out else run.evaluation.floor_trials,
    }


def _span(values: Sequence[float], form: str = ",") -> str:
    if not values:
        return ""
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if low == high else f"{low} to {high}"


def costs(folder: Path, rules: Sequence[str]) -> list[dict[str, Any]]:
    """Of each of some rules that ran here: jobs, wall and processor time, largest memory."""
    found = []
    for rule in rules:
        paths = [*folder.glob(f"{rule}.tsv"), *sorted(folder.glob(f"{rule}/*.tsv"))]
        jobs = [row for path in paths for row in read_times(path)]
        if jobs:
            total = {key: sum(job[key] for job in jobs) for key in ("s", "cpu_time")}
            found.append(
                {
                    "rule": rule,
                    "jobs": len(jobs),
                    "wall": in_words(total["s"]),
                    "cpu": in_words(total["cpu_time"]),
                    "memory": f"{max(job['max_rss'] for job in jobs) / 1000:.1f} GB",
                }
            )
    return found


def read_times(path: Path) -> list[dict[str, float]]:
    """Seconds (s), processor seconds (cpu_time) and MB (max_rss) of a job, as Snakemake writes."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{k: _number(row[k]) for k in ("s", "cpu_time", "max_rss")} for row in rows]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # of a job too short to be measured
        return 0.0


def _files(results: Path) -> list[str]:
    names = ("table.csv", "summary.csv", "snakemake.html")
    names += (
        "data/manifest.csv",
        "quality/quality.csv",
        "figures/accuracy.svg",
        "differences.json",
    )
    return [name for name in names if (results / name).is_file()]


def bibtex(path: Path) -> str:
    """The entries of a CITATION.cff: the software, then its references."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = []
    for work in (document, *document["references"]):
        first = work["authors"][0]
        name = re.sub(r"[^A-Za-z0-9]", "", first.get("family-names", "NeuronIO"))
        key = f"{name}{work.get('year', '')}".lower()
        names = [
            f"{a['family-names']}, {a['given-names']}"
            if "family-names" in a
            else f"{{{a['name']}}}"
            for a in work["authors"]
        ]
        conference = work.get("conference", {}).get("name")
        fields = {
            "title": f"{{{work['title']}}}",
            "author": " and ".join(names),
            "journal": work.get("journal"),
            "booktitle": conference,
            "year": work.get("year"),
            "version": work.get("version"),
            "doi": work.get("doi"),
            "url": work.get("url"),
        }
        kind = "article" if work.get("journal") else "inproceedings" if conference else "software"
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        entries.append("\n".join([f"@{kind}{{{key},", *lines, "}"]))
    return "\n\n".join(entries)
