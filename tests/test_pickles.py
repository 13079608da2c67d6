"""Pickles read as inert data."""

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photocall.pickles import Call, Name, read_pickle

NUMBERS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
PLAIN = st.recursive(
    NUMBERS | st.text(max_size=300) | st.binary(min_size=1, max_size=300),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(max_size=100), inner),
    max_leaves=20,
)


@given(PLAIN, st.sampled_from([3, 4, 5]))
@settings(max_examples=150, deadline=None)
def test_plain_data_reads_as_python_itself_reads_it(value: Any, protocol: int) -> None:
    pickled = pickle.dumps(value, protocol)
    assert read_pickle(pickled, (), 10_000) == pickle.loads(pickled)


def test_a_bytearray_of_protocol_5_is_read() -> None:
    assert read_pickle(pickle.dumps([bytearray(b"abc")], 5), (), 100) == [bytearray(b"abc")]


@given(
    st.recursive(st.integers() | st.text(max_size=9), lambda inner: st.lists(inner) | st.lists(inner).map(tuple)),
    st.sampled_from([0, 1, 2]),
)
@settings(max_examples=100, deadline=None)
def test_old_protocols_are_read_too(value: Any, protocol: int) -> None:
    assert read_pickle(pickle.dumps({"key": value}, protocol), (), 10_000) == {"key": value}


def test_a_list_that_holds_itself_is_read_as_such() -> None:
    loop: list[Any] = []
    loop.append(loop)
    read = read_pickle(pickle.dumps(loop), (), 100)
    assert isinstance(read, list)
    assert read[0] is read


def test_a_call_is_described_and_not_made() -> None:
    complex_ = Name("builtins", "complex")
    read = read_pickle(pickle.dumps(1 + 2j), {complex_}, 100)
    assert isinstance(read, Call)
    assert (read.function, read.arguments, read.state) == (complex_, (1.0, 2.0), None)


def test_a_name_that_was_not_allowed_is_told() -> None:
    with pytest.raises(ValueError, match=r"wants to use 'builtins\.complex'"):
        read_pickle(pickle.dumps(1 + 2j), {Name("builtins", "float")}, 100)


def test_every_pickle_that_is_cut_short_is_refused() -> None:
    whole = pickle.dumps({"a": [1.5, None, "text", b"bytes", (1, 2, 3)]})
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="cut short"):
            read_pickle(whole[:end], (), 1000)


def test_more_steps_than_allowed_are_not_followed() -> None:
    pickled = pickle.dumps(list(range(100)))
    assert read_pickle(pickled, (), 110) == list(range(100))
    with pytest.raises(ValueError, match="more than 90 parts"):
        read_pickle(pickled, (), 90)


@pytest.mark.parametrize(
    ("pickled", "reason"),
    [
        (b".", "ends in the middle"),
        (b"(N.", "ends in the middle"),
        (b"NN.", "ends in the middle"),
        (b"t.", "something is missing"),
        (b"N\x86.", "something is missing"),
        (b"(NNNu.", "key that is not a short text"),
        (b"}NNs.", "key that is not a short text"),
        (b"})Ns.", "key that is not a short text"),
        (b"s.", "something is missing"),
        (b"NVkey\nNs.", "not of the kind"),
        (b"NNa.", "not of the kind"),
        (b"a.", "something is missing"),
        (b"h\x07.", "refers to something that is not in it"),
        (b"q\x00.", "not of the kind"),
        (b"NNR.", "not of the kind"),
        (b"N)R.", "not of the kind"),
        (b"NNb.", "not of the kind"),
        (b"]}b.", "not of the kind"),
        (b"N2.", "DUP"),
        (b"N0.", "POP"),
        (b"\x8f.", "EMPTY_SET"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"(cposix\nsystem\no.", r"posix\.system"),
        (b"(iposix\nsystem\n.", "INST"),
        (b"NQ.", "BINPERSID"),
        (b"Pid\n.", "PERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"\x83\x01\x00.", "EXT2"),
        (b"\x84\x01\x00\x00\x00.", "EXT4"),
        (b"N)\x81.", "NEWOBJ"),
        (b"N)}\x92.", "NEWOBJ_EX"),
        (b"\xff.", "not a pickle"),
        (b"", "cut short"),
    ],
)
def test_an_instruction_out_of_place_is_refused(pickled: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_pickle(pickled, (), 100)


def test_a_state_is_kept_beside_its_call_and_only_once() -> None:
    pickled = b"\x80\x04\x8c\x01m\x8c\x01f\x93)RK\x01b"
    read = read_pickle(pickled + b".", {Name("m", "f")}, 100)
    assert isinstance(read, Call)
    assert read.state == 1
    with pytest.raises(ValueError, match="builds something twice"):
        read_pickle(pickled + b"K\x02b.", {Name("m", "f")}, 100)
