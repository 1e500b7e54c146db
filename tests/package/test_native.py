import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neuronio.errors import NeuronIOError
from neuronio.files import lock_file
from neuronio.native import _takes, cache_dir, compiler, load_library
from neuronio.simulation.mechanisms import MOD


def test_a_source_is_compiled_once_and_again_when_it_or_a_header_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "cache"))
    source, header = tmp_path / "f.cpp", tmp_path / "f.h"
    header.write_text("#define STEP 1\n")
    source.write_text('#include "f.h"\nextern "C" double f(double x) { return x + STEP; }\n')

    def call() -> float:
        library = load_library("f", [source], include=[tmp_path])
        library.f.restype, library.f.argtypes = ctypes.c_double, [ctypes.c_double]
        return library.f(1.0)

    assert call() == call() == 2.0
    (compiled,) = (tmp_path / "cache").glob("*.so")
    assert "f.cpp" in compiled.with_name(f"{compiled.name}.log").read_text()
    header.write_text("#define STEP 2\n")
    assert call() == 3.0


def test_a_source_that_does_not_compile_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "f.cpp"
    source.write_text("int f( { }\n")
    with pytest.raises(NeuronIOError, match=r"compiling .* failed: .*error") as told:
        load_library("f", [source])
    log = Path(str(told.value).rpartition(": ")[2].rstrip(")"))
    assert "f.cpp" in log.read_text()


PLAIN = 'extern "C" int bytes() { return 8; }\n'


@pytest.fixture
def plain(tmp_path, monkeypatch):
    """A source that compiles, in a folder of its own, and a fresh cache."""
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "f.cpp").write_text(PLAIN)
    return tmp_path / "f.cpp"


def libraries(tmp_path):
    return list((tmp_path / "cache").glob("*.so"))


def test_where_a_source_lies_makes_no_other_library(plain, tmp_path):
    for name in ("a", "b c", "über"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "f.cpp").write_text(PLAIN)
        assert load_library("f", [folder / "f.cpp"], include=[folder]).bytes() == 8
    assert len(libraries(tmp_path)) == 1


def test_structures_of_another_size_are_refused(plain):
    load_library("f", [plain], sizes={"bytes": 8})
    with pytest.raises(NeuronIOError, match="structures of 8 bytes where 16 are passed"):
        load_library("f", [plain], sizes={"bytes": 16})


def test_other_flags_make_another_library(plain, tmp_path, monkeypatch):
    """Of the same flags, a compiler may have taken fewer before: vectors are then narrower."""
    load_library("f", [plain])
    monkeypatch.setattr("neuronio.native._known", lambda compiler, wished: [])
    load_library("f", [plain])
    assert len(libraries(tmp_path)) == 2


def test_flags_are_tried_where_there_is_no_folder_for_temporary_files(plain, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere")
    assert _takes(compiler(), "-DNOTHING")


def test_flags_that_the_compiler_does_not_know_are_left_out(plain):
    assert load_library("f", [plain], flags=["-fno-such-thing", "-mcpu=none"]).bytes() == 8


def test_a_compiler_that_refuses_openmp_and_native_code_is_told_neither(tmp_path, monkeypatch):
    """As Apple's does, and a cross compiler: what is left runs the loops in one thread."""
    refused = tmp_path / "compiler"
    flags = '*" -fopenmp "*|*" -march=native "*'
    refused.write_text(
        f'#!/bin/sh\ncase " $* " in {flags}) exit 1;; esac\nexec {compiler()} "$@"\n'
    )
    refused.chmod(0o755)
    source = tmp_path / "f.cpp"
    source.write_text(
        'extern "C" int sum(int threads) {\n  int sum = 0;\n'
        "#pragma omp parallel for num_threads(threads) reduction(+ : sum)\n"
        "  for (int i = 0; i < 10; ++i) sum += i;\n  return sum;\n}\n"
    )
    code = (
        "from pathlib import Path\nfrom neuronio.native import _takes, compiler, load_library\n"
        f"print(load_library('f', [Path({str(source)!r})], flags=['-fopenmp']).sum(2))\n"
        "print(_takes(compiler(), '-fopenmp'), _takes(compiler(), '-march=native'))"
    )
    env = {**os.environ, "CXX": str(refused), "NEURONIO_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["45", "False", "False"], done.stderr


def test_a_library_that_cannot_be_loaded_is_one_sentence(plain, tmp_path):
    """A noexec cache and a damaged file say the same."""
    load_library("f", [plain])
    (library,) = libraries(tmp_path)
    library.unlink()
    library.write_bytes(b"nothing")
    code = (
        "from pathlib import Path\nfrom neuronio.native import load_library\n"
        "from neuronio.errors import NeuronIOError\n"
        f"try: load_library('f', [Path({str(plain)!r})])\n"
        "except NeuronIOError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert said.startswith(f"cannot load {library} (")
    assert "set NEURONIO_CACHE" in said
    assert len(said.splitlines()) == 1


def test_a_cache_that_cannot_be_written_to_is_one_sentence(plain, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(NeuronIOError, match=r"cannot write to .*set NEURONIO_CACHE"):
        load_library("f", [plain])


def test_without_a_home_the_cache_must_be_named(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NEURONIO_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(NeuronIOError, match="set NEURONIO_CACHE"):
        cache_dir()


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), NotImplementedError("flock")])
def test_a_file_system_without_locks_is_done_without(error, plain, monkeypatch):
    def refuse(*arguments, **options):
        raise error

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    monkeypatch.setattr("fcntl.flock", refuse)
    assert load_library("f", [plain]).bytes() == 8
    if isinstance(error, OSError):
        with plain.open() as file:
            assert lock_file(file)


def test_processes_that_start_together_compile_once(plain, tmp_path):
    """The compiler is a script that counts how often it compiles a library."""
    count = tmp_path / "count"
    fake = tmp_path / "compiler"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *f.cpp*) echo once >> {count}; sleep 1;; esac\nexec g++ "$@"\n'
    )
    fake.chmod(0o755)
    code = f"""
from pathlib import Path
from neuronio.native import _takes, load_library
print(load_library("f", [Path({str(plain)!r})]).bytes())
"""
    env = {**os.environ, "CXX": str(fake)}
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["8"] * 4
    assert count.read_text().split() == ["once"]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_home_with_odd_letters_and_no_temporary_folder_works(locale, plain, tmp_path):
    """Of a library and, which takes longer, of one mechanism as NEURON's own compiler makes it."""
    home, mod = tmp_path / "Zoë und 王", tmp_path / "mod"
    home.mkdir()
    mod.mkdir()
    shutil.copy(MOD / "Ih.mod", mod)
    env = {k: v for k, v in os.environ.items() if k not in ("NEURONIO_CACHE", "TMPDIR")}
    env |= {"HOME": str(home), "LC_ALL": locale, "LANG": locale, "TMPDIR": str(tmp_path / "none")}
    code = (
        "from neuronio.native import load_library\nfrom pathlib import Path\n"
        "from neuronio.simulation import mechanisms\n"
        f"load_library('f', [Path({str(plain)!r})])\n"
        f"mechanisms.MOD = Path({str(mod)!r})\n"
        "mechanisms.load_mechanisms()\n"
        "print(hasattr(mechanisms.neuron.h, 'Ih'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == "True", done.stderr
    assert list((home / ".cache" / "neuronio").glob("*.so"))
