"""What the HTML reports say of a run, without one."""

import csv
import json
import re

import pytest
from page import SCORES, _methods, bibtex, changes, write_page
from running import ROOT
from scripts import load_script
from task_page import _own_training
from task_plan import TaskPlan

from neuronio.config import Variant, validate_config
from neuronio.files import write_csv
from neuronio.long_horizon import validate_long_horizon
from neuronio.sections import read_yaml

FLOOR = "integrator-floor"
CHANGED = {
    "synapses": "ampa",
    "nmda_ratio": 0.5,
    "passive_dendrites": True,
    "sk_multiplier": 2.0,
    "ih_vshift_mV": -5.0,
    "gaba_b": True,
    "morphology": "mine/own.asc",
}


def smoke(**given):
    """config/smoke.yaml with keys in place of its own."""
    return validate_config(read_yaml(ROOT / "config" / "smoke.yaml", "configuration") | given)


@pytest.fixture
def page_of(tmp_path):
    """A function that writes the report of a run with made-up results, and returns it."""

    def write(run, quality=None):
        splits = {split: {"trials": 2} for split in ("train", "valid", "test")}
        row = {"source": "fit", "fits": "a", "model": "tcn", "size": 2, "label": "", "n_fits": 1}
        row |= {"parameters": 9, "trials": 2}
        stats = ("mean", "low", "high", "lowest", "highest")
        row |= {f"{score}_{key}": 0.5 for score in SCORES for key in stats}
        for folder in ("quality", "figures"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "quality/quality.json").write_text(json.dumps({"splits": splits}))
        made_by = {"recipe": "", "generator": "", "cell_digest": "", "git_revision": ""}
        facts = {"packages": {}, "platform": "", **dict.fromkeys(splits, made_by)}
        (tmp_path / "provenance.json").write_text(json.dumps(facts))
        images = ("quality/quality", "quality/quality_trials", "figures/traces", "figures/accuracy")
        for name in images:
            (tmp_path / f"{name}.svg").write_text("<svg/>")
        write_csv(tmp_path / "quality/quality.csv", [quality or {"quantity": "none"}])
        with (tmp_path / "summary.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, row)
            writer.writeheader()
            writer.writerow(row)
        return write_page(tmp_path, run).read_text()

    return write


@pytest.mark.parametrize(("z", "columns"), [("", 0), ("1.5", 1)])
def test_a_column_that_holds_nothing_is_left_out(z, columns, page_of):
    figures = {"train": 2, "train, s.e.": 0.1, "train, z": z}
    figures |= {"published training files": 3, "published training files, sd": 1}
    page = page_of(smoke(), {"quantity": "rate", **figures})
    assert page.count("<th>z</th>") == page.count("<td>+1.5</td>") == columns


def test_a_changed_cell_is_told_from_the_full_one(page_of):
    variant = {"synapses": "ampa", "sk_multiplier": 2.0}
    full, changed = page_of(smoke()), page_of(smoke(cell={"variant": variant}))
    words = "changed to have excitatory synapses of AMPA alone and 2 times the SK conductance"
    assert words not in full
    assert changed.count(words) == 2  # below the title, and in the methods
    assert "one excitatory synapse (ampa, nmda) and one inhibitory synapse (gaba_a) on" in full
    assert "one excitatory synapse (ampa) and one inhibitory synapse (gaba_a) on" in changed


def test_every_key_of_a_variant_has_words():
    assert changes(Variant()) == []
    assert set(CHANGED) == set(Variant.model_fields)
    said = [changes(Variant(**{key: value})) for key, value in CHANGED.items()]
    assert [len(words) for words in said] == [1] * len(CHANGED)
    assert said[-1] == ["the morphology own.asc"]
    assert len(changes(Variant(**CHANGED))) == len(CHANGED)


def test_of_a_cell_without_inhibitory_synapses_none_are_told(page_of, tmp_path):
    cell = read_yaml(ROOT / "simulation" / "cells" / "packaged.yaml", "cell")
    cell["synapses"] = {"ampa": cell["synapses"]["ampa"]}
    (tmp_path / "mine.yaml").write_text(json.dumps(cell))
    page = page_of(smoke(cell={"model": str(tmp_path / "mine.yaml")}))
    assert "drove one excitatory synapse (ampa) on every" in page


def test_the_methods_say_how_fits_were_trained(page_of):
    words = "by Adam at a learning rate of 0.003, falling to 0"
    page = page_of(smoke())
    assert words in page
    assert "each of a batch of 2 windows of 200 ms, of which the loss left out the first 50" in page
    fits = smoke().model_dump(mode="json")["fits"]
    fits[0]["training"] = {"optimizer": "soap", "learning_rate": 2e-3, "burn_in_ms": 20}
    fits.append({"model": "elm", "sizes": [3], "training": {"learning_rate": 1e-3}})
    told = _methods(smoke(fits=fits))
    soap, adam = "SOAP at a learning rate of 0.002", "Adam at a learning rate of 0.001 to 0.003"
    assert told["optimizers"] == f"{soap} or {adam}"
    assert told["burn_in"] == "20 to 50"
    assert told["batch"] == "2"


def test_the_methods_are_of_the_fits_that_are_shown(page_of):
    whole, part = smoke(), smoke(leave_out=["tcn-2-seed0", "branch_elm-2-seed1"])
    assert _methods(whole)["families"] == "Branch-ELM (2); TCN (2)"
    assert _methods(whole)["seeds"] == 2
    assert _methods(part)["families"] == "Branch-ELM (2)"
    assert _methods(part)["seeds"] == 1
    none = ["tcn-2-seed0", "branch_elm-2-seed0", "branch_elm-2-seed1"]
    assert "We fitted" not in page_of(smoke(leave_out=none))


def test_the_noise_floor_is_told_of_where_it_is_there(page_of):
    sentences = ("the same trials integrated again", "As the noise floor of the integrator")
    assert [words in page_of(smoke()) for words in sentences] == [True, True]
    assert [words in page_of(smoke(leave_out=[FLOOR])) for words in sentences] == [False, False]


def test_what_failed_is_told_from_what_is_left_out(page_of, monkeypatch, tmp_path):
    script, finished = load_script(ROOT / "workflow" / "run.py"), []
    monkeypatch.setattr(script, "snakemake", lambda *_: 0)
    monkeypatch.setattr(script, "finish", lambda command, run, folder: finished.append(run))
    given = type("Given", (), {"directory": tmp_path})
    run = smoke(leave_out=[FLOOR, "tcn-2-seed0"])
    script.draw_without(["tcn-2-seed0"], run, [], given, [], None)
    assert finished == [run]
    page = page_of(finished[0])
    assert "since it failed: tcn-2-seed0. Run" in page
    assert f"Left out of this report by the configuration: {FLOOR}." in page
    asked_for = page_of(run)
    assert "failed" not in asked_for
    assert f"by the configuration: {FLOOR}, tcn-2-seed0." in asked_for


def test_the_own_training_of_a_task_fit_that_is_not_shown_is_not_told():
    document = read_yaml(ROOT / "config" / "smoke_tasks.yaml", "configuration")
    first = document["tasks"][0]
    first["training"], first["fits"][1]["training"] = {"epochs": 3}, {"learning_rate": 0.02}
    run = validate_long_horizon(document)
    name = next(name for name, fit in TaskPlan(run).asked.items() if fit.section.training)
    model = first["fits"][1]["model"]
    told = "listops-short: epochs 3; pathfinder: epochs 1"
    assert _own_training(run) == f"{told}; {model} on listops-short: learning_rate 0.02"
    assert _own_training(validate_long_horizon(document | {"leave_out": [name]})) == told


def test_a_figure_fits_a_narrow_page_and_is_enlarged_by_a_tap(page_of):
    page = page_of(smoke())
    rules = dict(re.findall(r"^(figure[^{]*) \{ ([^}]*) \}", page, re.MULTILINE))
    assert rules["figure img"] == "display: block; width: 100%;"
    assert [name for name, rule in rules.items() if "min-width" in rule] == [
        "figure input:checked + img"
    ]
    shown = re.findall(r"<img [^>]*>", page)
    tapped = re.findall(r'<label><input type="checkbox" hidden><img [^>]*></label>', page)
    assert len(shown) == len(tapped) == 4


def test_a_key_of_bibtex_is_one_word():
    found = re.findall(r"^@\w+{(.*),$", bibtex(ROOT / "CITATION.cff"), re.MULTILINE)
    assert len(found) > 3
    assert all(re.fullmatch("[a-z0-9]+", key) for key in found)
