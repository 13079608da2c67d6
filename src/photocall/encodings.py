"""Known faces from elsewhere: the `encoding` file that scripts around the face_recognition library keep.

It is a pickle, or the same as JSON, of `{"name": [n names], "encoding": [n times 128 numbers]}`. Such a file may come
from anybody, so nothing in it is run: `pickles` describes it, and the vectors are taken out of numpy's descriptions.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from photocall.engine.packs import DLIB_PACK
from photocall.errors import EncodingsUnreadable
from photocall.faces import FloatArray
from photocall.media.files import read_file, reason
from photocall.pickles import Call, Name, read_pickle
from photocall.students import clean_name

DIMENSION = 128
"""Numbers in an encoding of dlib's network, which face_recognition uses."""

MODEL, PACK = "dlib-resnet-v1", DLIB_PACK
"""The embedding space of such encodings, and the pack that makes more of them."""

MAX_BYTES = 64 * 2**20
"""Largest file, in bytes."""

MAX_ENCODINGS = MAX_BYTES // (8 * DIMENSION)
"""As many as fill the largest file. A small file can name one encoding many times, and each becomes its own array."""

MAX_PARTS = 2_000_000
"""Numbers, texts and lists in a file: 15,000 encodings as plain lists. They take at most some 200 MB."""

_CORE = ("numpy.core", "numpy._core")  # numpy 1 and 2
_RECONSTRUCT = frozenset(Name(f"{core}.multiarray", "_reconstruct") for core in _CORE)
_SCALAR = frozenset(Name(f"{core}.multiarray", "scalar") for core in _CORE)
_FROM_BUFFER = frozenset(Name(f"{core}.numeric", "_frombuffer") for core in _CORE)  # protocol 5
_ENCODE = Name("_codecs", "encode")  # bytes before protocol 3
_NDARRAY, _DTYPE = Name("numpy", "ndarray"), Name("numpy", "dtype")
_NAMES = _RECONSTRUCT | _SCALAR | _FROM_BUFFER | {_ENCODE, _NDARRAY, _DTYPE}


def read_encodings(source: Path) -> list[tuple[str, FloatArray]]:
    """The faces in an `encoding` file: (name, encoding), in its order; a name may come several times.

    Returns:
        Names in NFC without white space around them; encodings float32, shape (128,), finite.

    Raises:
        EncodingsUnreadable: it is no such file, is damaged, or wants to run something; nothing in it was run.
    """
    try:
        return _encodings(_content(read_file(source, MAX_BYTES)))
    except OSError as error:
        raise EncodingsUnreadable(str(source), reason(error)) from error
    except ValueError as error:
        raise EncodingsUnreadable(str(source), str(error)) from error


def _content(data: bytes) -> object:
    # No pickle starts with a brace or a bracket.
    if data[:100].decode("utf-8-sig", "ignore").lstrip().startswith(("{", "[")):
        return _json(data)
    return read_pickle(data, _NAMES, MAX_PARTS)


def _json(data: bytes) -> object:
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_PARTS:
        raise ValueError(f"it has more than {MAX_PARTS:,} parts")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from error


def _encodings(content: object) -> list[tuple[str, FloatArray]]:
    names, vectors = _columns(content)
    if len(names) != len(vectors):
        raise ValueError(f"it has {len(names)} names, but {len(vectors)} encodings")
    if not 0 < len(names) <= MAX_ENCODINGS:
        raise ValueError(f"it has {len(names):,} encodings; 1 to {MAX_ENCODINGS:,} are read")
    return [_encoding(*pair) for pair in enumerate(zip(names, vectors, strict=True), start=1)]


def _columns(content: object) -> tuple[list[Any], list[Any]]:
    match content:
        case {"name": list() as names, "encoding": list() as vectors}:
            return names, vectors
    raise ValueError('it is not of the form {"name": [...], "encoding": [...]}')


def _encoding(number: int, pair: tuple[object, object]) -> tuple[str, FloatArray]:
    name, vector = pair
    try:
        if not isinstance(name, str):
            raise ValueError("the name is not text")
        return clean_name(name), _vector(vector)
    except ValueError as error:
        raise ValueError(f"number {number}: {error}") from error


def _vector(described: object) -> FloatArray:
    exact = _array(described) if isinstance(described, Call) else _list(described)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        vector = exact.astype(np.float32)
    if not np.isfinite(vector).all():
        raise ValueError("the encoding is not made of finite numbers")
    return vector


def _list(described: object) -> np.ndarray[Any, np.dtype[np.float64]]:
    if not isinstance(described, (list, tuple)) or len(described) != DIMENSION:
        raise ValueError(f"the encoding is not a list of {DIMENSION} numbers")
    return np.array([_number(item) for item in described], dtype=np.float64)


def _number(described: object) -> float:
    if isinstance(described, Call) and described.function in _SCALAR and len(described.arguments) == 2:
        kind, data = described.arguments
        return float(_floats(kind, data, 1)[0])
    if isinstance(described, bool) or not isinstance(described, (int, float)):
        raise ValueError("the encoding holds something that is not a number")
    try:
        return float(described)
    except OverflowError as error:
        raise ValueError("the encoding is not made of finite numbers") from error


def _array(described: Call) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    match described:
        case Call(function, (Name(), (0,), _), (1, shape, kind, bool(), data)) if function in _RECONSTRUCT:
            pass
        case Call(function, (data, kind, shape, "C" | "F"), None) if function in _FROM_BUFFER:
            pass
        case _:
            raise ValueError("the encoding is not a list or an array")
    if shape != (DIMENSION,):
        raise ValueError(f"the encoding is not an array of {DIMENSION} numbers")
    return _floats(kind, data, DIMENSION)


def _floats(kind: object, data: object, count: int) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    """`count` numbers from numpy's description of their type, and their bytes."""
    dtype, content = _dtype(kind), _bytes(data, count)
    if len(content) != count * dtype.itemsize:
        raise ValueError(f"the encoding has {len(content)} bytes, not {count * dtype.itemsize}")
    return np.frombuffer(content, dtype)


def _dtype(described: object) -> np.dtype[Any]:
    match described:
        case Call(function, ("f4" | "f8" as size, _, _), (_, "<" | ">" as order, *_)) if function == _DTYPE:
            return np.dtype(f"{order}{size}")
    raise ValueError("the encoding is not made of numbers with 4 or 8 bytes")


def _bytes(described: object, count: int) -> bytes | bytearray:
    match described:
        case bytes() | bytearray():
            return described
        case Call(function, (str() as text, "latin1"), None) if function == _ENCODE and len(text) <= 8 * count:
            return text.encode("latin1")
    raise ValueError("the encoding has no bytes, or too many")
