"""Recipes: what is in them and what is not, and what is said of results that are finished."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from neuronio.command.app import main
from neuronio.data.layout import content_sha256
from neuronio.files import write_npz
from neuronio.made import RUN_LOCK, Product, unused
from neuronio.recipe import (
    SOURCES,
    _source,
    code,
    deciding_versions,
    differences,
    digest,
    python_hash,
)

ROOT = Path(__file__).parents[2]
EVERYTHING = (
    *("neuronio.simulation.dataset", "neuronio.simulation.engines.ensemble"),
    *("neuronio.simulation.engines.neuron", "neuronio.surrogate.train"),
    "neuronio.surrogate.compiled_step",
    *(
        f"neuronio.surrogate.models.{name}"
        for name in ("elm", "pooled_elm", "tcn", "lif", "linear")
    ),
    *(f"neuronio.surrogate.models.{name}" for name in ("recurrent", "ssm")),
)


def test_every_source_of_compiled_code_is_in_a_recipe():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    folders = ("neuronio/", "simulation/", "surrogate/")
    wanted = {
        Path(name).name
        for name in listed.stdout.splitlines()
        if name.startswith(folders) and Path(name).suffix in SOURCES
    }
    assert len(wanted) > 20
    assert {Path(name).name for name in code(*EVERYTHING)} >= wanted


def test_a_recipe_holds_what_computes_and_not_what_tells_or_fetches():
    simulated = set(code("neuronio.simulation.dataset", "neuronio.simulation.engines.neuron"))
    assert {"neuronio.conventions", "neuronio.data.trial", "neuronio.simulation.cell"} <= simulated
    assert not {"neuronio.progress", "neuronio.config", "neuronio.data.fetch"} & simulated
    assert not any("ensemble" in name or "surrogate" in name for name in simulated)
    fitted = set(code("neuronio.surrogate.train", "neuronio.surrogate.models.lif"))
    assert "neuronio.surrogate.models.filters" in fitted  # lif stands on it
    assert not {"neuronio.surrogate.models.tcn", "neuronio.surrogate.metrics"} & fitted
    assert not any("simulation" in name for name in fitted)


def test_a_users_file_brings_what_it_imports(tmp_path):
    own = tmp_path / "mine.py"
    own.write_text("import helper\nfrom neuronio.surrogate.recurrence import exponential_filter\n")
    (tmp_path / "helper.py").write_text("A = 1\n")
    before = code(str(own))
    assert {"mine.py", "helper.py", "neuronio.surrogate.recurrence"} <= set(before)
    assert "neuronio.surrogate.recurrence/memory.cpp" in before
    assert not any(str(tmp_path) in name for name in before)
    _source.cache_clear()
    (tmp_path / "helper.py").write_text("A = 2\n")
    assert list(differences(before, code(str(own)))) == ["helper.py"]
    assert "package numpy" in code("numpy.random")
    for part in ("parts/__init__.py", "parts/deep/more.py"):
        (tmp_path / part).parent.mkdir(parents=True)
        (tmp_path / part).write_text("import other\n")
    (tmp_path / "other.py").write_text("B = 1\n")
    own.write_text("import parts\n")
    _source.cache_clear()
    names = {"mine.py", "other.py", "parts/__init__.py", "parts/deep/more.py"}
    assert {name for name in code(str(own)) if name.endswith(".py")} == names


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (
            '"""Another doc."""\n\n# A comment.\ndef f(x):\n    """Doc."""\n    return (x + 1)\n',
            True,
        ),
        ("def f(x):\n    return x + 2\n", False),
        ("def f(x, y=1):\n    return x + 1\n", False),
        ("def f(x):\n    return x + 1\n\n\nY = 'a string'\n", False),
    ],
)
def test_a_module_is_hashed_by_what_it_does(tmp_path, text, same):
    for name, content in {"a.py": "def f(x):\n    return x + 1\n", "b.py": text}.items():
        (tmp_path / name).write_text(content)
    assert (python_hash(tmp_path / "a.py") == python_hash(tmp_path / "b.py")) == same


def test_hashes_of_code_need_neither_torch_nor_neuron():
    program = (
        f"import sys; from neuronio.recipe import code; code(*{EVERYTHING!r}); "
        "sys.exit(', '.join({'torch', 'neuron'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_builds_for_cpu_and_gpu_are_one_version(monkeypatch):
    monkeypatch.setattr("neuronio.recipe.version", lambda name: "2.13.0+cu126")
    assert deciding_versions(["torch"]) == {"torch": "2.13.0"}


def test_digests_and_differences():
    one, other = {"a": {"b": 1, "c": [1]}, "d": 2}, {"d": 2, "a": {"c": [2], "b": 1, "e": None}}
    assert digest(one) != digest(other)
    assert digest(one) == digest({"d": 2, "a": {"c": [1], "b": 1}})
    assert list(differences(one, other)) == ["a.c"]


@pytest.fixture
def product(tmp_path):
    made = Product("table", {"x": 1}, tmp_path / "results" / "made")
    made.folder.mkdir(parents=True)
    (made.folder / "table.csv").write_text("a,b\n")
    made.finish([made.folder / "table.csv"], {"seed": 3, "evaluation": {"seed": 4}})
    return made


def test_a_product_is_finished_by_its_receipt_and_mistrusted_when_it_changed(product, tmp_path):
    assert product.fault() is None
    assert Product("table", {"x": 2}, product.store).fault() is None  # not made yet
    receipt = product.receipt.read_text()
    product.receipt.write_text(receipt.replace(product.digest, "0" * 16))
    assert "another recipe" in product.fault()
    product.receipt.write_text(receipt[:50])
    assert "cannot be read" in product.fault()
    product.receipt.write_text(receipt)
    (product.folder / "table.csv").write_text("a,c\n")
    assert product.fault() == "table.csv is not what was written"
    (product.folder / "table.csv").unlink()
    assert product.fault() == "table.csv is missing"


def test_provenance_of_a_product(product, capsys):
    table = product.folder / "table.csv"
    assert main(["provenance", str(table), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["digest"] == product.digest
    assert facts["seeds"] == {"dataset": 3, "bootstrap": 4}
    assert facts["machine"]["vector_bits"] in {128, 256, 512}
    assert {"git_revision", "packages", "command", "sha256"} <= set(facts)
    table.write_text("a,c\n")
    assert main(["provenance", str(table)]) == 1
    assert "is not what was written" in capsys.readouterr().err


def test_provenance_is_short_unless_all_of_it_is_wanted(product, capsys):
    assert main(["provenance", str(product.folder)]) == 0
    *told, last = capsys.readouterr().out.splitlines()
    assert last == "with --all also: recipe, files, packages, configuration"
    assert not [line for line in told if line.startswith("configuration")]
    assert main(["provenance", str(product.folder), "--all"]) == 0
    assert "configuration.evaluation.seed: 4" in capsys.readouterr().out


def test_provenance_of_a_report_is_that_of_its_table(product, tmp_path, capsys):
    results = tmp_path / "results" / "run"
    results.mkdir()
    (results / "report.html").write_text("")
    assert main(["provenance", str(results / "report.html")]) == 1
    assert "nothing says what made" in capsys.readouterr().err
    (results / "table.csv").symlink_to(product.folder / "table.csv")
    assert main(["provenance", str(results / "report.html")]) == 0
    assert f"digest: {product.digest}" in capsys.readouterr().out


def test_provenance_of_a_trial(tmp_path, capsys):
    trial, other = tmp_path / "trial.npz", tmp_path / "prediction.npz"
    write_npz(trial, {"soma_mV": [-70.0], "cell": "packaged", "engine": "neuron", "seed": 3})
    write_npz(other, {"soma_mV": [-70.0]})
    assert main(["provenance", str(trial)]) == 0
    assert "what: trial\ncell: packaged\nengine: neuron\nseed: 3\n" in capsys.readouterr().out
    assert main(["provenance", str(other)]) == 1
    assert "nothing says what made" in capsys.readouterr().err


def test_provenance_of_a_sequence_set(product, capsys):
    from neuronio.data.sequences import About, SequenceSet

    made = product.folder / "test.h5"
    about = About("tokens", "test", 5, 3, "token")
    SequenceSet.from_rows(about, [0], [([0], [1])], 3).write(made)
    product.finish([made], {"seed": 3, "evaluation": {"seed": 4}})
    assert main(["provenance", str(made), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == product.digest


def test_provenance_of_what_nothing_is_known_of(tmp_path, capsys):
    (tmp_path / "table.csv").write_text("a,b\n")
    assert main(["provenance", str(tmp_path / "table.csv")]) == 1
    assert "nothing says what made" in capsys.readouterr().err
    assert main(["provenance", str(tmp_path / "none.csv")]) == 1
    assert "does not exist" in capsys.readouterr().err


EVALUATION = {
    "name": "elm-2-seed0",
    "model": {"seed": 0},
    "settings": {"seed": 3},
    "data": {"files": [{"file": "a.h5"}]},
    "spike_threshold": {"files": []},
    "scores": {},
}


@pytest.mark.parametrize("key", [key for key in EVALUATION if key != "scores"])
def test_what_is_like_an_evaluation_is_no_traceback(key, tmp_path, capsys):
    path = tmp_path / "out.json"
    path.write_text(json.dumps(EVALUATION))
    assert main(["provenance", str(path)]) == 0
    assert "--evaluation seed=3 --data a.h5" in capsys.readouterr().out
    without = {k: v for k, v in EVALUATION.items() if k != key}
    for other in (without, EVALUATION | {key: 3}, [EVALUATION]):
        path.write_text(json.dumps(other))
        assert main(["provenance", str(path)]) == 1
        assert "nothing says what made" in capsys.readouterr().err


def test_a_noise_floor_is_no_evaluation_of_a_model(tmp_path, capsys):
    floor = EVALUATION | {"name": "integrator floor", "model": {"seed": None, "source": "floor"}}
    (tmp_path / "floor.json").write_text(json.dumps(floor))
    assert main(["provenance", str(tmp_path / "floor.json")]) == 0
    told = capsys.readouterr().out
    assert "what: noise floor" in told
    assert "command" not in told


def test_a_shard_that_does_not_say_how_it_was_made(make_shard, tmp_path, capsys):
    shard = shutil.copy(make_shard(1), tmp_path / "shard.h5")
    with h5py.File(shard, "r+") as file:
        file.attrs["recipe"] = "0" * 16
        file.attrs["content_sha256"] = content_sha256(file)
    assert main(["provenance", str(shard)]) == 1
    assert "does not say how it was made: it lacks attempts" in capsys.readouterr().err


@pytest.mark.parametrize("content", [[], {"model": "elm", "seed": 0, "options": []}])
def test_provenance_of_a_damaged_fit(content, tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert main(["provenance", str(tmp_path)]) == 1
    assert "config.json is not of a fit; put" in capsys.readouterr().err


def test_provenance_of_a_trial_that_a_shard_lacks(make_shard, capsys):
    shard = str(make_shard(1))
    assert main(["provenance", shard, "--trial", "3"]) == 0
    assert main(["provenance", shard, "--trial", "99"]) == 1
    assert "does not hold trial 99" in capsys.readouterr().err


def test_clean_lists_and_removes_what_no_run_shows(product, tmp_path, capsys, monkeypatch):
    results = tmp_path / "results"
    older = Product("table", {"x": 0}, product.store)
    older.folder.mkdir()
    marker = results / "mine" / ".current" / "0.json"
    marker.parent.mkdir(parents=True)
    marker.write_text(json.dumps({"folders": [f"results/made/{product.folder.name}"]}))
    assert list(unused(results)) == [older.folder]
    monkeypatch.chdir(results)
    assert [path.name for path in unused(Path())] == [older.folder.name]
    # A file that is being written is no rubbish; one that lost its writer a day ago is.
    fresh, lost = (product.folder / f".{name}.h5.00.tmp" for name in ("fresh", "lost"))
    for path in (fresh, lost):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    os.utime(lost, (1e9, 1e9))
    assert set(unused(results)) == {older.folder, lost}
    lost.write_bytes(bytes(2_000_000))
    os.utime(lost, (1e9, 1e9))
    assert main(["clean", str(results)]) == 0
    assert f"2.0 MB  {lost}" in capsys.readouterr().out
    fresh.unlink()
    lost.unlink()
    assert main(["clean", str(results)]) == 0
    assert older.folder.is_dir()
    lock = tmp_path / RUN_LOCK
    lock.parent.mkdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main(["clean", str(results), "--remove"]) == 1
    assert "a run is at work" in capsys.readouterr().err
    assert older.folder.is_dir()
    assert main(["clean", str(results), "--remove"]) == 0
    assert not older.folder.exists()
    assert product.fault() is None
    assert main(["clean", str(tmp_path / "elsewhere")]) == 1
    assert "does not exist" in capsys.readouterr().err
    marker.write_text("{}")
    assert main(["clean", str(results), "--remove"]) == 1
    assert "does not say what its run shows" in capsys.readouterr().err
    assert product.fault() is None
