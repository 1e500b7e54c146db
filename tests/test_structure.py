"""The house: arrows that point one way, no circles, all packages installed, small files."""

import ast
import os
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import neuronio

ROOT = Path(__file__).parents[1]
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FOLDERS = {package: ROOT / folder for package, folder in SETUP["package-dir"].items()}
# What the rooms may import beside themselves; the command and the public interface are doors.
BELOW = {
    "neuronio.data": {"neuronio"},
    "neuronio.simulation": {"neuronio", "neuronio.data"},
    "neuronio.surrogate": {"neuronio", "neuronio.data"},
}
LONGEST_FILE = 400
WRITTEN_BY_A_PROGRAM = {
    "config.schema.yaml",
    "long_horizon.schema.yaml",
    "requirements.lock",
}


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(p for p in parts if p != "__init__")])] = path
    return found


MODULES = modules()


def imported(module: str) -> set[str]:
    """The modules of the package that a module imports, at its top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inside & set(MODULES) or {node.module}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & set(MODULES) - {module}


def room(module: str) -> str:
    """The room that a module is in."""
    return max((name for name in FOLDERS if f"{module}.".startswith(f"{name}.")), key=len)


def test_a_script_imports_the_same_file_wherever_it_runs():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    shared = [ROOT / name for name in tool["pytest"]["ini_options"]["pythonpath"]]
    for folder in {*shared, ROOT / "docs", ROOT / "benchmarks"}:
        for path in folder.glob("*.py"):
            tree = ast.walk(ast.parse(path.read_text()))
            names = {n.module for n in tree if isinstance(n, ast.ImportFrom) and n.module}
            for name in names:
                files = {f for place in [folder, *shared] if (f := place / f"{name}.py").exists()}
                assert len(files) < 2, f"{path} imports {name}, which may be any of {files}"
    # A folder of this name would be taken for the package when pytest is called on its own.
    assert not [folder for folder in shared if (folder / "neuronio").exists()]


def test_no_two_files_import_each_other_in_a_circle():
    TopologicalSorter({module: imported(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("name", BELOW)
def test_arrows_point_down(name):
    for module in (m for m in MODULES if room(m) == name):
        above = {i for i in imported(module) if room(i) not in BELOW[name] | {name}}
        doors = {i for i in imported(module) if i == "neuronio" or i.startswith("neuronio.command")}
        assert not above | doors, module


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("neuronio.command.app", {"torch", "neuron", "h5py"}),
        ("neuronio.data.verify", {"torch", "neuron"}),
        ("neuronio.simulation.dataset", {"torch", "neuron"}),
        ("neuronio.simulation.engines.ensemble.engine", {"torch"}),
        ("neuronio.surrogate.api", {"neuron"}),
        ("neuronio.surrogate.figures.drawn", {"torch", "neuron"}),
        ("plan", {"torch", "neuron", "matplotlib", "sklearn"}),
        ("task_plan", {"torch", "neuron", "matplotlib", "sklearn"}),
        ("cost", {"torch", "neuron", "matplotlib", "sklearn"}),
        ("neuronio.surrogate.evaluate", {"neuron", "sklearn", "scipy.stats", "matplotlib.figure"}),
    ],
)
def test_nothing_heavy_comes_along(module, forbidden):
    code = f"import sys, {module}; sys.exit(', '.join({forbidden} & set(sys.modules)) or 0)"
    folders = (ROOT / "workflow", ROOT / "workflow" / "scripts")
    scripts = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=scripts, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_every_package_is_installed():
    folders = {path.parent for path in MODULES.values() if path.name == "__init__.py"}
    packages = {m for m, path in MODULES.items() if path.name == "__init__.py"}
    assert set(SETUP["packages"]) == packages
    assert folders == {path.parent for path in MODULES.values()}, "a folder lacks __init__.py"


def tracked(*pattern: str) -> list[Path]:
    """The files of the repository; it cannot be told where there is none."""
    listed = subprocess.run(["git", "ls-files", *pattern], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no clone: git lists no files")
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_no_file_is_long():
    paths = tracked()
    assert Path(__file__) in paths
    for path in paths:
        readable = path.suffix in {".py", ".h", ".cpp", ".mod", ".smk", ".md", ".yaml"}
        if readable and path.is_file() and path.name not in WRITTEN_BY_A_PROGRAM:
            assert len(path.read_text().splitlines()) <= LONGEST_FILE, path


def defined(module: str) -> set[str]:
    """Names that a module gives to what imports it: its own, those it imports, its submodules."""
    names = {m.rpartition(".")[2] for m in MODULES if m.rpartition(".")[0] == module}
    tree = ast.parse(MODULES[module].read_text())
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
    return names


def test_what_scripts_import_exists():
    """Benchmarks, examples and scripts of rules run in no test of their own: they would rot."""
    paths = tracked("*.py")
    assert Path(__file__) in paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in MODULES:
                # The public interface looks its names up when they are asked for.
                known = set(neuronio.__all__) if node.module == "neuronio" else set()
                missing = {alias.name for alias in node.names} - defined(node.module) - known
                assert not missing, f"{path.relative_to(ROOT)}: {node.module} has no {missing}"
