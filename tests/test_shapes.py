"""Requests are what Rekognition's service model says, and nothing else."""

import base64
from typing import Any

import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from photocall.server.operations import OPERATIONS
from photocall.server.shapes import operation_model, read_request
from photocall.server.wire_errors import WireError

FACE_ID = "11111111-2222-3333-4444-555555555555"
IMAGE = {"Bytes": base64.b64encode(b"a picture").decode()}


def read(operation: str, request: object) -> dict[str, Any]:
    return read_request(operation_model(operation), request)


def refused(operation: str, request: object) -> WireError:
    with pytest.raises(WireError) as error:
        read(operation, request)
    assert error.value.status == 400
    return error.value


def test_every_operation_answered_is_one_of_the_model() -> None:
    for name in OPERATIONS:
        assert operation_model(name).name == name


def test_an_operation_of_no_model_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        operation_model("FindUnicorns")


def test_a_good_request_comes_back_with_its_bytes() -> None:
    given_request = {"CollectionId": "class", "Image": IMAGE, "MaxFaces": 3, "QualityFilter": "AUTO"}
    assert read("IndexFaces", given_request) == given_request | {"Image": {"Bytes": b"a picture"}}


def test_unknown_and_null_members_are_passed_over() -> None:
    request = {"CollectionId": "class", "MaxResults": None, "Colour": "red"}
    assert read("ListFaces", request) == {"CollectionId": "class"}


@pytest.mark.parametrize(
    ("operation", "request_", "told"),
    [
        ("CreateCollection", {}, "Value null at 'collectionId'"),
        ("CreateCollection", {"CollectionId": None}, "Member must not be null"),
        ("CreateCollection", {"CollectionId": ""}, "length greater than or equal to 1"),
        ("CreateCollection", {"CollectionId": "a" * 256}, "length less than or equal to 255"),
        ("CreateCollection", {"CollectionId": "no spaces"}, "satisfy regular expression pattern: [a-zA-Z0-9_.\\-]+"),
        ("CreateCollection", {"CollectionId": "line\n"}, "satisfy regular expression pattern"),
        ("CreateCollection", {"CollectionId": "a", "Tags": {"aws:x": "y"}}, "'tags.key'"),
        ("CreateCollection", {"CollectionId": "a", "Tags": {"x": "<"}}, "'tags.x.member'"),
        ("CreateCollection", {"CollectionId": "a", "Tags": {str(n): "" for n in range(201)}}, "'tags'"),
        ("ListFaces", {"CollectionId": "a", "MaxResults": 4097}, "value less than or equal to 4096"),
        ("ListFaces", {"CollectionId": "a", "MaxResults": -1}, "value greater than or equal to 0"),
        ("ListFaces", {"CollectionId": "a", "FaceIds": ["x"]}, "'faceIds.1.member'"),
        ("DeleteFaces", {"CollectionId": "a", "FaceIds": []}, "'faceIds'"),
        ("DeleteFaces", {"CollectionId": "a", "FaceIds": [FACE_ID] * 4097}, "'faceIds'"),
        ("SearchFaces", {"CollectionId": "a", "FaceId": FACE_ID, "FaceMatchThreshold": 100.5}, "equal to 100"),
        ("SearchFaces", {"CollectionId": "a", "FaceId": FACE_ID, "MaxFaces": 0}, "equal to 1"),
        ("DetectFaces", {"Image": IMAGE, "Attributes": ["SHOES"]}, "satisfy enum value set: [DEFAULT, ALL"),
        ("DetectFaces", {"Image": {"Bytes": ""}}, "must not be empty"),
        ("DetectFaces", {"Image": {"S3Object": {"Bucket": "ab", "Name": "x"}}}, "'image.s3Object.bucket'"),
        ("CreateUser", {"CollectionId": "a", "UserId": "u", "ClientRequestToken": "no!"}, "'clientRequestToken'"),
    ],
)
def test_what_breaks_the_model_is_named_with_its_place_and_rule(operation: str, request_: object, told: str) -> None:
    error = refused(operation, request_)
    assert error.code == "InvalidParameterException"
    assert error.message.startswith("1 validation error detected: ")
    assert told in error.message


def test_all_that_is_wrong_is_told_at_once() -> None:
    error = refused("SearchFaces", {"CollectionId": "?", "FaceId": "?", "MaxFaces": 0})
    assert error.message.startswith("3 validation errors detected: ")


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("ListFaces", []),
        ("ListFaces", "text"),
        ("ListFaces", 7),
        ("ListFaces", None),
        ("ListFaces", {"CollectionId": 7}),
        ("ListFaces", {"CollectionId": "a", "MaxResults": "7"}),
        ("ListFaces", {"CollectionId": "a", "MaxResults": 7.5}),
        ("ListFaces", {"CollectionId": "a", "MaxResults": True}),
        ("ListFaces", {"CollectionId": "a", "MaxResults": 2**31}),
        ("ListFaces", {"CollectionId": "a", "FaceIds": {"0": FACE_ID}}),
        ("ListFaces", {"CollectionId": "a", "FaceIds": [None]}),
        ("SearchFaces", {"CollectionId": "a", "FaceId": FACE_ID, "FaceMatchThreshold": "80"}),
        ("SearchFaces", {"CollectionId": "a", "FaceId": FACE_ID, "FaceMatchThreshold": float("nan")}),
        ("SearchFaces", {"CollectionId": "a", "FaceId": FACE_ID, "FaceMatchThreshold": float("inf")}),
        ("SearchFaces", {"CollectionId": "a", "FaceId": FACE_ID, "FaceMatchThreshold": 10**400}),
        ("SearchFaces", {"CollectionId": "a", "FaceId": FACE_ID, "FaceMatchThreshold": True}),
        ("DetectFaces", {"Image": "text"}),
        ("DetectFaces", {"Image": {"Bytes": "not base64"}}),
        ("DetectFaces", {"Image": {"Bytes": "YQ"}}),
        ("DetectFaces", {"Image": {"Bytes": "Bäume==="}}),
        ("DetectFaces", {"Image": {"Bytes": 7}}),
        ("CreateCollection", {"CollectionId": "a", "Tags": ["x"]}),
    ],
)
def test_a_wrong_type_is_the_protocols_error(operation: str, request_: object) -> None:
    assert refused(operation, request_).code == "SerializationException"


def test_an_image_has_at_most_five_megabytes() -> None:
    most = 5 * 2**20
    assert (
        len(read("DetectFaces", {"Image": {"Bytes": base64.b64encode(bytes(most)).decode()}})["Image"]["Bytes"]) == most
    )
    too_many = {"Image": {"Bytes": base64.b64encode(bytes(most + 1)).decode()}}
    assert refused("DetectFaces", too_many).code == "ImageTooLargeException"
    assert refused("DetectFaces", {"Image": {"Bytes": "A" * 8_000_000}}).code == "ImageTooLargeException"


def test_a_long_wrong_value_is_not_repeated_whole() -> None:
    assert len(refused("CreateCollection", {"CollectionId": "?" * 255}).message) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(OPERATIONS)), st.data())
def test_whatever_is_read_is_what_botocore_would_have_sent(operation: str, data: st.DataObject) -> None:
    """Any JSON in any member: either refused, or good by botocore's own validator."""
    shape = operation_model(operation).input_shape
    request = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(shape.members, JSON)))
    try:
        found = read(operation, request)
    except WireError as error:
        assert error.code in ("InvalidParameterException", "SerializationException", "ImageTooLargeException")
    else:
        assert not ParamValidator().validate(found, shape).has_errors()
