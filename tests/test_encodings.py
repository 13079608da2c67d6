"""Files of known faces, honest ones in every shape and hostile ones."""

import codecs
import copyreg
import importlib
import io
import json
import operator
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photocall import encodings
from photocall.encodings import read_encodings
from photocall.errors import EncodingsUnreadable

VECTORS = np.random.default_rng(4).normal(scale=0.1, size=(3, 128))
NAMES = ["ada", "Zoë 李", "ada"]

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: bytes) -> Path:
        path = tmp_path / "encoding"
        path.write_bytes(content)
        return path

    return written


def refusal(path: Path) -> str:
    with pytest.raises(EncodingsUnreadable) as caught:
        read_encodings(path)
    assert caught.value.source == str(path)
    return caught.value.reason


def content(vectors: object, names: object = NAMES) -> dict[str, object]:
    return {"name": names, "encoding": vectors}


# --- honest files


def test_the_classroom_assistants_own_file_holds_what_its_plain_copy_holds(eval_data: Path) -> None:
    folder = eval_data / "classroom-videos"
    pickled, plain = read_encodings(folder / "encoding"), json.loads((folder / "encoding.json").read_text())
    assert [name for name, _ in pickled] == plain["name"]
    assert len(pickled) == 11
    for (_, vector), expected in zip(pickled, plain["encoding"], strict=True):
        assert np.array_equal(vector, np.array(expected, np.float32))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "vectors",
    [
        list(VECTORS),
        list(np.asfortranarray(VECTORS)),
        list(VECTORS.astype(np.float32)),
        list(VECTORS.astype(">f8")),
        VECTORS.tolist(),
        [tuple(row) for row in VECTORS.tolist()],
        [list(row) for row in VECTORS],
        [list(row) for row in VECTORS.astype(np.float32)],
    ],
    ids=["arrays", "strided", "float32", "big-endian", "lists", "tuples", "scalars", "float32 scalars"],
)
@pytest.mark.parametrize("numpy_1", [False, True], ids=["numpy 2", "numpy 1"])
def test_every_shape_that_python_can_pickle_is_read(
    write: Write, vectors: list[Any], protocol: int, numpy_1: bool
) -> None:
    pickled = pickle.dumps(content(vectors), protocol)
    if numpy_1:
        pickled = as_numpy_1_names_it(pickled)
    read = read_encodings(write(pickled))
    assert [name for name, _ in read] == NAMES
    for (_, vector), expected in zip(read, VECTORS, strict=True):
        assert vector.dtype == np.float32
        assert np.array_equal(vector, expected.astype(np.float32))


def as_numpy_1_names_it(pickled: bytes) -> bytes:
    """Its core had no underscore; the lengths before the names change with it."""
    for module in (b"numpy._core.multiarray", b"numpy._core.numeric"):
        old = module.replace(b"_core", b"core")
        pickled = pickled.replace(b"\x8c" + bytes([len(module)]) + module, b"\x8c" + bytes([len(old)]) + old)
        pickled = pickled.replace(b"c" + module + b"\n", b"c" + old + b"\n")
    if pickled[2:3] == b"\x95":  # a frame, whose length is now wrong; it may as well be left out
        pickled = pickled[:2] + pickled[11:]
    assert b"_core" not in pickled
    return pickled


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8, b" \n"])
def test_the_same_as_json_is_read(write: Write, mark: bytes) -> None:
    read = read_encodings(write(mark + json.dumps(content(VECTORS.tolist())).encode()))
    assert [name for name, _ in read] == NAMES
    assert all(np.array_equal(vector, row.astype(np.float32)) for (_, vector), row in zip(read, VECTORS, strict=True))


def test_names_are_normalised_as_a_students_file_is(write: Write) -> None:
    read = read_encodings(write(pickle.dumps(content(list(VECTORS[:1]), [" Zoe\u0308 "]))))
    assert read[0][0] == "Zoë"


# --- files that are wrong


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ([1, 2], "not of the form"),
        ({"name": ["ada"]}, "not of the form"),
        ({"encoding": list(VECTORS)}, "not of the form"),
        (content({}, []), "not of the form"),
        (content(VECTORS[0], ["ada"]), "not of the form"),
        (content([], []), "0 encodings"),
        (content(list(VECTORS), ["ada"]), "1 names, but 3 encodings"),
        (content(list(VECTORS), ["ada", 7, "bob"]), "number 2: the name is not text"),
        (content(list(VECTORS), ["ada", "bob", " "]), "number 3: the name is missing"),
        (content(list(VECTORS), ["ada", "bob", "a\x00b"]), "number 3: the name .* control character"),
        (content([VECTORS[0, :64]], ["ada"]), "number 1: .*128 numbers"),
        (content([VECTORS], ["ada"]), "number 1: .*128 numbers"),
        (content([VECTORS[0].tolist() * 2], ["ada"]), "number 1: .*128 numbers"),
        (content([[]], ["ada"]), "number 1: .*128 numbers"),
        (content([None], ["ada"]), "number 1: .*128 numbers"),
        (content([["x"] * 128], ["ada"]), "not a number"),
        (content([[True] * 128], ["ada"]), "not a number"),
        (content([[10**400] * 128], ["ada"]), "finite"),
        (content([np.full(128, np.nan)], ["ada"]), "finite"),
        (content([[float("inf")] * 128], ["ada"]), "finite"),
        (content([np.full(128, 1e300)], ["ada"]), "finite"),
        (content([np.arange(128)], ["ada"]), "4 or 8 bytes"),
        (content([np.zeros(128, complex)], ["ada"]), "4 or 8 bytes"),
        (content([np.full(128, None)], ["ada"]), "4 or 8 bytes"),
        (content([np.array(["x"] * 128)], ["ada"]), "4 or 8 bytes"),
        (content([np.zeros(128, "f8,f4")], ["ada"]), "4 or 8 bytes"),
        (content([np.float64(1)], ["ada"]), "not a list or an array"),
    ],
)
def test_what_is_wrong_is_told_and_where(write: Write, wrong: object, reason: str) -> None:
    with pytest.raises(EncodingsUnreadable, match=reason):
        read_encodings(write(pickle.dumps(wrong)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "not JSON"),
        (b"{}", "not of the form"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"0," * 2_000_000 + b"0]", "more than 2,000,000 parts"),
        (b'{"name": ["a"], "encoding": [[' + b"NaN," * 127 + b"1]]}", "finite"),
        (b'{"name": ["a"], "encoding": [[' + b"1e999," * 127 + b"1]]}", "finite"),
        (b'{"name": ["\\ud83d"], "encoding": [[' + b"0," * 127 + b"1]]}", "control character"),
        (b'{"name": [\xff', "not JSON"),
        (b"name;encoding\n", "not a pickle"),
        (b"\x89PNG\r\n\x1a\n", "not a pickle"),
        (b"", "empty"),
    ],
    ids=range(11),
)
def test_what_is_no_such_file_is_told(write: Write, text: bytes, reason: str) -> None:
    assert reason in refusal(write(text))


def test_a_file_that_is_missing_or_is_a_folder_is_named(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nowhere")
    assert "directory" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a plain file" in refusal(tmp_path / "pipe")


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "encoding"
    with huge.open("wb") as file:
        file.truncate(2**40)  # holes alone: it takes no room on the disk
    start = time.perf_counter()
    assert "larger than 64 MiB" in refusal(huge)
    assert time.perf_counter() - start < 1


def test_one_encoding_named_a_million_times_is_refused(write: Write) -> None:
    crowd = [VECTORS[0]] * (encodings.MAX_ENCODINGS + 1)
    assert "1 to 65,536 are read" in refusal(write(pickle.dumps(content(crowd, ["ada"] * len(crowd)))))


@pytest.mark.parametrize("protocol", [0, 3, 5])
def test_a_file_cut_short_anywhere_is_refused(write: Write, protocol: int) -> None:
    whole = pickle.dumps(content(list(VECTORS)), protocol)
    for end in range(1, len(whole), 97):
        assert refusal(write(whole[:end])) == "it is not a pickle, or it is cut short"


# --- hostile files


class Calls:
    """Pickled, it asks whoever reads it to call `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self._asked = function, arguments

    def __reduce__(self) -> Any:
        return self._asked


def touch(path: Path) -> str:
    return f"open({str(path)!r}, 'w').close()"


HOSTILE: dict[str, Callable[[Path], object]] = {
    "os.system": lambda canary: Calls(os.system, f"touch {canary}"),
    "subprocess": lambda canary: Calls(subprocess.check_call, ["touch", str(canary)]),
    "eval": lambda canary: Calls(eval, touch(canary)),
    "exec": lambda canary: Calls(exec, touch(canary)),
    "open": lambda canary: Calls(open, str(canary), "w"),
    "getattr": lambda canary: Calls(getattr, Calls(importlib.import_module, "os"), "system"),
    "import": lambda canary: Calls(__import__, "antigravity"),
    "operator": lambda canary: Calls(operator.methodcaller, "touch"),
    "numpy load": lambda canary: Calls(np.load, str(canary), None, True),
    "numpy memmap": lambda canary: Calls(np.memmap, str(canary), "u1", "w+", 0, (1,)),
    "numpy fromfile": lambda canary: Calls(np.fromfile, "/etc/hostname", "u1"),
    "copyreg": lambda canary: Calls(copyreg._reconstructor, Path, object, None),  # type: ignore[attr-defined]
    "add_extension": lambda canary: Calls(copyreg.add_extension, "os", "system", 1),
    "codecs file": lambda canary: Calls(codecs.open, str(canary), "w"),
    "io": lambda canary: Calls(io.FileIO, str(canary), "w"),
    "type": lambda canary: Calls(type, "Face", (), {}),
}  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_call_in_a_file_is_refused_and_never_made(
    write: Write, tmp_path: Path, hostile: Callable[[Path], object], protocol: int
) -> None:
    canary = tmp_path / "canary"
    one, all_ = content([hostile(canary)], ["ada"]), content(list(VECTORS), [hostile(canary)] * 3)
    files = [pickle.dumps(place, protocol) for place in (one, all_, hostile(canary))]
    loaded = set(sys.modules)
    for file in files:
        assert "wants to use" in refusal(write(file))
    assert not canary.exists()
    assert set(sys.modules) == loaded


def test_the_way_to_run_text_inside_numpy_is_refused(write: Write) -> None:
    pickled = b"cnumpy.testing._private.utils\nrunstring\n(Vraise SystemExit\n}tR."
    assert "wants to use 'numpy.testing._private.utils.runstring'" in refusal(write(pickled))


def test_the_calls_above_do_harm_where_python_reads_them(tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(HOSTILE["eval"](canary)))
    assert canary.exists()


def arrays_with(old: bytes, new: bytes) -> bytes:
    """An honest file with one of the numbers in it replaced."""
    pickled = pickle.dumps(content(list(VECTORS)), 3)
    assert old in pickled
    return pickled.replace(old, new, 1)


SHAPE = b"K\x01K\x80\x85"  # version 1, shape (128,)


@pytest.mark.parametrize(
    ("pickled", "reason"),
    [
        (arrays_with(SHAPE, b"K\x01J\xff\xff\xff\x7f\x85"), "128 numbers"),
        (arrays_with(SHAPE, b"K\x01\x8a\x08" + b"\xff" * 7 + b"\x7f\x85"), "128 numbers"),
        (arrays_with(SHAPE, b"K\x01J\xff\xff\xff\xff\x85"), "128 numbers"),
        (arrays_with(b"K\x00\x85", b"J\xff\xff\xff\x7f\x85"), "not a list or an array"),
        (arrays_with(b"X\x02\x00\x00\x00f8", b"X\x02\x00\x00\x00f4"), "1024 bytes, not 512"),
        (arrays_with(b"X\x02\x00\x00\x00f8", b"X\x02\x00\x00\x00O8"), "4 or 8 bytes"),
        (arrays_with(b"B\x00\x04\x00\x00", b"B\xff\xff\xff\x7f"), "cut short"),
        (arrays_with(b"B\x00\x04\x00\x00", b"\x8e" + b"\xff" * 7 + b"\x7f"), "cut short"),
        (arrays_with(b"cnumpy\nndarray", b"cnumpy\nmatrix"), "wants to use 'numpy.matrix'"),
        (arrays_with(b"\x80\x03", b"\x80\x03NPhello\n"), "PERSID"),
        (arrays_with(b"\x80\x03", b"\x80\x03N\x82\x01"), "EXT1"),
        (b"\x80\x04" + b"]r\xff\xff\xff\x7f" + b".", "not of the form"),
        (b"\x80\x04" + b"](" * 300_000 + b".", "ends in the middle"),
        (b"\x80\x04" + b"]" * 300_000 + b"a" * 299_999 + b".", "not of the form"),
        (b"\x80\x04)" + b"\x94h\x00\x86" * 400 + b".", "not of the form"),
        (b"\x80\x04}(K\x01K\x01\x86" + b"2\x86" * 70 + b"Nu.", "DUP"),
        (b"\x80\x04}(" + pickle.dumps((1, 2), 4)[2:-1] + b"Nu.", "not a short text"),
        (b"\x80\x04" + b"N" * 2_000_001 + b".", "more than 2,000,000 parts"),
    ],
    ids=range(18),
)
def test_a_file_made_to_exhaust_the_machine_is_refused_at_once(write: Write, pickled: bytes, reason: str) -> None:
    assert reason in refusal(write(pickled))


def test_a_refused_file_has_cost_little_memory(write: Write) -> None:
    """In a process that could not allocate what the file asks for."""
    path = write(b"\x80\x04]r\xff\xff\xff\x7f" + b"\x8e" + (2**40).to_bytes(8, "little") + b".")
    script = f"""if True:
        import resource
        from pathlib import Path
        from photocall.encodings import read_encodings
        from photocall.errors import EncodingsUnreadable
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**27, used + 2**27))
        try:
            read_encodings(Path({str(path)!r}))
        except EncodingsUnreadable as error:
            print(error.reason)
    """
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "cut short" in run.stdout
