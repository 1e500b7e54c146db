"""Long-horizon tasks through the real workflow, on config/smoke_tasks.yaml, and their plan."""

import csv
import json
import re
import shutil

import pytest
import yaml
from cost import tasks_cost
from made_up_published import retrieval, text
from plan import plan_of
from running import ROOT, run
from task_cost import row_step_s
from task_plan import TaskPlan

from neuronio.errors import NeuronIOError
from neuronio.long_horizon import validate_long_horizon
from neuronio.sections import read_yaml
from neuronio.surrogate.tasks.classify.pairs import build_classifier

SMOKE_TASKS = ROOT / "config" / "smoke_tasks.yaml"


GRU = {"model": "gru", "size": 9}
MANY = {"train": 100, "valid": 100, "test": 9000}


def document(**changes):
    return read_yaml(SMOKE_TASKS, "configuration") | changes


def plan(**changes):
    return plan_of(document(**changes))


def changed_task(**changes):
    first, *rest = document()["tasks"]
    return {"tasks": [first | changes, *rest]}


def test_models_without_a_size_have_most_nearly_the_asked_number_of_parameters():
    from neuronio.surrogate.models.building import build_model

    asked = plan().asked
    assert len(asked) == 4
    for fit in asked.values():
        count = build_model(fit.section.model, fit.options).count_parameters()
        assert abs(count - fit.task.parameters) < 0.1 * fit.task.parameters
    given = plan(**changed_task(fits=[{"model": "gru", "size": 3}])).asked
    assert "listops-short-gru-3-seed0" in given


def test_numbers_that_only_some_readers_of_yaml_take_for_numbers_are_numbers():
    """Snakemake's reader, of YAML 1.1, finds text in 1e-2."""
    training = document()["training"]
    read, text = (plan(training=training | {"learning_rate": rate}) for rate in (0.01, "1e-2"))
    assert [made.folder for made in text.products] == [made.folder for made in read.products]
    with pytest.raises(NeuronIOError, match="learning_rate"):
        plan(training=training | {"learning_rate": "0.01"})


def test_what_jobs_take_from_the_cache_is_put_there_before_them():
    assert plan().fetched is None
    assert plan().kernels in plan().products
    changes = changed_task(task="shd", bins_ms=[20], samples=dict.fromkeys(MANY, 9), fits=[GRU])
    read = plan(**changes)
    assert read.fetched.recipe["files"].keys() == {"shd/shd_test.h5", "shd/shd_train.h5"}
    assert read.fetched in read.products


def published_text(folder, **samples):
    """Changes: reviews in a folder are the only task, for one fit."""
    counts = {"train": 100, "valid": 16, "test": 100, **samples}
    fits = [{"model": "elm_embedded", "options": {"embedding": 2}}]
    task = {"task": "text", "published": str(folder), "samples": counts, "fits": fits}
    return {"name": "reviews", "tasks": [task | {"parameters": 900, "training": {"epochs": 1}}]}


def published_pairs(folder):
    """A task: pairs of texts in a folder, for two families."""
    counts = dict.fromkeys(("train", "valid", "test"), 16)
    fits = [{"model": "lstm"}, {"model": "elm_embedded", "options": {"outputs": 4}}]
    task = {"task": "retrieval", "published": str(folder), "samples": counts, "fits": fits}
    return task | {"parameters": 9000, "training": {"epochs": 1}}


def test_a_model_of_pairs_is_counted_and_costed_with_its_head(tmp_path):
    asked = plan(tasks=[published_pairs(retrieval(tmp_path / "pairs", each=8))])
    for fit in asked.asked.values():
        assert fit.data.facts().rows_per_label == 2
        model = build_classifier(fit.section.model, fit.options, 2, 2)
        assert abs(model.count_parameters() - 9000) < 900
        assert row_step_s(fit, asked.training_of(fit.name)) > 0
        assert asked.steps_seen(fit.name) == 16 * 2 * 4000
        assert asked.samples_mb(fit.name, "train", "valid") == 3  # 2 x 16 x 2 x 4000 of 12 bytes
    assert [fit.options.outputs for fit in asked.asked.values()] == [32, 4]


def test_published_files_name_what_is_made_of_them_wherever_they_lie(tmp_path):
    folder = text(tmp_path / "published")
    shutil.copytree(folder, tmp_path / "elsewhere")
    here, there = (plan(**published_text(tmp_path / n)) for n in ("published", "elsewhere"))
    named = [made.folder for made in here.products]
    assert [made.folder for made in there.products] == named
    train = here.data["text-elm_embedded-9-seed0", "train"]
    assert train.what == "text-train"
    assert {here.parts(folder) for folder in here.sequences} == {1}
    (folder / "aclImdb/train/neg/0_7.txt").write_text("another review")
    again = [made.folder for made in plan(**published_text(folder)).products]
    changed = {path.name.rpartition("-")[0] for path in set(again) - set(named)}
    fit = "text-elm_embedded-9-seed0"
    assert changed == {"text-train", fit, f"{fit}-evaluation", "table"}
    fewer = plan(**published_text(folder, train=99)).data[fit, "train"]
    assert fewer.folder not in named


@pytest.mark.slow
def test_published_files_are_fitted_to_and_no_more_of_them_than_there_are(tmp_path):
    folder = text(tmp_path / "published", each=80)
    pairs = published_pairs(retrieval(tmp_path / "pairs", each=30))

    def asked(**samples):
        path, changes = tmp_path / "config.yaml", published_text(folder, **samples)
        path.write_text(yaml.safe_dump(document(**changes | {"tasks": [*changes["tasks"], pairs]})))
        return run(tmp_path, path)

    result = asked(train=145)
    assert result.returncode == 1
    told = "error: the published files of text have 144 samples for train, but 145 are wanted; ask"
    assert told in result.stderr
    result = asked()
    assert result.returncode == 0, result.stdout + result.stderr
    results = tmp_path / "results" / "reviews"
    rows = json.loads((results / "table.json").read_text())
    found = [(row["task"], row["samples"], round(row["parameters"], -2)) for row in rows]
    assert found == [("text", 100, 900), ("retrieval", 16, 9000), ("retrieval", 16, 9000)]
    (path,) = (results / "data").glob("text-train/recipe.json")
    receipt = json.loads(path.read_text())
    assert re.fullmatch("[0-9a-f]{16}", receipt["recipe"]["content"])
    assert str(folder) not in json.dumps(receipt["recipe"])


def test_data_is_shared_and_scale_makes_other_data():
    whole, half = plan(), plan(scale=2.0)
    folders = {made.folder for made in whole.data.values()}
    assert len(folders) == 6  # two tasks, three splits, four fits
    assert folders.isdisjoint(made.folder for made in half.data.values())
    samples = half.run.samples(half.run.tasks[0])
    assert samples == {"train": 48, "valid": 32, "test": 1002}
    assert min(plan(scale=0.001).run.samples(whole.run.tasks[0]).values()) == 16


def test_what_decides_a_fit_is_in_its_name_and_what_does_not_is_not():
    name = "listops-short-lif_network-33-seed0"
    folder = plan().fits[name].folder
    assert plan(training={"epochs": 3, "batch_size": 8}).fits[name].folder != folder
    assert plan(seed=4).fits[name].folder != folder
    quick = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "threads": 2}
    assert plan(training=quick).fits[name].folder == folder
    assert plan(evaluation={"bootstrap": 10}).fits[name].folder == folder
    table = plan().table.folder
    assert plan(evaluation={"bootstrap": 10}).table.folder != table
    assert plan(training=quick).table.folder == table


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (changed_task(task="listop-short"), "no task 'listop-short'; did you mean 'listops-short'"),
        (changed_task(task="image"), "'image' has published files alone; name their folder"),
        (changed_task(published="here"), "'listops-short' is not read from a folder"),
        (
            changed_task(task="pathx", published="none"),
            "none/curv_contour.* does not exist; wanted",
        ),
        (changed_task(bins_ms=[5.0]), "'listops-short' has steps of its own"),
        (changed_task(fits=[{"model": "elmo"}]), "no model 'elmo'; did you mean 'elm'"),
        (changed_task(fits=[{"model": "lstm", "options": {"inputs": 3}}]), "follows from the data"),
        (changed_task(fits=[{"model": "lstm"}, {"model": "lstm"}]), "more than once"),
        (
            changed_task(parameters=100, fits=[{"model": "elm_embedded"}]),
            "the smallest .* has .* parameters, but 100 are wanted",
        ),
        (changed_task(training={"epoch": 1}), r"unknown key 'tasks\.0\.training\.epoch'; did you"),
        (
            changed_task(fits=[{"model": "lstm", "training": {"epoch": 1}}]),
            r"unknown key 'tasks\.0\.fits\.0\.training\.epoch'; did you mean 'epochs'",
        ),
        (changed_task(samples={"train": 0, "valid": 1, "test": 1}), "'tasks.0.samples.train' is 0"),
        ({"name": "made"}, "holds the products of every run"),
        (changed_task(recordings={"train": 9999}), "'listops-short' speaks no digits of its own"),
        (
            changed_task(task="shd", bins_ms=[20], samples=MANY, fits=[GRU]),
            "shd has 2,264 recordings for test, but 9,000 are wanted",
        ),
        ({"tasks": document()["tasks"][:1] * 2}, "lists listops-short more than once"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(changes, message):
    with pytest.raises(NeuronIOError, match=message) as error:
        plan_of(document(**changes), "tasks.yaml").products  # noqa: B018
    assert "\n" not in str(error.value)


def test_the_configurations_of_long_horizons_are_right_and_share_their_fits():
    asked = {}
    for name in ("longhorizon", "longhorizon_bins", "longhorizon_memory"):
        path = ROOT / "config" / f"{name}.yaml"
        asked[name] = TaskPlan(validate_long_horizon(read_yaml(path, "configuration"), str(path)))
        models = {fit.section.model for fit in asked[name].asked.values()}
        assert models >= ({"elm"} if name.endswith("memory") else {"lstm", "lif_network", "ssm"})
        assert asked[name].products
    mine, bins, memory = (plan.fits for plan in asked.values())
    digits = [name for name in mine if name.startswith("synthetic-digits")]
    assert len(digits) == 10
    assert all(bins[name].folder == mine[name].folder for name in digits)
    shared = [name for name in memory if name in bins]
    assert len(shared) == 6
    assert all(bins[name].folder == memory[name].folder for name in shared)


def test_what_sets_and_fits_cost_is_told_by_the_log_of_each_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where nothing is made yet
    spoken = {"task": "synthetic-digits", "bins_ms": [20], "recordings": {"train": 120, "test": 40}}
    asked = plan(tasks=[document()["tasks"][1] | spoken])
    sets, fits = tasks_cost(asked)
    assert (sets.what, fits.what) == ("2 sets of samples", "1 fit")
    logs = {f"results/smoke_tasks/logs/sequences/{name}.log" for name in asked.sequences}
    train, test = (next(log for log in logs if f"-{name}-" in log) for name in ("train", "test"))
    assert set(sets.jobs) == logs == {train, test}
    assert sets.jobs[train] == pytest.approx(3 * sets.jobs[test])
    assert min(sets.core_s, fits.core_s) > 0
    assert {asked.parts(name) for name in asked.sequences} == {6, 2}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    result = run(folder, SMOKE_TASKS)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result


@pytest.mark.slow
def test_tasks_end_in_a_table_a_figure_and_a_report(made, monkeypatch):
    folder, result = made
    monkeypatch.chdir(folder)
    assert tasks_cost(plan()) == []
    results = folder / "results" / "smoke_tasks"
    assert str(results / "report.html") in result.stdout
    with (results / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["task"], r["model"], r["seed"]) for r in rows] == [
        ("listops-short", "elm_embedded", "0"),
        ("listops-short", "elm_embedded", "1"),
        ("listops-short", "lif_network", "0"),
        ("pathfinder", "ssm", "0"),
    ]
    for row in rows:
        assert float(row["accuracy_low"]) <= float(row["accuracy"]) <= float(row["accuracy_high"])
        assert "first token" in row["reference"] or row["task"] == "pathfinder"
    with (results / "summary.csv").open() as file:
        means = {row["model"]: row for row in csv.DictReader(file)}
    assert means["elm_embedded"]["seeds"] == "0 1"
    for name in ("accuracy", "learning"):
        assert (results / "figures" / f"{name}.png").stat().st_size > 5000
    page = (results / "report.html").read_text()
    for part in ("listops-short", "pathfinder", "state space", "Time and cost", "@article"):
        assert part in page
    costs = dict(re.findall(r"<tr><td>(\w+)</td><td>(\d+)</td>", page.partition("and cost")[2]))
    assert costs == {"sequences": "6", "fit": "4", "evaluate": "4", "report": "1"}
    assert "http" not in page.partition("<h2>Cite")[0]  # needs no network
    evaluation = json.loads((results / "evaluations" / "pathfinder-ssm-22-seed0.json").read_text())
    assert sum(map(sum, evaluation["confusion"])) == evaluation["data"]["samples"] == 16


@pytest.mark.slow
def test_a_damaged_set_is_made_again_alone_and_a_failed_fit_does_not_cost_the_table(made, tmp_path):
    folder, _ = made
    (path,) = (folder / "results" / "smoke_tasks" / "data").glob("pathfinder-test/test.h5")
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    store = folder / "results" / "made"
    before = {weights: weights.stat().st_mtime_ns for weights in store.rglob("best.pt")}
    toy = (ROOT / "tests/surrogate/toy_surrogate.py").read_text().replace('"toy"', '"broken"')
    broken = tmp_path / "broken.py"
    raises = '        raise ValueError("on purpose")\n'
    broken.write_text(toy.replace("        decay =", f"{raises}        decay ="))
    asked = document(name="broken_tasks")
    asked["tasks"][0]["fits"].append({"model": f"{broken}:broken", "size": 3})
    config = tmp_path / "broken.yaml"
    config.write_text(yaml.safe_dump(asked))
    result = run(folder, config)
    assert result.returncode == 1
    assert "Set aside" in result.stdout + result.stderr
    assert path.read_bytes() == content
    assert len(before) == 4
    assert {weights: weights.stat().st_mtime_ns for weights in before} == before
    told = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "on purpose" in told[0]
    assert "the figures lack listops-short-broken-3-seed0" in told[-1]
    results = folder / "results" / "broken_tasks"
    with (results / "summary.csv").open() as file:
        models = [row["model"] for row in csv.DictReader(file)]
    assert models == ["elm_embedded", "lif_network", "ssm"]
    assert "since it failed: listops-short-broken-3-seed0" in (results / "report.html").read_text()


def test_fits_that_differ_in_their_label_alone_and_too_many_samples_are_refused():
    first, *_ = document()["tasks"]
    fits = [*first["fits"], {**first["fits"][1], "label": "changed"}]
    with pytest.raises(NeuronIOError, match="differ in their label"):
        _ = plan(tasks=[first | {"fits": fits}]).fits
    with pytest.raises(NeuronIOError, match=r"scale 1000 makes 1e\+08 samples of train in tasks.0"):
        plan(scale=1000.0, tasks=[first | {"samples": first["samples"] | {"train": 100_001}}])


def test_what_is_left_out_must_be_asked_for():
    name = "listops-short-elm_embeded-20-seed0"
    with pytest.raises(NeuronIOError, match="which 'tasks' does not ask for"):
        plan(leave_out=[name])
    first, *others = plan().asked
    assert list(plan(leave_out=[first]).asked) == others
    with pytest.raises(NeuronIOError, match="leave_out names every fit"):
        plan(leave_out=[first, *others])
