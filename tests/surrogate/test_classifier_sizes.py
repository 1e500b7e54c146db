"""Sizes of classifiers by their parameters: as counted, remembered in the cache, without torch."""

import json
import subprocess
import sys

import pytest

from neuronio.errors import NeuronIOError
from neuronio.surrogate.tasks.classify.pairs import build_classifier
from neuronio.surrogate.tasks.classify.recipes import classifier_options, size_with
from neuronio.surrogate.tasks.classify.source import Facts

ONE = Facts("made up", 12, 5, 2.0, 40)
TWO = Facts("made up", 12, 2, 1.0, 40, rows_per_label=2)
AGAIN = """
import sys
from neuronio.surrogate.tasks.classify.recipes import size_with
from neuronio.surrogate.tasks.classify.source import Facts
print(size_with("elm", {}, Facts("made up", 12, 5, 2.0, 40), 3000), "torch" in sys.modules)
"""


def parameters(size, facts):
    options = classifier_options("elm", size, {}, facts)
    return build_classifier("elm", options, facts.rows_per_label, facts.classes).count_parameters()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("facts", [ONE, TWO], ids=["single", "pairs"])
def test_no_other_size_is_nearer(cache, facts):
    size = size_with("elm", {}, facts, 6000)
    off = {n: abs(parameters(n, facts) - 6000) for n in (size - 1, size, size + 1)}
    assert min(off, key=off.get) == size


def test_what_was_counted_once_is_not_counted_again(cache):
    size = size_with("elm", {}, ONE, 3000)
    done = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, text=True)
    assert done.stdout.split() == [str(size), "False"], done.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"size": null}', '{"size": "x"}', '{"size": -3}'])
def test_a_damaged_memory_is_counted_anew(cache, text):
    size = size_with("elm", {}, ONE, 3000)
    (kept,) = (cache / "sizes").iterdir()
    kept.write_text(text)
    assert size_with("elm", {}, ONE, 3000) == size
    assert json.loads(kept.read_text())["size"] == size


def test_other_questions_are_remembered_apart(cache):
    found = [
        size_with("elm", {}, ONE, 3000),
        size_with("elm", {}, ONE, 9000),
        size_with("elm", {"mlp_layers": 2}, ONE, 3000),
        size_with("lstm", {}, ONE, 3000),
        size_with("elm", {}, TWO, 3000),
    ]
    assert len(list((cache / "sizes").iterdir())) == len(found)
    assert found[0] < found[1]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "file" / "cache"))
    assert size_with("elm", {}, ONE, 3000) > 1


def test_too_few_parameters_are_refused_every_time(cache):
    for _ in range(2):
        with pytest.raises(NeuronIOError, match="the smallest elm has"):
            size_with("elm", {}, ONE, 10)
