import ctypes

import pytest

from neuronio.errors import NeuronIOError
from neuronio.native import load_library


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
    assert len(list((tmp_path / "cache").iterdir())) == 1
    header.write_text("#define STEP 2\n")
    assert call() == 3.0


def test_a_source_that_does_not_compile_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "f.cpp"
    source.write_text("int f( { }\n")
    with pytest.raises(NeuronIOError, match=r"compiling .* failed: .*error"):
        load_library("f", [source])
