"""Hostile pickles: nothing runs, nothing is imported, and the refusal names what was asked for."""

import builtins
import copyreg
import os
import pickle
import resource
import struct
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuronio.data.pickles import dump_plain, load_plain
from neuronio.errors import NeuronIOError


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def raw_global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


ARRAY = raw_global("numpy.core.multiarray", "_reconstruct") + raw_global("numpy", "ndarray")
ARRAY += b"K\x00\x85U\x01b\x87R"
DTYPE_F8 = raw_global("numpy", "dtype") + b"U\x02f8K\x00K\x01\x87R"


def array_with(state: bytes) -> bytes:
    return b"\x80\x02" + ARRAY + b"(K\x01" + state + b"tb."


HOSTILE = {
    "os.system": (pickle.dumps(Calls(os.system, "touch {mark}")), r"posix.system|nt.system"),
    "eval": (pickle.dumps(Calls(builtins.eval, "open('{mark}', 'w')"), 2), "__builtin__.eval"),
    "exec in a list": (pickle.dumps([1, {"Params": Calls(exec, "1")}]), "builtins.exec"),
    "getattr": (b"\x80\x02cbuiltins\ngetattr\n.", "builtins.getattr"),
    "numpy load gadget": (b"\x80\x02" + raw_global("numpy", "load") + b"X\x01\x00\x00\x00x\x85R.",
                          "numpy.load"),
    "numpy f2py gadget": (b"\x80\x02" + raw_global("numpy.f2py.crackfortran", "getlincoef") + b".",
                          "numpy.f2py"),
    "numpy testing runstring": (
        b"\x80\x02" + raw_global("numpy.testing._private.utils", "runstring") + b".",
        "runstring",
    ),
    "dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "ndarray.tofile"),
    "dotted module": (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", "builtins.eval"),
    "INST": (b"(S'ls'\nios\nsystem\n.", "os.system"),
    "persistent id": (b"\x80\x02U\x03abcQ.", "persistent"),
    "object array by dtype": (
        array_with(b"K\x01\x85" + raw_global("numpy", "dtype") + b"U\x02O8K\x00K\x01\x87R\x89]"),
        "dtype",
    ),
    "object array by state": (array_with(b"K\x01\x85" + DTYPE_F8 + b"\x89]"), "Python objects"),
    "structured dtype": (
        b"\x80\x02" + raw_global("numpy", "dtype") + b"U\x02V8K\x00K\x01\x87R.", "V8"),
    "fields smuggled into a dtype": (
        b"\x80\x02" + DTYPE_F8 + b"(K\x03U\x01<N(U\x01at}U\x01aK\x01sJ\xff\xff\xff\xffJ\xff\xff"
        b"\xff\xffK\x00tb.",
        "structured",
    ),
    "shape beyond its bytes": (
        array_with(struct.pack("<ci", b"J", 2**30) + b"\x85" + DTYPE_F8 + b"\x89U\x08abcdefgh"),
        "8 bytes",
    ),
    "negative shape": (
        array_with(b"J\xff\xff\xff\xff\x85" + DTYPE_F8 + b"\x89U\x00"), "shape"),
    "ndarray as a function": (
        b"\x80\x02" + raw_global("numpy", "ndarray") + b"J\x00\x00\x00\x7f\x85\x85R.", "ndarray"),
    "ndarray by NEWOBJ": (
        b"\x80\x02" + raw_global("numpy", "ndarray") + b"J\x00\x00\x00\x7f\x85\x85\x81.",
        "ndarray",
    ),
    "array of another type": (
        b"\x80\x02" + raw_global("numpy.core.multiarray", "_reconstruct")
        + raw_global("numpy", "dtype") + b"K\x00\x85U\x01b\x87R.",
        "other than numpy.ndarray",
    ),
    "codec that is a program": (
        b"\x80\x02" + raw_global("_codecs", "encode") + b"X\x01\x00\x00\x00xU\x03zip\x86R.", "zip"),
    "state set on an admitted name": (
        b"\x80\x02" + raw_global("numpy.core.multiarray", "scalar")
        + b"N}U\x08__doc__U\x01ys\x86b.",
        "not a sound pickle",
    ),
    "extension registry": (b"\x80\x02\x82\xf0.", "not a sound pickle"),
    "not a pickle": (b"PK\x03\x04 hello", "not a sound pickle"),
    "cut short": (pickle.dumps({"Params": [1, 2, 3] * 100})[:-50], "not a sound pickle"),
    "empty": (b"", "not a sound pickle"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickle_is_refused_by_name(tmp_path, name):
    content, says = HOSTILE[name]
    mark = tmp_path / "ran"
    path = tmp_path / "hostile.p"
    path.write_bytes(content.replace(b"{mark}", str(mark).encode()[: len(b"{mark}")]))
    before = set(sys.modules)
    with pytest.raises(NeuronIOError, match=says) as refusal:
        load_plain(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert set(sys.modules) == before
    assert not mark.exists()


def test_a_call_that_would_leave_a_file_leaves_none(tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "hostile.p"
    path.write_bytes(pickle.dumps({"Params": Calls(os.system, f"touch {mark}")}))
    with pytest.raises(NeuronIOError, match="system"):
        load_plain(path)
    assert not mark.exists()
    pickle.loads(path.read_bytes())  # the same file does run when read without care
    assert mark.exists()


def test_extension_codes_lead_to_the_same_refusal(tmp_path):
    copyreg.add_extension("os", "system", 240)
    try:
        path = tmp_path / "hostile.p"
        path.write_bytes(b"\x80\x02\x82\xf0.")
        with pytest.raises(NeuronIOError, match=r"os\.system"):
            load_plain(path)
    finally:
        copyreg.remove_extension("os", "system", 240)


@pytest.mark.skipif(sys.platform != "linux", reason="the memory limit needs /proc and RLIMIT_AS")
def test_a_small_file_cannot_take_all_memory(tmp_path):
    path = tmp_path / "bomb.p"
    path.write_bytes(b"\x80\x02]r\xff\xff\xff\x7f.")  # a memo of 2**31 places: 32 GiB
    limit = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(NeuronIOError, match="memory"):
        load_plain(path)
    assert resource.getrlimit(resource.RLIMIT_AS) == limit


NUMBERS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
ARRAYS = hnp.arrays(
    hnp.integer_dtypes() | hnp.floating_dtypes(endianness="=") | hnp.boolean_dtypes(),
    hnp.array_shapes(min_dims=0, min_side=0),
)
PLAIN = st.recursive(
    NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@settings(max_examples=60)
@given(PLAIN)
def test_plain_data_come_back_as_they_were(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("plain") / "x.p"
    with open(path, "wb") as file:
        dump_plain(value, file.write)
    assert load_plain(path) == value
    assert pickle.loads(path.read_bytes()) == value


@settings(max_examples=60)
@given(ARRAYS)
def test_arrays_come_back_bit_for_bit(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("plain") / "x.p"
    with open(path, "wb") as file:
        dump_plain({"a": array}, file.write)
    for found in (load_plain(path)["a"], pickle.loads(path.read_bytes())["a"]):
        assert found.shape == array.shape
        assert found.dtype == array.dtype.newbyteorder("<")
        assert np.ascontiguousarray(found).tobytes() == array.astype(found.dtype).tobytes()


@settings(max_examples=60)
@given(ARRAYS, st.sampled_from([2, 3, 4, 5]))
def test_reads_what_numpy_itself_pickles(tmp_path_factory, array, protocol):
    path = tmp_path_factory.mktemp("plain") / "x.p"
    content = [array, array.T, *array.ravel()[:3]]
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    for found, wanted in zip(load_plain(path), pickle.loads(path.read_bytes()), strict=True):
        assert found.dtype.newbyteorder("=") == wanted.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, wanted)


def test_reads_a_pickle_as_python_2_and_old_numpy_wrote_it(tmp_path):
    """Native Python 2 strings for keys and for the array's bytes, with bytes beyond ASCII."""
    raw = np.array([-76.0, 1.5], dtype="<f8").tobytes()
    state = b"K\x02\x85" + DTYPE_F8 + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = ARRAY + b"(K\x01" + state + b"\x89U\x10" + raw + b"tb"
    path = tmp_path / "old.p"
    path.write_bytes(b"\x80\x02}q\x01(U\x04somaq\x02" + array + b"U\x01nI42\nu.")
    content = load_plain(path)
    assert content["n"] == 42
    assert content["soma"].tolist() == [-76.0, 1.5]


def test_refuses_to_write_what_is_not_plain():
    with pytest.raises(NeuronIOError, match="object"):
        dump_plain(np.array([object()]), lambda _: None)
    with pytest.raises(NeuronIOError, match="set"):
        dump_plain({1, 2}, lambda _: None)
