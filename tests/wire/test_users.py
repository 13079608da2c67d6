"""Users by an unchanged client: several faces, one person."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg

Code = Callable[..., str]
Jpegs = dict[str, bytes]
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def ids(rekognition: Any, collection: str, jpegs: Jpegs) -> dict[str, str]:
    """The face ids of every portrait, indexed in the collection."""
    found = {}
    for name, data in jpegs.items():
        answer = rekognition.index_faces(
            CollectionId=collection, Image={"Bytes": data}, ExternalImageId=name, MaxFaces=1
        )
        found[name] = answer["FaceRecords"][0]["Face"]["FaceId"]
    return found


@pytest.fixture
def class_of_two(rekognition: Any, collection: str, ids: dict[str, str]) -> str:
    """A collection with the users obama (two faces) and biden (one)."""
    for user, faces in {"obama": ["obama", "obama2"], "biden": ["biden"]}.items():
        rekognition.create_user(CollectionId=collection, UserId=user)
        rekognition.associate_faces(CollectionId=collection, UserId=user, FaceIds=[ids[face] for face in faces])
    return collection


def users(matches: list[dict[str, Any]]) -> list[str]:
    return [match["User"]["UserId"] for match in matches]


def test_a_user_is_made_listed_and_deleted(rekognition: Any, code: Code, collection: str) -> None:
    user = {"CollectionId": collection, "UserId": "ada"}
    rekognition.create_user(**user)
    assert rekognition.list_users(CollectionId=collection)["Users"] == [{"UserId": "ada", "UserStatus": "CREATED"}]
    assert rekognition.describe_collection(CollectionId=collection)["UserCount"] == 1
    assert code("create_user", **user) == "ConflictException"
    rekognition.delete_user(**user)
    assert rekognition.list_users(CollectionId=collection)["Users"] == []
    assert code("delete_user", **user) == "ResourceNotFoundException"
    assert code("create_user", CollectionId="nowhere", UserId="ada") == "ResourceNotFoundException"


def test_users_are_listed_page_by_page(rekognition: Any, collection: str) -> None:
    names = sorted(f"{'u' * 90}{number}" for number in range(7))
    for name in names:
        rekognition.create_user(CollectionId=collection, UserId=name)
    pages = list(
        rekognition.get_paginator("list_users").paginate(CollectionId=collection, PaginationConfig={"PageSize": 3})
    )
    assert [len(page["Users"]) for page in pages] == [3, 3, 1]
    assert [user["UserId"] for page in pages for user in page["Users"]] == names


def test_faces_become_a_users(rekognition: Any, collection: str, ids: dict[str, str]) -> None:
    rekognition.create_user(CollectionId=collection, UserId="obama")
    request = {"CollectionId": collection, "UserId": "obama", "FaceIds": [ids["obama"], ids["obama2"]]}
    for _ in range(2):  # the second time changes nothing
        answer = rekognition.associate_faces(**request)
        assert [face["FaceId"] for face in answer["AssociatedFaces"]] == request["FaceIds"]
        assert (answer["UserStatus"], answer["UnsuccessfulFaceAssociations"]) == ("ACTIVE", [])
    listed = rekognition.list_faces(CollectionId=collection, UserId="obama")["Faces"]
    assert {face["FaceId"] for face in listed} == set(request["FaceIds"])
    assert all(face["UserId"] == "obama" for face in listed)


def test_why_a_face_does_not_become_a_users_is_told(rekognition: Any, class_of_two: str, ids: dict[str, str]) -> None:
    wanted = [UNKNOWN, ids["biden"], ids["astronaut"], ids["obama3"]]
    answer = rekognition.associate_faces(CollectionId=class_of_two, UserId="obama", FaceIds=wanted)
    assert [face["FaceId"] for face in answer["AssociatedFaces"]] == [ids["obama3"]]
    unknown, others, stranger = answer["UnsuccessfulFaceAssociations"]
    assert unknown == {"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]}
    assert others == {"FaceId": ids["biden"], "UserId": "biden", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]}
    assert stranger["Reasons"] == ["LOW_MATCH_CONFIDENCE"]
    assert stranger["Confidence"] < 75


def test_any_face_will_do_where_no_confidence_is_asked_for(
    rekognition: Any, class_of_two: str, ids: dict[str, str]
) -> None:
    request = {"CollectionId": class_of_two, "UserId": "obama", "FaceIds": [ids["astronaut"]], "UserMatchThreshold": 0}
    assert len(rekognition.associate_faces(**request)["AssociatedFaces"]) == 1


def test_faces_are_taken_from_a_user_and_stay(rekognition: Any, class_of_two: str, ids: dict[str, str]) -> None:
    request = {"CollectionId": class_of_two, "UserId": "obama", "FaceIds": [ids["obama"], ids["biden"], UNKNOWN]}
    answer = rekognition.disassociate_faces(**request)
    assert answer["DisassociatedFaces"] == [{"FaceId": ids["obama"]}]
    refused = {each["FaceId"]: each["Reasons"] for each in answer["UnsuccessfulFaceDisassociations"]}
    assert refused == {ids["biden"]: ["ASSOCIATED_TO_A_DIFFERENT_USER"], UNKNOWN: ["FACE_NOT_FOUND"]}
    listed = rekognition.list_faces(CollectionId=class_of_two, FaceIds=[ids["obama"]])["Faces"]
    assert "UserId" not in listed[0]


def test_a_users_face_is_not_deleted(rekognition: Any, class_of_two: str, ids: dict[str, str]) -> None:
    wanted = [ids["biden"], ids["astronaut"]]
    answer = rekognition.delete_faces(CollectionId=class_of_two, FaceIds=wanted)
    assert answer["DeletedFaces"] == [ids["astronaut"]]
    kept = {"FaceId": ids["biden"], "UserId": "biden", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]}
    assert answer["UnsuccessfulFaceDeletions"] == [kept]
    rekognition.delete_user(CollectionId=class_of_two, UserId="biden")
    assert rekognition.delete_faces(CollectionId=class_of_two, FaceIds=wanted)["DeletedFaces"] == [ids["biden"]]


def test_a_user_is_found_by_a_picture(rekognition: Any, class_of_two: str, jpegs: Jpegs) -> None:
    search = {"CollectionId": class_of_two, "Image": {"Bytes": jpegs["obama3"]}}
    found = rekognition.search_users_by_image(**search)
    assert users(found["UserMatches"]) == ["obama"]
    assert found["UserMatches"][0]["Similarity"] > 95
    assert found["SearchedFace"]["FaceDetail"]["Confidence"] > 90
    assert users(rekognition.search_users_by_image(**search, UserMatchThreshold=0)["UserMatches"]) == ["obama", "biden"]
    assert len(rekognition.search_users_by_image(**search, UserMatchThreshold=0, MaxUsers=1)["UserMatches"]) == 1


def test_faces_that_were_not_searched_are_told(
    rekognition: Any, class_of_two: str, class_photo: bytes, demo: Any
) -> None:
    found = rekognition.search_users_by_image(CollectionId=class_of_two, Image={"Bytes": class_photo})
    assert len(found["UnsearchedFaces"]) == len(demo.faces) - 1
    assert all(face["Reasons"] == ["FACE_NOT_LARGEST"] for face in found["UnsearchedFaces"])


def test_a_picture_of_nobody_finds_no_user_and_is_no_error(rekognition: Any, class_of_two: str) -> None:
    nobody = encode_jpeg(np.full((200, 300, 3), 127, np.uint8))
    found = rekognition.search_users_by_image(CollectionId=class_of_two, Image={"Bytes": nobody})
    assert found["UserMatches"] == []
    assert "SearchedFace" not in found


def test_a_user_is_found_by_a_face_and_by_another_user(
    rekognition: Any, class_of_two: str, ids: dict[str, str]
) -> None:
    found = rekognition.search_users(CollectionId=class_of_two, FaceId=ids["obama3"])
    assert users(found["UserMatches"]) == ["obama"]
    assert found["SearchedFace"] == {"FaceId": ids["obama3"]}
    found = rekognition.search_users(CollectionId=class_of_two, UserId="obama", UserMatchThreshold=0)
    assert users(found["UserMatches"]) == ["biden"]
    assert found["SearchedUser"] == {"UserId": "obama"}


def test_a_search_of_users_is_for_one_thing_that_is_there(code: Code, class_of_two: str, ids: dict[str, str]) -> None:
    assert code("search_users", CollectionId=class_of_two) == "InvalidParameterException"
    both = {"UserId": "obama", "FaceId": ids["obama"]}
    assert code("search_users", CollectionId=class_of_two, **both) == "InvalidParameterException"
    assert code("search_users", CollectionId=class_of_two, UserId="nobody") == "ResourceNotFoundException"


# --- ClientRequestToken


def test_a_request_with_its_token_may_be_sent_again(rekognition: Any, code: Code, collection: str) -> None:
    user = {"CollectionId": collection, "UserId": "ada", "ClientRequestToken": uuid4().hex}
    rekognition.create_user(**user)
    rekognition.create_user(**user)
    other = {**user, "UserId": "bob"}
    assert code("create_user", **other) == "IdempotentParameterMismatchException"
    goodbye = {**user, "ClientRequestToken": uuid4().hex}
    rekognition.delete_user(**goodbye)
    rekognition.delete_user(**goodbye)


def test_a_token_does_not_hide_a_conflict(code: Code, rekognition: Any, collection: str) -> None:
    rekognition.create_user(CollectionId=collection, UserId="ada")
    again = {"CollectionId": collection, "UserId": "ada", "ClientRequestToken": uuid4().hex}
    assert code("create_user", **again) == "ConflictException"
    assert code("create_user", **again) == "ConflictException"


def test_faces_are_taken_from_a_user_once_by_one_token(
    rekognition: Any, class_of_two: str, ids: dict[str, str]
) -> None:
    request = {"CollectionId": class_of_two, "UserId": "biden", "FaceIds": [ids["biden"]]}
    first, again = (rekognition.disassociate_faces(**request, ClientRequestToken="once") for _ in range(2))
    assert first["DisassociatedFaces"] == again["DisassociatedFaces"] == [{"FaceId": ids["biden"]}]
    assert first["UserStatus"] == "CREATED"


def test_a_user_has_at_most_a_hundred_faces(
    rekognition: Any, code: Code, collection: str, portraits: dict[str, ByteArray]
) -> None:
    faces, small = [], encode_jpeg(portraits["obama"][::3, ::3].copy())  # a hundred take long enough
    for number in range(101):
        answer = rekognition.index_faces(
            CollectionId=collection, Image={"Bytes": small}, ExternalImageId=f"photo{number}"
        )
        faces.append(answer["FaceRecords"][0]["Face"]["FaceId"])
    user = {"CollectionId": collection, "UserId": "obama"}
    rekognition.create_user(**user)
    assert len(rekognition.associate_faces(**user, FaceIds=faces[:100])["AssociatedFaces"]) == 100
    assert code("associate_faces", **user, FaceIds=faces[100:]) == "ServiceQuotaExceededException"
    assert len(rekognition.list_faces(CollectionId=collection, UserId="obama")["Faces"]) == 100
