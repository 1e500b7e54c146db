"""What the pages say: speed tables, links, commands and examples."""

import functools
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import load_script

import neuronio
from neuronio.command.app import app
from neuronio.data.digits.adding import Pairs
from neuronio.data.sequence_making import make_sets
from neuronio.data.sequence_tasks import TASKS
from neuronio.data.sequences import About, SequenceSet
from neuronio.errors import NeuronIOError
from neuronio.files import read_json
from neuronio.surrogate.tasks.classify.source import FixedSource

ROOT = Path(__file__).parents[1]
tables = load_script(ROOT / "benchmarks" / "tables.py")

PAGES = [
    ROOT / name
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "data/README.md",
        "config/README.md",
        "config/options.md",
    )
]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


@each_page
def test_speed_tables_are_those_of_the_benchmarks(page):
    text = page.read_text()
    told = "run: python benchmarks --from-json"
    assert text == tables.updated(text, read_json(tables.RECORD)), told


def test_every_speed_table_is_somewhere():
    named = {name for page in tables.PAGES for name in tables.MARK.findall(page.read_text())}
    assert named == set(tables.BLOCKS)


def test_a_new_measurement_changes_the_tables_and_names_the_machine():
    record = read_json(tables.RECORD)
    record["machine"] |= {"cpu": "Abacus 3", "busy": True, "date": "2031-02-03", "vector_bits": 128}
    neuron, *others = record["engines"]["runs"]
    neuron["ms_per_cell_ms"] = 1234.5
    faster = {**others[0], "trials": 4, "ms_per_cell_ms": 0.01234, "gain": 100_042.0}
    record["engines"]["runs"].append(faster)
    new = tables.updated((ROOT / "docs/ensemble.md").read_text(), record)
    assert "| NEURON | 1 | 1,234 | 1 |" in new
    assert "| ensemble, float64 | 4 | 0.0123 | 100,042 |" in new
    wanted = "Abacus 3, 2 cores, vectors of 128 bits, busy with other work, 2031-02-03."
    assert f"Measured on: {wanted}" in new


def test_a_mark_with_a_wrong_name_is_one_sentence():
    with pytest.raises(NeuronIOError, match="no speed table is called 'sped'"):
        tables.updated("<!-- benchmarks: sped -->\n<!-- end -->", {})


@each_page
def test_internal_links_exist(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@each_page
def test_no_page_names_what_is_gone(page):
    gone = r"python -m (simulation|surrogate)\b|^\s*(from|import) (data|simulation|surrogate)\b"
    assert not re.search(gone, page.read_text(), re.MULTILINE)


@each_page
def test_commands_exist(page):
    known = {c.name or c.callback.__name__ for c in app.registered_commands}
    named = re.findall(r"(?:^ *|`|bin/)neuronio ([a-z][a-z-]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= known


def test_readme_names_the_whole_public_interface_and_nothing_else():
    text = (ROOT / "README.md").read_text()
    listed = text[text.index("The top-level names are") : text.index("says what each takes")]
    assert set(re.findall(r"`(\w+)`", listed)) == set(neuronio.__all__)


@each_page
def test_examples_use_what_exists(page):
    for block in code_blocks(page, "python"):
        compile(block, str(page), "exec")
        for name in re.findall(r"\bneuronio\.(\w+)\(", block):
            assert name in neuronio.__all__


def test_the_page_on_extending_shows_the_tested_surrogate():
    toy = (ROOT / "tests/surrogate/toy_surrogate.py").read_text()
    assert toy in code_blocks(ROOT / "docs/extending.md", "python")


def test_the_generator_of_the_page_on_extending_works(tmp_path):
    (block,) = (b for b in code_blocks(ROOT / "docs/extending.md", "python") if "@generator" in b)
    (tmp_path / "rhythm.py").write_text(block)
    # In a process of its own: what it registers would stay for the tests that come after.
    draw = 'neuronio.make_inputs("packaged", "rhythm.py:rhythm", duration_ms=400, period_ms=50)'
    script = f"import neuronio; inputs = {draw}; print(inputs.n_events / inputs.n_synapses)"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert float(result.stdout) == pytest.approx(0.001 * 400, rel=0.3), result.stderr


def test_the_examples_of_the_page_on_streaming_work(make_shard, tmp_path):
    quick = {"steps": 2, "validate_every": 1, "window_ms": 100, "burn_in_ms": 20, "threads": 1}
    where = tmp_path / "results" / "demo" / "fits" / "branch_elm-3-seed0"
    options = {"num_branch": 4, "synapses_per_branch": 5}
    files = make_shard(1), make_shard(2)
    neuronio.fit("branch_elm", *files, where, size=3, options=options, ignore_ms=100, **quick)
    blocks = code_blocks(ROOT / "docs/streaming.md", "python")
    for script in ("\n".join(blocks[:2]), blocks[2]):
        # Each in a process of its own, in the folder that `make run` ran in.
        command = [sys.executable, "-c", script]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert result.stdout
    assert len(blocks) == 3


def test_the_page_on_bringing_a_cell_works(tmp_path):
    """Its files and commands, in a folder with what it says is there."""
    page = ROOT / "docs" / "bring-your-own-cell.md"
    (tmp_path / "mine.yaml").write_text(code_blocks(page, "yaml")[0])
    text = "".join(code_blocks(page, "sh")).replace("CLONE/", f"{ROOT}/")
    commands = [shlex.split(line, comments=True) for line in text.splitlines()]
    assert len(commands) == 8
    for command in commands:
        interpreter = [sys.executable, "-m"] if command[0] == "neuronio" else []
        done = subprocess.run(
            [*interpreter, *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.iterdir()}
    assert {"mine.png", "reference.npz", "fast.npz", "stick.yaml", "stick.npz"} <= made
    assert len(page.read_text().splitlines()) < 60


def test_long_horizon_results_are_written_from_the_evaluations_that_are_kept(tmp_path):
    kept = ROOT / "docs" / "results" / "longhorizon"
    page = (kept / "README.md").read_text()
    empty = re.sub(r"(<!-- (results|costs) -->\n).*?(?=<!-- end -->)", r"\1", page, flags=re.DOTALL)
    (tmp_path / "README.md").write_text(empty)
    command = [sys.executable, ROOT / "docs" / "long_horizon.py", "--folder", tmp_path]
    subprocess.run([*command, kept], check=True)
    assert len(empty) < len(page) - 2000
    assert (tmp_path / "README.md").read_text() == page
    for name in ("table.csv", "summary.csv"):
        assert (tmp_path / name).read_bytes() == (kept / name).read_bytes()
    nothing = subprocess.run([*command, tmp_path / "none"], capture_output=True, text=True)
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("error: ")
    assert nothing.stderr.count("\n") == 1


def kept_evaluations(pattern="*"):
    """Documents of the long-horizon evaluations that are kept with the code."""
    folder = ROOT / "docs" / "results" / "longhorizon" / "evaluations"
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{pattern}.json"))]


def test_results_of_other_code_on_the_same_samples_stand_beside_those_that_are_kept(tmp_path):
    results = load_script(ROOT / "docs" / "long_horizon.py")
    (document,) = kept_evaluations("*-adding-2ms-elm-49-seed0")
    where = tmp_path / "run/evaluations/synthetic-digits-adding-2ms-elm-49-seed7.json"
    where.parent.mkdir(parents=True)
    results.keep(ROOT / "docs/results/longhorizon", tmp_path)
    before = len(list((tmp_path / "evaluations").iterdir()))
    made_from = document["data"]["about"]["made_from"]
    made_from["code"] = dict.fromkeys(made_from["code"], "another hash")
    made_from["sha256"] = "of a file that holds them"
    for part in ("recordings", "pairs", "count", "seed"):
        other = json.loads(json.dumps(document))
        other["data"]["name"][part] = 17
        where.write_text(json.dumps(other))
        with pytest.raises(NeuronIOError, match="seed7 with other samples of synthetic-digits-ad"):
            results.keep(tmp_path / "run", tmp_path)
    where.write_text(json.dumps(document))
    results.keep(tmp_path / "run", tmp_path)
    assert len(list((tmp_path / "evaluations").iterdir())) == before + 1


def test_kept_evaluations_are_of_the_samples_that_the_code_makes(tmp_path):
    """Of what takes long a part: of the trees the first 80, of the digits which are paired."""

    def made(task, rows):
        path = make_sets(TASKS[task], tmp_path / task, {"test": rows}, seed=1)["test"]
        return FixedSource.read(path).name()

    def kept(task):
        return {document["data"]["name"] for document in kept_evaluations(f"{task}-*")}

    assert kept("pathfinder") == {made("pathfinder", 2000)}
    # Names of the same day: of all 2,000 trees, and of the first of them.
    assert kept("listops-short") == {"3ee93997b66982c8"}
    assert made("listops-short", 80) == "dfd7f44a7739a3da"
    about = About("digits", "test", 1, 20, "bin", 20.0)
    silence = np.zeros(0, np.int64), np.zeros(0, np.int64)
    recordings = SequenceSet.from_rows(about, np.zeros(400), [silence] * 400, 50)
    pairs = Pairs(recordings, seed=1, count=4000).name()
    names = [document["data"]["name"] for document in kept_evaluations("synthetic-*")]
    binned = {
        "69244d08144562d6",  # to 1 ms
        "59062238eefe1aa8",  # 2, 5, 10 and 20
        "9d1b4858d50a0f4e",
        "75c9898ef6497e9d",
        "244ef905acb2c9a1",
    }
    assert {name.pop("recordings") for name in names} == binned
    assert all(name | {"recordings": pairs["recordings"]} == pairs for name in names)


def test_results_of_tests_with_inputs_left_out_have_rows_of_their_own(tmp_path):
    results = load_script(ROOT / "docs" / "long_horizon.py")
    kept = next(
        (ROOT / "docs/results/longhorizon/evaluations").glob("*-adding-2ms-elm-49-seed0.json")
    )
    document = json.loads(kept.read_text())
    (tmp_path / "run/evaluations").mkdir(parents=True)
    for share in (0, 0.5):
        document["settings"]["input_dropout"] = share
        (tmp_path / "run/evaluations" / kept.name).write_text(json.dumps(document))
        results.keep(tmp_path / "run", tmp_path)
    results.keep(tmp_path, tmp_path)  # once more what is kept: nothing changes
    names = sorted(path.name for path in (tmp_path / "evaluations").iterdir())
    assert names == [f"{kept.stem}-0.5_of_inputs_left_out_in_testing.json", kept.name]
    both = [json.loads((tmp_path / "evaluations" / name).read_text()) for name in names]
    lines = results.results_table(results.summary_rows(both)).splitlines()
    assert sum("0.5 of inputs left out in testing" in text for text in lines) == 1
    run = tmp_path / "run/evaluations" / kept.name.replace("seed0", "seed7")
    (tmp_path / "run/evaluations" / kept.name).rename(run)
    before = sorted((tmp_path / "evaluations").iterdir())
    for what, keys in (
        ("samples", ("data", "name")),
        ("settings", ("settings", "confidence")),
        ("training", ("model", "training", "epochs")),
    ):
        other = json.loads(kept.read_text())
        part = functools.reduce(dict.__getitem__, keys[:-1], other)
        part[keys[-1]] = 0.123
        run.write_text(json.dumps(other))
        with pytest.raises(NeuronIOError, match=f"seed7 with other {what} .* than .*.json"):
            results.keep(tmp_path / "run", tmp_path)
    # Another fit on other samples has no place in their table either.
    other = json.loads(kept.read_text())
    other["data"]["name"] = "others"
    run.rename(run.with_name("synthetic-digits-adding-2ms-gru-9-seed0.json")).write_text(
        json.dumps(other)
    )
    with pytest.raises(
        NeuronIOError, match="gru-9-seed0 with other samples of synthetic-digits-ad"
    ):
        results.keep(tmp_path / "run", tmp_path)
    assert sorted((tmp_path / "evaluations").iterdir()) == before
    for score in both[0]["scores"].values():
        score.update(low=None, high=None)
    assert "| .700 |" in results.results_table(results.summary_rows(both[:1]))
    (tmp_path / "run/evaluations" / kept.name).write_text('{"scores": {}}')
    with pytest.raises(NeuronIOError, match="is of another kind"):
        results.keep(tmp_path / "run", tmp_path)


def test_validation_counts_the_published_scores_within_our_intervals():
    validation = load_script(ROOT / "docs" / "validation.py")
    ours = {"scores": {name: {"low": 0.4, "high": 0.6} for name in validation.SCORES}}
    theirs = {name: 0.5 / unit for name, unit, *_ in validation.SCORES.values()}
    results = {"train_results": theirs, "valid_results": theirs | {"AUC": 0.7, "soma_RMSE": 0.3}}
    assert validation.within("ergodic", {"net": (ours, results)}) == (
        "Of the 4 published scores on training files 4 and of the 4 published scores on "
        "validation files 2 lie within our intervals."
    )
