"""Many threads with one client: faces come, are found and go at the same time, and no answer is wrong."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import Queue
from typing import Any

import pytest

from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg

THREADS = 3  # of each kind
TURNS = 12  # of each thread


@pytest.fixture(scope="session")
def small(portraits: Mapping[str, ByteArray]) -> bytes:
    """A photo that is looked at quickly."""
    return encode_jpeg(portraits["obama"][::2, ::2])


def all_at_once(*jobs: Callable[[], None]) -> None:
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def every_face(rekognition: Any, collection: str, photo: bytes) -> set[str]:
    answer = rekognition.search_faces_by_image(
        CollectionId=collection, Image={"Bytes": photo}, FaceMatchThreshold=0, MaxFaces=4096
    )
    return {match["Face"]["FaceId"] for match in answer["FaceMatches"]}


def listed(rekognition: Any, collection: str) -> set[str]:
    pages = rekognition.get_paginator("list_faces").paginate(CollectionId=collection, PaginationConfig={"PageSize": 7})
    return {face["FaceId"] for page in pages for face in page["Faces"]}


def test_faces_that_come_and_go_are_found_from_the_answer_on_until_they_are_deleted(
    rekognition: Any, collection: str, small: bytes
) -> None:
    here, gone, waiting = set[str](), set[str](), Queue[str | None]()

    def index(thread: int) -> None:
        for turn in range(TURNS):
            told = rekognition.index_faces(
                CollectionId=collection, Image={"Bytes": small}, ExternalImageId=f"{thread}-{turn}"
            )
            (record,) = told["FaceRecords"]
            here.add(record["Face"]["FaceId"])
            if turn % 3:
                waiting.put(record["Face"]["FaceId"])
        waiting.put(None)

    def delete() -> None:
        while (face_id := waiting.get()) is not None:
            here.discard(face_id)
            assert rekognition.delete_faces(CollectionId=collection, FaceIds=[face_id])["DeletedFaces"] == [face_id]
            gone.add(face_id)

    def search() -> None:
        for _ in range(TURNS):
            already_gone, before = set(gone), set(here)
            found = every_face(rekognition, collection, small)
            assert not found & already_gone
            assert before & here <= found  # of what was there all the time, nothing is missing

    jobs = [partial(index, number) for number in range(THREADS)]
    all_at_once(*jobs, *[delete] * THREADS, *[search] * THREADS)
    assert len(here) == len(gone) // 2 == THREADS * TURNS // 3
    assert listed(rekognition, collection) == every_face(rekognition, collection, small) == here
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == len(here)


def test_a_face_that_is_indexed_and_deleted_at_once_is_there_or_not(
    rekognition: Any, collection: str, small: bytes
) -> None:
    request = {"CollectionId": collection, "Image": {"Bytes": small}}
    (record,) = rekognition.index_faces(**request)["FaceRecords"]
    face_id = record["Face"]["FaceId"]

    def index() -> None:
        for _ in range(TURNS):
            assert [each["Face"]["FaceId"] for each in rekognition.index_faces(**request)["FaceRecords"]] == [face_id]

    def delete() -> None:
        for _ in range(TURNS):
            told = rekognition.delete_faces(CollectionId=collection, FaceIds=[face_id])
            deleted = told.get("DeletedFaces", [])
            assert deleted + [failed["FaceId"] for failed in told["UnsuccessfulFaceDeletions"]] == [face_id]

    def search() -> None:
        for _ in range(TURNS):
            assert every_face(rekognition, collection, small) <= {face_id}

    all_at_once(index, delete, index, delete, search)
    index()
    assert listed(rekognition, collection) == every_face(rekognition, collection, small) == {face_id}
    rekognition.delete_faces(CollectionId=collection, FaceIds=[face_id])
    assert listed(rekognition, collection) == every_face(rekognition, collection, small) == set()


def test_users_made_given_faces_and_deleted_by_many_threads_leave_every_face_with_nobody(
    rekognition: Any, collection: str, small: bytes
) -> None:
    def live_and_die(thread: int) -> None:
        name = {"CollectionId": collection, "UserId": f"user-{thread}"}
        photo = {"CollectionId": collection, "Image": {"Bytes": small}}
        (record,) = rekognition.index_faces(**photo, ExternalImageId=str(thread))["FaceRecords"]
        face_id = record["Face"]["FaceId"]
        for _ in range(TURNS // 3):
            rekognition.create_user(**name)
            assert rekognition.associate_faces(**name, FaceIds=[face_id])["UserStatus"] == "ACTIVE"
            found = rekognition.search_users_by_image(**photo, UserMatchThreshold=0)["UserMatches"]
            assert name["UserId"] in [match["User"]["UserId"] for match in found]
            rekognition.delete_user(**name)
            found = rekognition.search_users_by_image(**photo, UserMatchThreshold=0)["UserMatches"]
            assert name["UserId"] not in [match["User"]["UserId"] for match in found]

    all_at_once(*(partial(live_and_die, number) for number in range(2 * THREADS)))
    told = rekognition.describe_collection(CollectionId=collection)
    assert (told["FaceCount"], told["UserCount"]) == (2 * THREADS, 0)
    assert all("UserId" not in face for face in rekognition.list_faces(CollectionId=collection)["Faces"])
