"""The table that shows the faces of archived images, as others query it."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from contracts.face_store import MODEL, face
from dynamo import dynamodb, items, make_tables
from photocall.faces import BoundingBox, ImageSource
from photocall.stores.dynamo.store import DynamoStore

SOURCE = ImageSource("pictures", "Zoë 1.jpg", {"camera": "x-100", "räum": '"1"'})


@pytest.fixture
def name(aws: str) -> str:
    name = f"photocall-{uuid4().hex}"
    make_tables(name)
    return name


@pytest.fixture
def store(name: str) -> Iterator[DynamoStore]:
    with DynamoStore(f"dynamodb://{name}", "class", archive=f"{name}-faces") as store:
        store.create_collection("class", MODEL)
        yield store


def shown(name: str) -> list[str]:
    return sorted(item["FaceId"]["S"] for item in items(f"{name}-faces"))


def test_a_face_of_an_archived_image_is_asked_for_by_partiql(store: DynamoStore, name: str) -> None:
    box = BoundingBox(192, 54, 480, 540)
    store.put_faces("class", [replace(face("a"), box=box, score=0.875, source=SOURCE)])
    statement = f'SELECT * FROM "{name}-faces" WHERE FaceId = ?'
    (found,) = dynamodb().execute_statement(Statement=statement, Parameters=[{"S": "a"}])["Items"]
    numbers = {"Width": "0.25", "Height": "0.5", "Left": "0.1", "Top": "0.05"}
    assert found == {
        "FaceId": {"S": "a"},
        "BoundingBox": {"M": {edge: {"N": number} for edge, number in numbers.items()}},
        "Confidence": {"N": "87.5"},
        "ExternalImageId": {"S": "Ada a"},
        "ImageId": {"S": "image of a"},
        "bucket": {"S": "pictures"},
        "key": {"S": "Zoë 1.jpg"},
        "metadata": {"M": {"camera": {"S": "x-100"}, "räum": {"S": '"1"'}}},
    }


def test_only_faces_of_archived_images_are_shown(store: DynamoStore, name: str) -> None:
    store.create_collection("other", MODEL)
    store.put_faces("other", [replace(face("x", of="other"), source=SOURCE)])
    store.put_faces("class", [face("a"), replace(face("b"), source=SOURCE, box=None)])
    assert shown(name) == ["b"]
    assert "BoundingBox" not in items(f"{name}-faces")[0]


def test_a_face_that_is_removed_or_has_no_image_any_more_is_not_shown(store: DynamoStore, name: str) -> None:
    store.put_faces("class", [replace(face(each), source=SOURCE) for each in "abc"])
    store.delete_faces("class", ["a"])
    store.put_faces("class", [face("b")])
    assert shown(name) == ["c"]
    assert [each.face_id for each in store.faces_of_object("class", SOURCE.bucket, SOURCE.key)] == ["c"]


def test_a_face_that_moves_to_another_object_is_shown_there(store: DynamoStore, name: str) -> None:
    store.put_faces("class", [replace(face("a"), source=SOURCE)])
    store.put_faces("class", [replace(face("a"), source=replace(SOURCE, key="2.jpg"))])
    assert items(f"{name}-faces")[0]["key"] == {"S": "2.jpg"}
    assert store.faces_of_object("class", SOURCE.bucket, SOURCE.key) == []
    assert len(store.faces_of_object("class", SOURCE.bucket, "2.jpg")) == 1


def test_a_collection_that_is_deleted_is_not_shown(store: DynamoStore, name: str) -> None:
    store.put_faces("class", [replace(face(str(number), size=4), source=SOURCE) for number in range(70)])
    store.delete_collection("class")
    assert shown(name) == []
    assert not [item for item in items(name) if "vector" in item or "/objects" in item["pk"]["S"]]


def test_after_an_adoption_the_faces_that_stayed_are_shown(store: DynamoStore, name: str) -> None:
    store.put_faces("class", [replace(face(each), source=SOURCE) for each in "ab"])
    store.create_collection("side", "another")
    store.put_faces("side", [face("a", of="side", model="another", size=64)])
    assert store.adopt_faces("class", "side", store.changes("class", 0).version)
    assert shown(name) == ["a"]
    assert [each.face_id for each in store.faces_of_object("class", SOURCE.bucket, SOURCE.key)] == ["a"]
