"""Names and numbers on the wire."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from people import face
from photocall import errors
from photocall.server.paging import page_start, page_token
from photocall.server.shapes import service_model
from photocall.server.wire_errors import CODES, WireError, wire_error
from photocall.server.wire_nouns import described, model_version, plain_name, wire_name

PATTERN = re.compile(service_model().shape_for("ExternalImageId").metadata["pattern"])


@given(st.text(min_size=1))
def test_any_name_goes_over_the_wire_and_back(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return  # half of a surrogate pair: no name on any file system or in any JSON
    assert PATTERN.fullmatch(wire_name(name))
    assert plain_name(wire_name(name)) == name


def test_a_name_of_plain_letters_stays_as_it_is() -> None:
    assert wire_name("Ada-Lovelace_1.jpg") == "Ada-Lovelace_1.jpg"
    assert wire_name("Ada Lovelace") == "Ada:20Lovelace"


def test_a_models_version_is_digits_and_its_own() -> None:
    pattern = service_model().shape_for("IndexFacesModelVersion").metadata["pattern"]
    assert re.fullmatch(pattern, model_version("dlib-resnet-v1"))
    assert model_version("dlib-resnet-v1") != model_version("dlib-resnet-v1-clip-flip")


def test_a_face_is_described_in_ratios_of_its_picture() -> None:
    found = described(face(None, left=10, top=20, size=50), (200, 100))
    assert found["BoundingBox"] == {"Width": 0.25, "Height": 0.5, "Left": 0.05, "Top": 0.2}
    assert found["Landmarks"][0] == {"Type": "eyeLeft", "X": pytest.approx(0.125), "Y": pytest.approx(0.375)}
    assert found["Confidence"] == 99


USERS = ("ListUsers", "class")


@given(st.text(max_size=128, alphabet=st.characters(codec="ascii", categories=("L", "N"))))
def test_a_page_goes_on_after_the_name_where_the_last_one_ended(after: str) -> None:
    token = page_token(USERS, after)
    assert len(token) <= service_model().shape_for("PaginationToken").metadata["max"]
    assert page_start(USERS, token, str) == after


@given(st.integers(0, 2**63 - 1))
def test_a_page_goes_on_after_the_number_where_the_last_one_ended(after: int) -> None:
    assert page_start(USERS, page_token(USERS, after), int) == after


MADE_UP = ["", "?", "bm90IGpzb24=", "WzEsIDJd", "W10=", "bnVsbA==", "Bäume", "W" * 255]
OF_OTHERS = [page_token(("ListUsers", "other"), 7), page_token(USERS, "text")]
OUT_OF_RANGE = [page_token(USERS, number) for number in (True, -1, 2**63)]


@pytest.mark.parametrize("token", [*MADE_UP, *OF_OTHERS, *OUT_OF_RANGE])
def test_a_token_of_another_listing_is_refused(token: str) -> None:
    with pytest.raises(WireError) as refused:
        page_start(USERS, token, int)
    assert refused.value.code == "InvalidPaginationTokenException"


@pytest.mark.parametrize("name", ["ü", "\ud800", "a" * 200, "\n"])
def test_a_made_up_name_is_refused(name: str) -> None:
    with pytest.raises(WireError):
        page_start(USERS, page_token(USERS, name), str)


def test_every_code_is_an_error_of_the_service_model() -> None:
    known = set(service_model().shape_names)
    assert set(CODES.values()) <= known


def test_what_the_caller_cannot_help_is_the_servers_error_and_tells_nothing() -> None:
    error = wire_error(errors.StoreUnavailable("postgresql://ada@host/faces", "the disk is full"))
    assert (error.status, error.code) == (500, "InternalServerError")
    assert "host" not in error.message
