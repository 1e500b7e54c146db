"""What runs again after an edit, and what must not: dry-runs of a cloned and edited run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from plan import Plan
from running import SMOKE, changed, clone_into, run

from neuronio.command.app import main
from neuronio.config import load_config
from neuronio.data.shard import Shard

ALWAYS = {"everything": 1}
SHOWN = {"report": 1, "current": 1}
JUDGED = {"evaluate": 3, **SHOWN}
FITTED = {"fit": 3, **JUDGED}
SCORED = {"score_floor": 1}
FLOOR = {"floor": 1, **SCORED}
SIMULATED = {"simulate": 4, "dataset": 1, "quality": 1, **FITTED}
DATA = {**SIMULATED, **FLOOR}
COMPILED = {"kernels": 1, **DATA}


def key(path, value):
    """An edit that sets a key of the configuration, such as dataset.trials.test."""

    def edit(clone):
        file = clone / "config/smoke.yaml"
        document = yaml.safe_load(file.read_text())
        *parents, last = path.split(".")
        section = document
        for name in parents:
            section = section[int(name)] if name.isdigit() else section.setdefault(name, {})
        section[last] = value
        file.write_text(yaml.safe_dump(document))

    return edit


def text(path, addition="\n_EDITED = 1\n"):
    """An edit that adds text to a file."""

    def edit(clone):
        assert (clone / path).is_file()
        with (clone / path).open("a") as file:
            file.write(addition)

    return edit


def swap(path, old, new):
    """An edit that changes text in a file."""

    def edit(clone):
        found = (clone / path).read_text()
        assert old in found
        (clone / path).write_text(found.replace(old, new, 1))

    return edit


def product(clone, what):
    """The folder of a product."""
    folders = (clone / "results/made").glob(f"{what}-*")
    (found,) = (path for path in folders if re.fullmatch(rf"{what}-[0-9a-f]{{16}}", path.name))
    return found


def touch_everything(clone):
    for path in clone.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path)


def delete(what, name=""):
    def edit(clone):
        path = product(clone, what) / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return edit


def damage(what, name):
    """Change bytes in the middle of a file and set its time stamp back."""

    def edit(clone):
        path = product(clone, what) / name
        stat = path.stat()
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 40] = bytes(255 - b for b in content[middle : middle + 40])
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    return edit


def swap_shards(clone):
    shutil.copy(product(clone, "valid") / "shard-000.h5", product(clone, "test") / "shard-000.h5")


def swap_shards_of_a_split(clone):
    folder = product(clone, "train")
    shutil.copy(folder / "shard-001.h5", folder / "shard-000.h5")


def own_morphology(clone):
    (clone / "mine.swc").write_text("1 1 0 0 0 9 -1\n2 3 0 20 0 1 1\n3 4 0 0 20 1 1\n")
    key("cell.variant", {"morphology": "mine.swc"})(clone)


EDITS = {
    "cloned elsewhere": (lambda clone: None, {}),
    "every file touched": (touch_everything, {}),
    "name": (key("name", "other"), SHOWN),
    "seed": (key("seed", 8), DATA),
    "cell.variant": (key("cell.variant", {"nmda_ratio": 0.5}), COMPILED),
    "a morphology": (own_morphology, COMPILED),
    "inputs.parameters": (key("inputs.parameters", {"length_offset_um": 11.0}), DATA),
    "inputs.generator": (key("inputs.generator", "ergodic"), DATA),
    "t0_artefact": (key("t0_artefact", True), DATA),
    "engine.name": (key("engine.name", "neuron"), COMPILED),
    "engine.precision": (key("engine.precision", "float64"), COMPILED),
    "engine.gate_tables": (key("engine.gate_tables", True), COMPILED),
    "engine.threads": (key("engine.threads", 2), {}),
    "dataset.duration_ms": (key("dataset.duration_ms", 500), DATA),
    "dataset.trials.train": (key("dataset.trials.train", 4), SIMULATED | {"simulate": 2}),
    "dataset.trials.test": (
        key("dataset.trials.test", 3),
        {"simulate": 2, "dataset": 1, "quality": 1, **JUDGED},
    ),
    "dataset.test_generator": (
        key("dataset.test_generator", {"generator": "published_test"}),
        {"simulate": 1, "dataset": 1, "quality": 1, **JUDGED, **FLOOR},
    ),
    "dataset.trials_per_shard": (
        key("dataset.trials_per_shard", 1),
        {"simulate": 7, "dataset": 1, "quality": 1, **SHOWN},
    ),
    "dataset.trial_limit_s": (key("dataset.trial_limit_s", 99.0), {}),
    "training.steps": (key("training.steps", 8), FITTED),
    "training.cache_mib": (key("training.cache_mib", 64), {}),
    "training.threads": (key("training.threads", 2), {}),
    "fits.seeds": (
        key("fits.0.seeds", [0, 1, 2]),
        {"fit": 1, "evaluate": 1, **SHOWN},
    ),
    "fits.training": (
        key("fits.1.training", {"learning_rate": 0.001}),
        {"fit": 1, "evaluate": 1, **SHOWN},
    ),
    "fits.training.train_trials": (
        key("fits.1.training", {"train_trials": 2}),
        {"fit": 1, "evaluate": 1, **SHOWN},
    ),
    "fits.label": (key("fits.1.label", "new"), {"evaluate": 1, "ablation": 1, **SHOWN}),
    "fits.training.cache_mib": (key("fits.1.training", {"cache_mib": 9}), {}),
    "fits.options": (
        key("fits.0.options", {"tau_max_ms": 140.0}),
        {"fit": 2, "evaluate": 2, **SHOWN},
    ),
    "evaluation.ignore_ms": (key("evaluation.ignore_ms", 120), FITTED | SCORED),
    "evaluation.bootstrap": (key("evaluation.bootstrap", 30), JUDGED | SCORED),
    "evaluation.floor_trials": (key("evaluation.floor_trials", 1), SHOWN | FLOOR),
    "no floor": (key("evaluation.floor_trials", 0), SHOWN),
    "more for the floor than there is": (key("evaluation.floor_trials", 9), SHOWN),
    "a metric": (text("surrogate/metrics.py"), JUDGED | SCORED),
    "the floor's score": (text("surrogate/floor.py"), SHOWN | SCORED),
    "the second integration": (text("simulation/reintegration.py"), SHOWN | FLOOR),
    "the loop of fits": (text("surrogate/train.py"), FITTED),
    # The floor's score shares modules with evaluations, which load models.
    "the recursion's kernel": (
        text("surrogate/recurrence/memory.cpp", "// edited\n"),
        {"kernels": 1, **FITTED, **SCORED},
    ),
    "one model": (text("surrogate/models/tcn.py"), {"fit": 1, "evaluate": 1, **SHOWN}),
    "the figures": (text("surrogate/figures/accuracy.py"), SHOWN),
    "how differences are taken": (text("surrogate/paired.py"), {}),
    "the report's script": (text("workflow/scripts/report.py"), SHOWN),
    "the quality report": (text("simulation/quality.py"), {"quality": 1, "current": 1}),
    "a MOD file": (text("simulation/mod/Ih.mod", "\n: edited\n"), COMPILED),
    "a kernel": (
        text("simulation/engines/ensemble/source/membrane_functions.h", "\n// edited\n"),
        COMPILED,
    ),
    "a generator": (text("simulation/inputs/generators.py"), DATA),
    "a generator's default": (swap("simulation/inputs/generators.py", "10.0,", "11.0,"), DATA),
    "a cell": (swap("simulation/cells/packaged.yaml", "cm_uF_cm2: 1", "cm_uF_cm2: 1.01"), COMPILED),
    "a published figure": (
        text("data/reference/published_data.csv", "\n"),
        {"quality": 1, **SHOWN},
    ),
    "progress, comments, docstrings": (
        lambda clone: [
            text("neuronio/progress.py")(clone),
            text("surrogate/train.py", "\n# edited\n")(clone),
            swap("simulation/jobs.py", '"""What a worker', '"""Whatever a worker')(clone),
        ],
        {},
    ),
    "a deleted shard": (delete("train", "shard-000.h5"), {"simulate": 1, "dataset": 1}),
    "a deleted fit": (delete("tcn-2-seed0"), {"fit": 1, "evaluate": 1, "report": 1}),
    "a deleted evaluation": (delete("tcn-2-seed0-evaluation"), {"evaluate": 1}),
    "a deleted floor": (delete("floor", "shard-000.h5"), {"set_aside": 1, "floor": 1}),
    "a damaged floor": (damage("floor", "shard-000.h5"), {"set_aside": 1, "floor": 1}),
    "a deleted folder of the floor": (delete("floor"), {"floor": 1}),
    "a deleted score of the floor": (delete("integrator-floor"), {"score_floor": 1}),
    "a damaged shard": (
        damage("valid", "shard-000.h5"),
        {"set_aside": 1, "dataset": 1, "simulate": 1},
    ),
    "a shard of another run": (swap_shards, {"set_aside": 1, "dataset": 1, "simulate": 1}),
    "another shard of the split": (
        swap_shards_of_a_split,
        {"set_aside": 1, "dataset": 1, "simulate": 1},
    ),
    "damaged weights": (
        damage("branch_elm-2-seed1", "best.pt"),
        {"set_aside": 1, "evaluate": 1, "report": 1, "fit": 1},
    ),
    "a damaged table": (damage("table", "table.csv"), {"set_aside": 1, "report": 1}),
}


@pytest.fixture(scope="module")
def planned(finished, tmp_path_factory):
    """What a dry-run after each edit would run: name of the edit -> rule -> jobs."""
    clones = {}
    for number, (name, (edit, _)) in enumerate(EDITS.items()):
        folder = tmp_path_factory.mktemp(f"clone{number}")
        clones[name] = clone_into(folder)
        shutil.copytree(finished[0] / "results", folder / "results", symlinks=True)
        edit(clones[name])
    script = Path(__file__).with_name("dry_runs.py")
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    folders = [str(folder) for folder in clones.values()]
    halves = [
        subprocess.Popen([sys.executable, str(script), *half], env=environment)
        for half in (folders[::2], folders[1::2])
    ]
    assert [half.wait() for half in halves] == [0, 0]
    return {name: (folder / "dry-run.txt").read_text() for name, folder in clones.items()}


def jobs(printed: str) -> dict[str, int]:
    """Jobs of each rule in what a dry-run printed."""
    if "Nothing to be done" in printed:
        return {}
    table = re.search(r"^job +count\n-[- ]+\n(.*?)\n\n", printed, re.DOTALL | re.MULTILINE)
    assert table, printed
    rows = (line.split() for line in table[1].splitlines())
    return {rule: int(count) for rule, count in rows if rule not in ("total", "everything")}


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_runs_what_depends_on_it_and_nothing_else(planned, edit):
    assert jobs(planned[edit]) == EDITS[edit][1], planned[edit][-3000:]


@pytest.mark.slow
def test_what_is_damaged_or_of_an_older_recipe_stays_until_clean_removes_it(
    finished, tmp_path, capsys
):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy, symlinks=True)
    table = (copy / "results/smoke/table.csv").read_bytes()
    store = {path.name for path in (copy / "results/made").iterdir()}
    shard = product(copy, "valid") / "shard-000.h5"
    sound = shard.read_bytes()
    damage("valid", "shard-000.h5")(copy)
    damaged = shard.read_bytes()
    weights = product(copy, "tcn-2-seed0") / "best.pt"
    before = weights.stat().st_mtime_ns
    # Another recipe, for which the damaged shard is made again and nothing that read it.
    config = changed(tmp_path, lambda document: document["evaluation"].update(floor_trials=0))
    result = run(copy, config)
    assert result.returncode == 0, result.stderr
    assert "Set aside results/made/valid" in result.stderr
    assert shard.read_bytes() == sound
    (kept,) = (copy / "results/made/damaged").rglob("shard-000.h5")
    assert kept.read_bytes() == damaged
    assert weights.stat().st_mtime_ns == before
    assert (copy / "results/smoke/table.csv").read_bytes() != table
    made = {path.name for path in (copy / "results/made").iterdir()}
    assert store < made
    assert main(["clean", str(copy / "results")]) == 0
    listed = capsys.readouterr().out
    assert listed.count("table-") == 1
    assert "evaluation-" not in listed
    # Back to the first configuration: nothing is made, only shown again.
    assert run(copy).returncode == 0
    assert (copy / "results/smoke/table.csv").read_bytes() == table
    assert main(["clean", str(copy / "results"), "--remove"]) == 0
    left = {path.name for path in (copy / "results/made").iterdir()}
    assert left - {"damaged"} == store
    assert not list((copy / "results/made/damaged").iterdir())
    assert (copy / "results/smoke/table.csv").read_bytes() == table


@pytest.mark.slow
def test_a_trial_is_made_again_from_its_provenance_alone(finished, tmp_path, capsys, monkeypatch):
    shard = product(finished[0], "test") / "shard-000.h5"
    assert main(["provenance", str(shard), "--trial", "1"]) == 0
    (line,) = (ln for ln in capsys.readouterr().out.splitlines() if ln.startswith("command: "))
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(line.removeprefix("command: "))
    assert program == "neuronio"
    assert main(arguments) == 0
    with Shard(shard) as made, np.load("trial-1.npz") as again:
        recording = made.recording(1)
        np.testing.assert_array_equal(again["soma_mV"], recording.soma_mV)
        np.testing.assert_array_equal(again["nexus_mV"], recording.nexus_mV)
        np.testing.assert_array_equal(again["spike_ms"], recording.spike_ms)


@pytest.mark.slow
def test_a_figure_knows_the_configuration_that_makes_it_again(finished, tmp_path, capsys):
    figure = finished[0] / "results/smoke/figures/accuracy.png"
    config = tmp_path / "run.yaml"
    assert main(["provenance", str(figure), "--config", str(config)]) == 0
    told = capsys.readouterr().out
    for fact in ("digest", "git_revision", "machine.cpu", "machine.vector_bits", "seeds.dataset"):
        assert re.search(rf"^{fact}: .", told, re.MULTILINE), fact
    again, wanted = Plan(load_config(config)), Plan(load_config(SMOKE))
    assert again.table.digest == wanted.table.digest == product(finished[0], "table").name[-16:]
