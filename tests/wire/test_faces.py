"""Faces by an unchanged client: detected, compared, indexed, listed, searched, deleted."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from photocall.media.images import encode_jpeg, read_image

Code = Callable[..., str]
Jpegs = dict[str, bytes]
NO_FACE = encode_jpeg(np.full((200, 300, 3), 127, np.uint8))
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def people(rekognition: Any, jpegs: Jpegs) -> Iterator[str]:
    """A collection of obama, biden and astronaut, for tests that only look."""
    name = f"people-{uuid4().hex}"
    rekognition.create_collection(CollectionId=name)
    for person in ("obama", "biden", "astronaut"):
        rekognition.index_faces(CollectionId=name, Image={"Bytes": jpegs[person]}, ExternalImageId=person)
    yield name
    rekognition.delete_collection(CollectionId=name)


def index(rekognition: Any, collection: str, data: bytes, name: str = "somebody", **more: object) -> Any:
    return rekognition.index_faces(CollectionId=collection, Image={"Bytes": data}, ExternalImageId=name, **more)


def names(matches: list[dict[str, Any]]) -> list[str]:
    return [match["Face"]["ExternalImageId"] for match in matches]


def overlap(a: dict[str, float], b: dict[str, float]) -> float:
    """Of two bounding boxes: intersection over union."""
    width = min(a["Left"] + a["Width"], b["Left"] + b["Width"]) - max(a["Left"], b["Left"])
    height = min(a["Top"] + a["Height"], b["Top"] + b["Height"]) - max(a["Top"], b["Top"])
    shared = max(width, 0) * max(height, 0)
    return shared / (a["Width"] * a["Height"] + b["Width"] * b["Height"] - shared)


# --- DetectFaces


def test_every_face_of_the_class_photo_is_found_in_its_place(rekognition: Any, demo: Any, class_photo: bytes) -> None:
    found = rekognition.detect_faces(Image={"Bytes": class_photo}, Attributes=["ALL"])["FaceDetails"]
    assert len(found) == len(demo.faces)
    areas = [face["BoundingBox"]["Width"] * face["BoundingBox"]["Height"] for face in found]
    assert areas == sorted(areas, reverse=True)
    for face in found:
        box = face["BoundingBox"]
        assert {landmark["Type"] for landmark in face["Landmarks"]} == {
            "eyeLeft",
            "eyeRight",
            "nose",
            "mouthLeft",
            "mouthRight",
        }
        for landmark in face["Landmarks"]:
            assert box["Left"] < landmark["X"] < box["Left"] + box["Width"]
            assert box["Top"] < landmark["Y"] < box["Top"] + box["Height"]
        assert 0 < face["Quality"]["Sharpness"] < 100
        assert 0 < face["Quality"]["Brightness"] < 100
        assert not {"AgeRange", "Gender", "Emotions", "Smile"} & face.keys()  # the engine cannot tell them


def test_a_picture_of_nobody_has_no_faces(rekognition: Any) -> None:
    assert rekognition.detect_faces(Image={"Bytes": NO_FACE})["FaceDetails"] == []


# --- CompareFaces


def test_two_pictures_of_one_person_match(rekognition: Any, jpegs: Jpegs) -> None:
    found = rekognition.compare_faces(SourceImage={"Bytes": jpegs["obama"]}, TargetImage={"Bytes": jpegs["obama2"]})
    assert len(found["FaceMatches"]) == 1
    assert found["FaceMatches"][0]["Similarity"] > 95
    assert found["UnmatchedFaces"] == []
    assert found["SourceImageFace"]["Confidence"] > 90


def test_two_people_do_not_match_unless_everybody_may(rekognition: Any, jpegs: Jpegs) -> None:
    pictures = {"SourceImage": {"Bytes": jpegs["obama"]}, "TargetImage": {"Bytes": jpegs["biden"]}}
    found = rekognition.compare_faces(**pictures)
    assert (found["FaceMatches"], len(found["UnmatchedFaces"])) == ([], 1)
    found = rekognition.compare_faces(**pictures, SimilarityThreshold=0)
    assert found["FaceMatches"][0]["Similarity"] < 80
    assert found["UnmatchedFaces"] == []


def test_a_person_is_found_among_a_class(rekognition: Any, jpegs: Jpegs, demo: Any, class_photo: bytes) -> None:
    found = rekognition.compare_faces(SourceImage={"Bytes": jpegs["obama"]}, TargetImage={"Bytes": class_photo})
    obamas = [face for face in demo.faces if face.name == "Barack Obama"]
    assert len(found["FaceMatches"]) == len(obamas)
    assert len(found["FaceMatches"]) + len(found["UnmatchedFaces"]) == len(demo.faces)


@pytest.mark.parametrize(("source", "target"), [("nobody", "obama"), ("obama", "nobody")])
def test_both_pictures_must_show_a_face(code: Code, jpegs: Jpegs, source: str, target: str) -> None:
    pictures = {**jpegs, "nobody": NO_FACE}
    request = {"SourceImage": {"Bytes": pictures[source]}, "TargetImage": {"Bytes": pictures[target]}}
    assert code("compare_faces", **request) == "InvalidParameterException"


# --- IndexFaces, ListFaces, DeleteFaces


def test_an_indexed_face_is_listed_as_it_was_answered(rekognition: Any, collection: str, jpegs: Jpegs) -> None:
    answer = index(rekognition, collection, jpegs["obama"], "obama:1_a.b-c")
    (record,) = answer["FaceRecords"]
    assert answer["UnindexedFaces"] == []
    assert record["Face"]["ExternalImageId"] == "obama:1_a.b-c"
    assert record["Face"]["BoundingBox"] == record["FaceDetail"]["BoundingBox"]
    assert record["Face"]["IndexFacesModelVersion"] == answer["FaceModelVersion"]
    assert rekognition.list_faces(CollectionId=collection)["Faces"] == [record["Face"]]
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 1


def test_indexing_twice_keeps_one_face(rekognition: Any, collection: str, jpegs: Jpegs) -> None:
    first, again = (index(rekognition, collection, jpegs["obama"]) for _ in range(2))
    assert first["FaceRecords"] == again["FaceRecords"]
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 1


def test_another_name_makes_another_face(rekognition: Any, collection: str, jpegs: Jpegs) -> None:
    for name in ("obama", "barack"):
        index(rekognition, collection, jpegs["obama"], name)
    faces = rekognition.list_faces(CollectionId=collection)["Faces"]
    assert len({face["FaceId"] for face in faces}) == 2
    assert len({face["ImageId"] for face in faces}) == 1


def test_the_largest_faces_are_indexed_and_the_others_told(
    rekognition: Any, collection: str, class_photo: bytes, demo: Any
) -> None:
    answer = index(rekognition, collection, class_photo, MaxFaces=1, QualityFilter="NONE")
    (record,) = answer["FaceRecords"]
    others = answer["UnindexedFaces"]
    assert len(others) == len(demo.faces) - 1
    assert all(face["Reasons"] == ["EXCEEDS_MAX_FACES"] for face in others)
    largest = max(face["FaceDetail"]["BoundingBox"]["Width"] for face in [record, *others])
    assert record["FaceDetail"]["BoundingBox"]["Width"] == pytest.approx(largest, rel=0.1)


def test_a_poor_face_is_not_indexed_unless_every_face_is(rekognition: Any, collection: str, jpegs: Jpegs) -> None:
    image = read_image(jpegs["obama"])
    dark = encode_jpeg((image // 10).astype(np.uint8))
    answer = index(rekognition, collection, dark)
    assert answer["FaceRecords"] == []
    assert "LOW_BRIGHTNESS" in answer["UnindexedFaces"][0]["Reasons"]
    assert len(index(rekognition, collection, dark, QualityFilter="NONE")["FaceRecords"]) == 1


def test_a_picture_of_nobody_indexes_nothing(rekognition: Any, collection: str) -> None:
    answer = rekognition.index_faces(CollectionId=collection, Image={"Bytes": NO_FACE})
    assert (answer["FaceRecords"], answer["UnindexedFaces"]) == ([], [])


def test_faces_are_listed_page_by_page_in_the_order_of_indexing(
    rekognition: Any, collection: str, jpegs: Jpegs
) -> None:
    made = [
        index(rekognition, collection, jpegs["obama"], f"n{number}")["FaceRecords"][0]["Face"] for number in range(5)
    ]
    pages = list(
        rekognition.get_paginator("list_faces").paginate(CollectionId=collection, PaginationConfig={"PageSize": 2})
    )
    assert [len(page["Faces"]) for page in pages] == [2, 2, 1]
    assert [face for page in pages for face in page["Faces"]] == made
    ids = [made[3]["FaceId"], UNKNOWN, made[0]["FaceId"]]
    pages = list(
        rekognition.get_paginator("list_faces").paginate(
            CollectionId=collection, FaceIds=ids, PaginationConfig={"PageSize": 2}
        )
    )
    assert [face for page in pages for face in page["Faces"]] == [made[3], made[0]]


def test_a_deleted_face_is_found_no_more(rekognition: Any, collection: str, jpegs: Jpegs) -> None:
    face_id = index(rekognition, collection, jpegs["obama"])["FaceRecords"][0]["Face"]["FaceId"]
    search = {"CollectionId": collection, "Image": {"Bytes": jpegs["obama"]}}
    assert len(rekognition.search_faces_by_image(**search)["FaceMatches"]) == 1
    answer = rekognition.delete_faces(CollectionId=collection, FaceIds=[face_id, UNKNOWN, face_id])
    assert answer["DeletedFaces"] == [face_id]
    assert answer["UnsuccessfulFaceDeletions"] == [{"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]}]
    assert rekognition.search_faces_by_image(**search)["FaceMatches"] == []
    assert rekognition.list_faces(CollectionId=collection)["Faces"] == []


# --- SearchFaces, SearchFacesByImage


def test_a_person_is_found_by_another_picture(rekognition: Any, people: str, jpegs: Jpegs) -> None:
    found = rekognition.search_faces_by_image(CollectionId=people, Image={"Bytes": jpegs["obama3"]})
    assert names(found["FaceMatches"]) == ["obama"]
    assert found["FaceMatches"][0]["Similarity"] > 95
    assert found["SearchedFaceConfidence"] > 90


def test_everybody_is_found_where_similarity_does_not_count_and_the_nearest_first(
    rekognition: Any, people: str, jpegs: Jpegs
) -> None:
    search = {"CollectionId": people, "Image": {"Bytes": jpegs["obama"]}, "FaceMatchThreshold": 0}
    found = rekognition.search_faces_by_image(**search)["FaceMatches"]
    assert len(found) == 3
    assert names(found)[0] == "obama"
    assert found[0]["Similarity"] == 100
    similarities = [match["Similarity"] for match in found]
    assert similarities == sorted(similarities, reverse=True)
    assert names(rekognition.search_faces_by_image(**search, MaxFaces=1)["FaceMatches"]) == ["obama"]


def test_the_very_picture_passes_the_highest_threshold(rekognition: Any, people: str, jpegs: Jpegs) -> None:
    search = {"CollectionId": people, "Image": {"Bytes": jpegs["obama"]}, "FaceMatchThreshold": 100}
    assert names(rekognition.search_faces_by_image(**search)["FaceMatches"]) == ["obama"]


def test_an_indexed_face_finds_the_others_and_not_itself(rekognition: Any, collection: str, jpegs: Jpegs) -> None:
    first, second = (
        index(rekognition, collection, jpegs[name], name)["FaceRecords"][0]["Face"]["FaceId"]
        for name in ("obama", "obama2")
    )
    found = rekognition.search_faces(CollectionId=collection, FaceId=first)
    assert found["SearchedFaceId"] == first
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [second]


def test_searching_for_what_is_not_there_is_an_error(code: Code, people: str, jpegs: Jpegs) -> None:
    image = {"Bytes": jpegs["obama"]}
    assert code("search_faces", CollectionId=people, FaceId=UNKNOWN) == "InvalidParameterException"
    assert code("search_faces", CollectionId="nowhere", FaceId=UNKNOWN) == "ResourceNotFoundException"
    assert code("search_faces_by_image", CollectionId="nowhere", Image=image) == "ResourceNotFoundException"
    assert code("search_faces_by_image", CollectionId=people, Image={"Bytes": NO_FACE}) == "InvalidParameterException"
    assert code("index_faces", CollectionId="nowhere", Image=image) == "ResourceNotFoundException"
    assert code("list_faces", CollectionId="nowhere") == "ResourceNotFoundException"
    assert code("delete_faces", CollectionId="nowhere", FaceIds=[UNKNOWN]) == "ResourceNotFoundException"


def test_an_empty_collection_knows_nobody(rekognition: Any, collection: str, jpegs: Jpegs) -> None:
    found = rekognition.search_faces_by_image(CollectionId=collection, Image={"Bytes": jpegs["obama"]})
    assert found["FaceMatches"] == []
