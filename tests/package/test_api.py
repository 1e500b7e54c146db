"""The public interface: every name is there, typed, and its example runs."""

import doctest
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neuronio
from neuronio.command import options
from neuronio.data.matching import match_sorted
from neuronio.sections import key_values

SMOKE = Path(__file__).parents[2] / "config" / "smoke.yaml"
FUNCTIONS = [name for name in neuronio.__all__ if name.islower()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_shard):
    """A working folder as the examples have it: shards, a configuration and a fit."""
    folder = tmp_path_factory.mktemp("examples")
    for seed, name in enumerate(("train", "valid", "test"), start=1):
        shutil.copy(make_shard(seed), folder / f"{name}.h5")
    shutil.copy(SMOKE, folder / "run.yaml")
    quick = {"steps": 4, "validate_every": 2, "window_ms": 100, "burn_in_ms": 20, "ignore_ms": 100}
    files = folder / "train.h5", folder / "valid.h5"
    for seed in (0, 1):
        out = folder / "fits" / f"linear-2-seed{seed}"
        neuronio.fit("linear", *files, out, size=2, seed=seed, **quick)
    return folder


def test_all_names_are_there_and_nothing_heavy_loads_before_it_is_used():
    code = (
        "import sys, neuronio; assert not {'torch', 'neuron', 'h5py'} & set(sys.modules);"
        "assert all(getattr(neuronio, name) for name in neuronio.__all__);"
        "assert set(neuronio.__all__) == set(neuronio._WHERE) == {*dir(neuronio)} - {'__version__'}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        neuronio.simulat  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_an_example_that_runs(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    thing = getattr(neuronio, name)
    assert inspect.getdoc(thing)
    examples = doctest.DocTestFinder(recurse=False).find(thing, globs={"neuronio": neuronio})
    assert sum(len(example.examples) for example in examples) > 0
    for example in examples:
        assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("function", [key_values, options.spread, match_sorted])
def test_examples_elsewhere_run_too(function):
    for example in doctest.DocTestFinder().find(function, globs={**vars(options), **globals()}):
        assert doctest.DocTestRunner().run(example).failed == 0


def test_the_type_marker_is_installed():
    assert Path(neuronio.__file__).with_name("py.typed").is_file()
