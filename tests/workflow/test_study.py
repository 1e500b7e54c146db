"""`make study`: finished fits are kept with the code, and are never made again."""

import csv
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from kept import KEPT, Keeper, question
from matplotlib.figure import Figure
from plan import Plan, asked_fits
from running import ROOT, SMOKE
from scripts import load_script

from neuronio.config import load_config, validate_config
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_json
from neuronio.sections import read_yaml
from neuronio.surrogate.figures.levels import draw_levels

NAMES = ["branch_elm-2-seed0", "branch_elm-2-seed1", "tcn-2-seed0", "integrator-floor"]
STUDY = ROOT / "workflow" / "study.py"


def smoke(**changes):
    return validate_config(read_yaml(SMOKE, "configuration") | changes)


@pytest.fixture
def kept(finished, tmp_path, monkeypatch):
    """What a finished run of smoke.yaml leaves in a folder of kept fits."""
    folder, _ = finished
    monkeypatch.chdir(folder)
    keeper = Keeper(tmp_path / "kept" / "fits", smoke())
    assert keeper.missing() == NAMES
    assert sorted(keeper.keep_finished(Plan(smoke()))) == sorted(NAMES)
    assert keeper.keep_finished(Plan(smoke())) == []
    return keeper


def test_what_is_kept_is_not_missing_whatever_it_is_called_or_how_fast_it_is_made(kept):
    assert kept.missing() == []
    files = {path.name for path in (kept.folder / NAMES[0]).iterdir()}
    assert files >= {KEPT, "best.pt", "config.json", "history.csv", "evaluation.json"}
    dataset = read_yaml(SMOKE, "configuration")["dataset"]
    same = smoke(name="other", dataset=dataset | {"trials_per_shard": 3}, engine={"threads": 2})
    assert Keeper(kept.folder, same).missing() == []
    more = smoke(fits=[{"model": "branch_elm", "sizes": [2, 3], "seeds": [0, 1]}])
    assert Keeper(kept.folder, more).missing() == ["branch_elm-3-seed0", "branch_elm-3-seed1"]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"inputs": {"generator": "ergodic"}},
        {"engine": {"precision": "float64"}},
        {"training": read_yaml(SMOKE, "configuration")["training"] | {"steps": 7}},
        {"fits": [{"model": "branch_elm", "sizes": [2], "options": {"num_branch": 50}}]},
        {"evaluation": {"ignore_ms": 50}},
        {"dataset": {"duration_ms": 400, "trials": {"train": 3, "valid": 2, "test": 3}}},
    ],
)
def test_another_question_by_the_same_name_is_refused(kept, change):
    with pytest.raises(NeuronIOError, match="answers another configuration"):
        Keeper(kept.folder, smoke(**change)).missing()


def test_keys_that_came_later_have_their_defaults(kept):
    path = kept.folder / NAMES[0] / KEPT
    document = read_json(path)
    del document["configuration"]["cell"]["variant"]["gaba_b"]
    del document["configuration"]["fits"][0]["training"]["gradient_clip"]
    del document["configuration"]["fits"][0]["options"]["activation"]
    write_json(path, document)
    assert kept.missing() == []
    document["configuration"]["fits"][0]["options"]["activation"] = "silu"
    write_json(path, document)
    with pytest.raises(NeuronIOError, match="answers another configuration"):
        kept.missing()


def test_damage_is_one_sentence(kept):
    history = kept.folder / NAMES[0] / "history.csv"
    history.write_text(history.read_text() + "\n")
    with pytest.raises(NeuronIOError, match=r"history\.csv is not what was written"):
        kept.missing()
    write_json(kept.folder / NAMES[0] / KEPT, {"files": {}})
    with pytest.raises(NeuronIOError, match="cannot be read"):
        kept.missing()
    shutil.rmtree(kept.folder / NAMES[0])
    assert kept.missing() == NAMES[:1]


def study(folder, *options):
    command = [sys.executable, str(STUDY), "--keep", "kept/fits", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=800)


def test_a_study_of_which_all_is_kept_makes_nothing(kept):
    folder = kept.folder.parents[1]
    done = study(folder, "--configfile", str(SMOKE))
    assert done.returncode == 0, done.stderr
    assert "4 of 4 results are kept in kept/fits" in done.stdout
    assert [path.name for path in folder.iterdir()] == ["kept"]
    assert "| Branch-ELM | 2 | 4,708 | 2 |" in (folder / "kept" / "README.md").read_text()


@pytest.mark.slow
def test_a_study_makes_what_is_missing_and_goes_on_from_what_is_kept(kept, finished):
    shutil.rmtree(kept.folder / NAMES[1])
    before = {path: path.read_bytes() for path in kept.folder.rglob("*.*")}
    folder = kept.folder.parents[1]
    others = shutil.ignore_patterns(f"{NAMES[1]}-*", "table-*")
    shutil.copytree(finished[0] / "results/made", folder / "results/made", ignore=others)
    done = study(folder, "--configfile", str(SMOKE), "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 4 results are kept" in done.stdout
    assert f"Kept {NAMES[1]} in kept/fits" in done.stdout
    assert not [line for line in done.stdout.splitlines() if "Fit tcn" in line]
    assert kept.missing() == []
    assert {path: path.read_bytes() for path in before} == before


@pytest.fixture(scope="module")
def page():
    return load_script(ROOT / "docs" / "study_page.py")


def test_the_page_shows_what_is_kept(kept, page):
    folder = kept.folder.parent
    (folder / "README.md").write_text("# Page\n<!-- aims -->\n<!-- end -->\n")
    with pytest.raises(NeuronIOError, match="no table between '<!-- figures -->'"):
        page.write_results(folder, kept.run)
    marks = ["figures", "reading", "aims", "fits"]
    text = "".join(f"<!-- {mark} -->\nold\n<!-- end -->\n" for mark in marks) + "last\n"
    (folder / "README.md").write_text(text)
    assert page.write_results(folder, kept.run) == 4
    shown = (folder / "README.md").read_text()
    assert "old" not in shown
    assert shown.endswith("<!-- end -->\nlast\n")
    assert "| Branch-ELM | 2 | 4,708 | 2 |" in shown
    assert "| 8,002 | published: Branch-ELM v2, 8,002 | .9929 |" in shown
    assert "| *chance* |" in shown
    assert "| *integrator floor* |" in shown
    shown_figures = re.findall(r"!\[.+\]\((.+)\)", shown)
    assert "figures/accuracy.png" in shown_figures
    assert all((folder / figure).exists() for figure in shown_figures)
    with (folder / "table.csv").open(newline="") as file:
        sources = [row["source"] for row in csv.DictReader(file)]
    assert sources == ["fit"] * 3 + ["floor"] + ["reference"] * 2


@pytest.mark.parametrize("config", ["study", "study_data", "study_ampa"])
def test_the_committed_page_is_that_of_the_kept_fits(config, page, tmp_path):
    name = page.FOLDER.name if config == "study" else config
    there = page.FOLDER.parent / name
    copy = shutil.copytree(there, tmp_path / name, ignore=shutil.ignore_patterns("fits"))
    asked = load_config(ROOT / "config" / f"{config}.yaml")
    page.write_results(copy, asked, page.FOLDER / "fits")
    assert (copy / "README.md").read_text() == (there / "README.md").read_text()


def test_the_study_asks_for_what_the_page_says():
    run = load_config(ROOT / "config" / "study.yaml")
    asked = [fit for fit in Keeper(ROOT / "nothing", run).asked.values() if fit]
    text = (ROOT / "docs" / "results" / "neuronio" / "README.md").read_text()
    assert f"{len(asked)} fits" in text
    trials = run.dataset.trials
    words = (
        f"{trials.train:,} training and {trials.valid} validation\ntrials",
        f"{trials.test:,} test",
    )
    assert all(said in text for said in words)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scale", "nan"), "the scale is nan"),
        (("--scale", "-1"), "the scale is -1"),
        (("--directory", "there"), "leave --directory out"),
        (("-dthere",), "leave --directory out"),
        (("--configfile", "nothing.yaml"), "nothing.yaml"),
    ],
)
def test_what_a_study_cannot_do_is_one_sentence(options, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["--configfile", str(SMOKE), "--keep", "kept/fits", *options]
    monkeypatch.setattr(sys, "argv", [str(STUDY), *arguments])
    assert load_script(STUDY).main() == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("code", "turns"), [(1, 2), (3, 1), (130, 1), (143, 1), (-9, 1)])
def test_the_second_turn_follows_a_failure_but_not_an_end(code, turns, tmp_path, monkeypatch):
    assert two_turns(code, tmp_path, monkeypatch) == ["smoke", "smoke-labelled"][:turns]
    assert (tmp_path / "kept" / "README.md").exists() == (turns == 2)


def test_a_dry_run_shows_both_turns_and_writes_nothing(tmp_path, monkeypatch):
    assert two_turns(0, tmp_path, monkeypatch, "--dry-run") == ["smoke", "smoke-labelled"]
    assert not (tmp_path / "kept").exists()


def test_a_dry_run_leaves_the_configuration_of_a_run_at_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module, commands = load_script(STUDY), []
    document = read_yaml(SMOKE, "configuration")
    at_work = tmp_path / "results" / f"smoke-{module.digest(document)}.yaml"
    at_work.parent.mkdir()
    at_work.write_text(yaml.safe_dump(document))

    def dry(command):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(module.subprocess, "run", dry)
    assert module.make(document, Keeper(tmp_path / "kept", smoke()), ["-n"]) == 0
    assert commands[0][-1] == "-n"
    assert list(at_work.parent.iterdir()) == [at_work]


def test_what_is_left_out_is_not_missing(tmp_path):
    from study import remaining

    document = read_yaml(SMOKE, "configuration") | {"leave_out": [NAMES[2]]}
    run = validate_config(document)
    missing = Keeper(tmp_path, run).missing()
    assert missing == [name for name in NAMES if name != NAMES[2]]
    assert list(Plan(validate_config(remaining(document, run, [NAMES[0]]))).asked) == [NAMES[0]]


def two_turns(code, tmp_path, monkeypatch, *options):
    document = read_yaml(SMOKE, "configuration")
    document["fits"].append({**document["fits"][0], "label": "other", "training": {"steps": 9}})
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.chdir(tmp_path)
    module, names = load_script(STUDY), []

    def make(left, keeper, rest):
        names.append(left["name"])
        return code

    monkeypatch.setattr(module, "make", make)
    asked = ["--configfile", "two.yaml", "--keep", "kept/fits", *options]
    monkeypatch.setattr(sys, "argv", [str(STUDY), *asked])
    assert module.main() == code
    return names


def test_a_file_of_ones_own_is_not_kept(tmp_path):
    for change in (
        {"cell": {"model": "mine.yaml"}},
        {"inputs": {"generator": "own/mine.py:level"}},
        {"fits": [{"model": "mine.py:net", "sizes": [2]}]},
    ):
        with pytest.raises(NeuronIOError, match="is a file of your own"):
            Keeper(tmp_path, smoke(**change))


def test_what_is_damaged_or_half_copied_is_not_kept(finished, tmp_path, monkeypatch, page):
    monkeypatch.chdir(finished[0])
    plan, keeper = Plan(smoke()), Keeper(tmp_path / "fits", smoke())
    monkeypatch.setattr(type(plan.fits[NAMES[0]]), "fault", lambda self: "it is damaged")
    assert keeper.keep_finished(plan) == []
    monkeypatch.undo()
    (tmp_path / "fits" / NAMES[0]).mkdir(parents=True)
    (tmp_path / "fits" / NAMES[0] / "evaluation.json").write_text("{")
    text = page.NEW_PAGE.format(name="Page")
    (tmp_path / "README.md").write_text(text)
    assert page.write_results(tmp_path, smoke()) == 0


def test_a_scaled_study_has_less_of_everything():
    from study import remaining, scaled

    document = read_yaml(SMOKE, "configuration")
    document["dataset"]["trials"] = {"train": 300, "valid": 20, "test": 40}
    document["training"]["steps"] = 4000
    document["fits"][1]["training"] = {"steps": 1000, "train_trials": 200}
    small = validate_config(scaled(document, 0.1))
    assert small.name == "smoke-0.1"
    assert small.dataset.scale == 0.1
    assert [small.training_of(fit).steps for fit in small.fits] == [400, 100]
    assert small.training_of(small.fits[1]).train_trials == 20
    left = remaining(document, validate_config(document), [NAMES[1]])
    assert [(f["model"], f["sizes"], f["seeds"]) for f in left["fits"]] == [
        ("branch_elm", [2], [1])
    ]
    assert left["evaluation"]["floor_trials"] == 0
    assert yaml.safe_load(yaml.safe_dump(left)) == left
    only_floor = remaining(document, validate_config(document), ["integrator-floor"])
    assert len(asked_fits(validate_config(only_floor))) == 1


@pytest.mark.parametrize("scale", [1.0, 0.01])
@pytest.mark.parametrize("config", ["smoke", "study"])
def test_a_question_leaves_nothing_open(config, scale):
    from study import scaled

    document = read_yaml(ROOT / "config" / f"{config}.yaml", "configuration")
    run = validate_config(document if scale == 1.0 else scaled(document, scale))
    for fit in asked_fits(run):
        asked = question(run, fit)
        again = validate_config(asked)
        assert question(again, asked_fits(again)[0]) == asked
    if config == "smoke":
        assert asked["inputs"]["parameters"]["length_offset_um"] == 10.0


def test_ours_is_chosen_on_validation_trials_and_named_in_full(page):
    def row(name, label, seeds, auc):
        fits = " ".join(f"{name}-{seed}" for seed in range(seeds))
        scores = {f"{score}_mean": auc for score in page.SCORES}
        of = {"model": "branch_elm", "label": label, "source": "fit", "parameters": 400}
        return {**of, "n_fits": seeds, "fits": fits, **scores}

    rows = [row("a", None, 2, 0.97), row("b", "published_settings", 1, 0.99)]
    valid = {"a-0": 0.9, "a-1": 0.96, "b-0": 0.92}
    assert "| 500 | Branch-ELM, 400 (2 seeds) | .9700 |" in page.aims_table(rows, valid)
    valid["b-0"] = 0.94
    words = "| 500 | Branch-ELM, published settings, 400 (one seed) | .9900 |"
    assert words in page.aims_table(rows, valid)
    assert "Branch-ELM, 400" not in page.aims_table(rows, valid)
    larger = page.aims_table([row | {"parameters": 5_000} for row in rows], valid)
    assert "| 500 |" not in larger
    assert "| 8,002 | aim |" in larger


def test_what_is_damaged_or_not_asked_for_is_not_on_the_page(kept, page):
    less = smoke(fits=[{"model": "branch_elm", "sizes": [2], "seeds": [0]}])
    other = kept.folder.parents[1] / "other"
    other.mkdir()
    assert page.write_results(other, less, kept.folder) == 2
    assert "| TCN |" not in (other / "README.md").read_text()
    (kept.folder / NAMES[1] / "evaluation.json").write_text("{}")
    with pytest.raises(NeuronIOError, match=r"evaluation\.json is not what was written"):
        page.write_results(kept.folder.parent, kept.run)


def test_seeds_scored_on_other_machines_are_one_fit(kept, page):
    """There some trial may have one spike more, and is then one of those left out."""
    paths = [kept.folder / name / "evaluation.json" for name in NAMES]
    evaluations = [read_json(path) for path in paths]
    evaluations[1]["data"]["trials_scored"] -= 1
    evaluations[1]["reference"]["mean_voltage"]["soma_rmse_mV"]["value"] *= 1.001
    alike = page.asked_alike(evaluations)
    rows = page.summary_rows(alike)
    assert [row["n_fits"] for row in rows if row["model"] == "branch_elm"] == [2]
    levels = drawn_levels(alike, "soma_rmse_mV")
    assert "chance, or a constant voltage" in levels


def drawn_levels(evaluations, score):
    axis = Figure().subplots()
    draw_levels(axis, evaluations, [], score, True)
    return {line.get_label() for line in axis.lines}
