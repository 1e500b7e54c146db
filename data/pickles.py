"""Pickles from strangers: read plain data without running anything, write what Python 2 can read.

A pickle is a program. The reader admits numpy arrays, numpy numbers and plain containers, rebuilds
the arrays itself from their checked bytes, and refuses every other name. The writer emits protocol
2 with the numpy names of old, so that any Python and any numpy reads it.
"""

from __future__ import annotations

import contextlib
import pickle
import re
import resource
import struct
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.errors import NeuronIOError, reason

MEMORY_PER_BYTE = 32
MEMORY_FLOOR = 1 << 30

_PLAIN_DTYPE = re.compile(r"[<>=|]?([biufc?]\d{0,2}|[SUa]\d{0,6})")


class Refused(pickle.UnpicklingError):
    """A pickle asked for something other than plain data."""


class _Admitted:
    """Base of what stands in for numpy's names: classes without state that a pickle could set."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise Refused("state for an object that has none")


class _Dtype(_Admitted):
    """Stands in for numpy.dtype: numbers and fixed-length strings only."""

    __slots__ = ("value",)

    def __init__(self, spec: str | bytes, align: Any = False, copy: Any = True):
        text = spec.decode("latin1") if isinstance(spec, bytes) else spec
        if not isinstance(text, str) or not _PLAIN_DTYPE.fullmatch(text):
            raise Refused(f"arrays of dtype {text!r}")
        self.value = np.dtype(text)

    def __setstate__(self, state: tuple) -> None:
        _, order, subtype, names, dtype_fields = state[:5]
        if any(part is not None for part in (subtype, names, dtype_fields)):
            raise Refused("arrays of structured dtype")
        letter: Any = order.decode("latin1") if isinstance(order, bytes) else order
        self.value = self.value.newbyteorder(letter)


class _Array(np.ndarray):
    """Stands in for numpy.ndarray: filled only from bytes that fit its shape."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> _Array:
        raise Refused("numpy.ndarray called as a function")

    def __setstate__(self, state: tuple) -> None:
        shape, dtype, fortran, raw = state[-4:]
        if not isinstance(dtype, _Dtype):
            raise Refused("an array without a dtype")
        raw = _raw(raw)
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            raise Refused(f"an array of shape {shape!r}")
        if len(raw) != prod(shape) * dtype.value.itemsize:
            raise Refused(f"an array of shape {shape} with {len(raw)} bytes")
        # numpy's stub wants a numpy.bool, which numpy itself refuses here.
        whole = (1, tuple(shape), dtype.value, bool(fortran), raw)
        super().__setstate__(whole)  # type: ignore[arg-type]


class _Reconstruct(_Admitted):
    """Stands in for numpy.core.multiarray._reconstruct: an empty array, to be filled."""

    def __new__(cls, subtype: type, shape: Any, typecode: Any) -> Any:
        if subtype is not _Array:
            raise Refused("an array of a type other than numpy.ndarray")
        return np.ndarray.__new__(_Array, (0,), np.uint8)


class _Scalar(_Admitted):
    """Stands in for numpy.core.multiarray.scalar."""

    def __new__(cls, dtype: _Dtype, raw: Any = b"") -> Any:
        if not isinstance(dtype, _Dtype):
            raise Refused("a number without a dtype")
        return np.frombuffer(_raw(raw), dtype.value, count=1)[0]


class _FromBuffer(_Admitted):
    """Stands in for numpy.core.numeric._frombuffer, which newer pickles use."""

    def __new__(cls, raw: Any, dtype: _Dtype, shape: tuple, order: Any = "C") -> Any:
        array = np.ndarray.__new__(_Array, (0,), np.uint8)
        _Array.__setstate__(array, (shape, dtype, order == "F", bytes(raw)))
        return array


class _Encode(_Admitted):
    """Stands in for _codecs.encode, by which Python 3 puts bytes into protocol 2."""

    def __new__(cls, text: str, encoding: str = "latin1") -> Any:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1", b"latin1"):
            raise Refused(f"_codecs.encode to {encoding!r}")
        return text.encode("latin1")


class _NoBytes(_Admitted):
    """Stands in for bytes called with nothing, which is how protocol 2 says b''."""

    def __new__(cls) -> Any:
        return b""


_ADMITTED: dict[tuple[str, str], type] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Encode,
    ("__builtin__", "bytes"): _NoBytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _FromBuffer for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise Refused("a persistent object")


def load_plain(path: str | Path) -> Any:
    """Read a pickle that holds only numpy arrays and numbers, strings and plain containers.

    Strings of Python 2 are read as latin1. While it reads, the process may take only a multiple of
    the file's size in memory, so that a small file cannot ask for all there is.

    Raises:
        NeuronIOError: the file is missing or no pickle, or asks for anything else (named).
    """
    path = Path(path)
    try:
        with open(path, "rb") as file, _memory_limit(path.stat().st_size):
            return _Unpickler(file, fix_imports=False, encoding="latin1").load()
    except OSError as error:
        raise NeuronIOError(f"cannot read {path}: {reason(error)}") from error
    except Refused as error:
        raise NeuronIOError(
            f"{path} was refused: it asks for {error}, but a NeuronIO pickle holds only numpy "
            "arrays and plain containers; do not open it with pickle either"
        ) from error
    except MemoryError as error:
        raise NeuronIOError(f"{path} was refused: it asks for more memory than it holds") from error
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise NeuronIOError(f"{path} is not a sound pickle ({why})") from error


@contextlib.contextmanager
def _memory_limit(size: int) -> Iterator[None]:
    """Cap the process's address space at what it has, plus a multiple of `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        yield
        return
    limit = pages * resource.getpagesize() + MEMORY_FLOOR + MEMORY_PER_BYTE * size
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _raw(raw: Any) -> bytes:
    if isinstance(raw, str):
        return raw.encode("latin1")
    if not isinstance(raw, bytes):
        raise Refused("an array of Python objects")
    return raw


def dump_plain(value: Any, write: Callable[[bytes], Any]) -> None:
    """Write plain data as a pickle of protocol 2 that Python 2 and 3 and every numpy read.

    Takes None, booleans, numbers, strings, lists, dicts and numpy arrays of numbers; tuples and
    iterators are written as lists. Nothing is memoised, so it streams: `write` gets one part at a
    time.

    Raises:
        NeuronIOError: the data hold something else.
    """
    write(b"\x80\x02")
    _emit(value, write)
    write(b".")


def _emit(value: Any, write: Callable[[bytes], Any]) -> None:
    if isinstance(value, np.ndarray):
        _emit_array(value, write)
    elif isinstance(value, dict):
        write(b"}(")
        for key, item in value.items():
            _emit(key, write)
            _emit(item, write)
        write(b"u")
    elif isinstance(value, list) and _all_int32(value):
        record = np.empty(len(value), dtype=[("op", "S1"), ("value", "<i4")])
        record["op"], record["value"] = b"J", value
        write(b"](" + record.tobytes() + b"e")
    elif isinstance(value, list | tuple | Iterator):
        write(b"](")
        for item in value:
            _emit(item, write)
        write(b"e")
    else:
        write(_atom(value))


def _all_int32(values: list) -> bool:
    return all(type(v) is int and -(2**31) <= v < 2**31 for v in values)


def _atom(value: Any) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool | np.bool_):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int | np.integer):
        value = int(value)
        if -(2**31) <= value < 2**31:
            return struct.pack("<ci", b"J", value)
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return struct.pack("<cB", b"\x8a", len(raw)) + raw
    if isinstance(value, float | np.floating):
        return struct.pack(">cd", b"G", float(value))
    if isinstance(value, str):
        raw = value.encode()
        if value.isascii() and len(raw) < 256:
            return struct.pack("<cB", b"U", len(raw)) + raw
        return struct.pack("<cI", b"X", len(raw)) + raw
    raise NeuronIOError(f"cannot write a {type(value).__name__} to a pickle of plain data")


def _emit_array(array: np.ndarray, write: Callable[[bytes], Any]) -> None:
    kind = array.dtype
    if kind.kind not in "biufcS":
        raise NeuronIOError(f"cannot write an array of {kind} to a pickle of plain data")
    order = b"|" if kind.byteorder == "|" else b"<"
    array = array.astype(kind.newbyteorder("<"), order="C")
    write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01(")
    for n in array.shape:
        write(_atom(int(n)))
    write(b"tcnumpy\ndtype\n" + _atom(kind.str[1:]) + b"K\x00K\x01\x87R")
    item = kind.itemsize if kind.kind == "S" else -1
    write(b"(K\x03U\x01" + order + b"NNN" + _atom(item) + _atom(1 if item > 0 else -1) + b"K\x00tb")
    text = array.tobytes().decode("latin1").encode()
    write(b"\x89c_codecs\nencode\nX" + struct.pack("<I", len(text)))
    write(text)
    write(b"X\x06\x00\x00\x00latin1\x86Rtb")
