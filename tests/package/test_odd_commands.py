"""Command lines and files of any kind: each ends with one sentence, or does what it was asked."""

from __future__ import annotations

import io
import json
import random
import shutil
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronio.command.app import AFTER_CTRL_C, INTERRUPTED, main

ODD_NUMBERS = ["0", "-1", "1e9", "1e400", "nan", "inf", "9" * 400, "x", "", "1,5", "0x10", "٣"]
ODD_PAIRS = ["=", "a", "a=", "=b", "a=b=c", "tau_max_ms=[", "tau_max_ms={", "width=1e99", "a=\n"]
ODD_NAMES = ["tcn", "branch_elm", "elmo", "nothing.py:x", ":", "../x", "ergodic", "packaged"]
FILES = ["good.h5", "short.h5", "flipped.h5", "empty", "text.npy", "shape.npz", "cut.npz"]
FILES += ["evaluation.json", "differences.json", "object.npz", "nothing", "."]
FILES += ["https://example.org/a.h5", "a" * 300]

EVALUATION = {"name": "elm-2-seed0", "model": {"source": "fit"}, "scores": {}, "data": {}}

numbers, pairs = st.sampled_from(ODD_NUMBERS), st.sampled_from(ODD_PAIRS)
names, files = st.sampled_from(ODD_NAMES), st.sampled_from(FILES)


def option(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """An option that may be missing."""
    return st.one_of(st.just([]), values.map(lambda value: [name, value]))


def command(*parts: st.SearchStrategy | str) -> st.SearchStrategy[list[str]]:
    """A command line of words, of one word each, or of lists of words."""
    drawn = [st.just([part]) if isinstance(part, str) else part for part in parts]
    return st.tuples(*drawn).map(lambda lists: [word for words in lists for word in words])


one_file = files.map(lambda name: [name])
# Commands that say no, or are done at once: what simulates or fits is asked with odd values only.
COMMANDS = st.one_of(
    command("info", one_file),
    command("verify", st.lists(files, min_size=1, max_size=3)),
    command("compare", one_file, one_file, option("--ignore-ms", numbers)),
    command("quality", one_file, "--out", one_file),
    command("import-neuronio", one_file, "--out", one_file),
    command("export-neuronio", one_file, "--out", st.sampled_from([["x.p"], ["empty"]])),
    command("integrate-again", one_file, "--out", "d", option("--dt-ms", numbers)),
    command("provenance", one_file, option("--trial", numbers)),
    command("clean", one_file),
    command("digits", "--recordings", one_file, "--out", "d", option("--hair-cell", names)),
    command("digit-sequences", one_file, "--out", "d", option("--bin-ms", numbers)),
    command("sequences", names.map(lambda name: [name]), "--out", one_file),
    command("sequences", "text", "--published", one_file, "--out", "s", option("--seed", numbers)),
    command("fetch", names.map(lambda name: [name])),
    command(
        "count",
        option("--model", names),
        option("--size", numbers),
        option("--inputs", numbers),
        option("--set", pairs),
    ),
    command(
        "cell", option("--cell", st.one_of(names, files)), "--variant", pairs.map(lambda p: [p])
    ),
    command("trial", "--out", "trial.npz", "--duration-ms", numbers.map(lambda n: [n])),
    command("trial", "--out", "trial.npz", "--duration-ms", "20", "--inputs", one_file),
    command(
        "trial", "--out", "trial.npz", "--duration-ms", "20", "--set", pairs.map(lambda p: [p])
    ),
    command(
        "fit", "--train", one_file, "--valid", one_file, "--out", "f", option("--model", names)
    ),
    command("evaluate", "--model", one_file, "--data", one_file, option("--mode", names)),
    command("predict", "--model", one_file, "--data", one_file, "--out", "p.npz"),
    command("dataset", "--config", one_file, "--out", "d", option("--scale", numbers)),
    command("compare-fits", one_file, one_file, "--data", one_file, option("--mode", names)),
    command("plot", "--out", "p", "--evaluations", one_file),
    command("plot", "--out", "p", "--predictions", one_file, option("--differences", files)),
    command("export-model", one_file, "--out", one_file),
    st.lists(st.one_of(names, pairs, numbers, files), max_size=4),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_shard):
    """A folder with a good file and damaged ones."""
    folder = tmp_path_factory.mktemp("odd")
    good = Path(make_shard(3, n_trials=1, duration_ms=50)).read_bytes()
    (folder / "good.h5").write_bytes(good)
    (folder / "short.h5").write_bytes(good[: len(good) // 2])
    flipped = bytearray(good)
    for place in random.Random(0).sample(range(len(good)), 40):
        flipped[place] ^= 0xFF
    (folder / "flipped.h5").write_bytes(flipped)
    (folder / "empty").write_bytes(b"")
    np.save(folder / "text.npy", np.array(["a"]))
    np.savez(folder / "shape.npz", excitatory=np.zeros((2, 3, 4)), inhibitory=np.zeros(5))
    whole = io.BytesIO()
    np.savez(whole, excitatory=np.zeros((4, 20)), inhibitory=np.zeros((4, 20)))
    (folder / "cut.npz").write_bytes(whole.getvalue()[:-30])
    (folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    (folder / "differences.json").write_text(json.dumps({"rows": [{"base": "elm"}]}))
    np.savez(folder / "object.npz", excitatory=np.array([{}], dtype=object), shape=[1, 2])
    return folder


@settings(max_examples=250, deadline=None, derandomize=True)
@given(words=COMMANDS)
def test_any_command_line_ends_with_one_sentence(folder, words):
    code, said = run(folder, words)
    assert "Traceback" not in said
    if code:
        assert said.strip().splitlines()[-1].startswith("error: ")


def run(folder: Path, words: list[str]) -> tuple[int, str]:
    """Run a command line in the folder; returns its exit code and what it says on stderr."""
    errors = io.StringIO()
    before = set(folder.iterdir())
    with chdir(folder), redirect_stderr(errors), redirect_stdout(io.StringIO()):
        code = main(words)
    for path in set(folder.iterdir()) - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return code, errors.getvalue()


def test_after_ctrl_c_a_command_says_that_it_can_go_on(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("neuronio.surrogate.store.shard_paths", interrupted)
    assert main(["evaluate", "--model", ".", "--data", "a.h5"]) == AFTER_CTRL_C
    assert capsys.readouterr().err.splitlines()[-1] == INTERRUPTED
