"""Stored video over the wire: jobs that a worker in this process does, asked for and read by the unchanged client."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from clips import write
from photocall.demo import Demo
from photocall.jobs import Kind, parse
from photocall.media.videos import open_video
from photocall.results import fail, result_key
from servers import asked
from wire.clients import client
from wire.video_jobs import BUCKET, Place, ended, video, working

Json = dict[str, Any]

ROLE = "arn:aws:iam::000000000000:role/lessons"


def pages(get: Callable[..., Json], listed: str, job_id: str, size: int, **request: object) -> list[list[Json]]:
    """Every page of a job."""
    told = [get(JobId=job_id, MaxResults=size, **request)]
    while "NextToken" in told[-1]:
        told.append(get(JobId=job_id, MaxResults=size, NextToken=told[-1]["NextToken"], **request))
    return [page[listed] for page in told]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Iterator[Place]:
    """A server whose collection "class" knows the demo's people; lesson.mp4 is its clip, empty.mp4 shows nobody."""
    folder = tmp_path_factory.mktemp("videos")
    with asked(folder / "data", lease=5) as server:
        found = Place(server.service, client(server.url))
        found.put("lesson.mp4", demo.clip.read_bytes())
        found.put("empty.mp4", write(folder / "empty.mp4", 10, rate=5).read_bytes())
        found.put("text.mp4", b"no video")
        enroll(found, "class", demo)
        yield found


def enroll(place: Place, collection_id: str, demo: Demo) -> None:
    place.rekognition.create_collection(CollectionId=collection_id)
    for path in sorted(demo.enroll.iterdir()):
        name, image = path.stem.replace(" ", "_"), {"Bytes": path.read_bytes()}
        place.rekognition.index_faces(CollectionId=collection_id, Image=image, ExternalImageId=name)


@pytest.fixture(scope="module")
def search(place: Place) -> str:
    """The id of a search of the demo's clip that was done."""
    request = {"Video": video("lesson.mp4"), "CollectionId": "class", "JobTag": "lesson/1"}
    job_id = place.rekognition.start_face_search(**request)["JobId"]
    with working(place.service):
        assert ended(place.rekognition.get_face_search, job_id)["JobStatus"] == "SUCCEEDED"
    return str(job_id)


@pytest.fixture(scope="module")
def detection(place: Place) -> str:
    """The id of a detection in the demo's clip that was done."""
    job_id = place.rekognition.start_face_detection(Video=video("lesson.mp4"), FaceAttributes="ALL")["JobId"]
    with working(place.service):
        assert ended(place.rekognition.get_face_detection, job_id)["JobStatus"] == "SUCCEEDED"
    return str(job_id)


def times(persons: list[Json]) -> dict[str, list[float]]:
    """By name, or index of a stranger: when somebody is in the video, seconds."""
    found = defaultdict(list)
    for each in persons:
        names = {match["Face"]["ExternalImageId"] for match in each.get("FaceMatches", [])}
        assert len(names) <= 1
        found[names.pop() if names else str(each["Person"]["Index"])].append(each["Timestamp"] / 1000)
    return found


def test_a_search_finds_the_enrolled_people_when_they_are_there(place: Place, search: str, demo: Demo) -> None:
    told = place.rekognition.get_face_search(JobId=search)
    seen = times(told["Persons"])
    assert set(seen) >= {"Barack_Obama", "Joe_Biden"} and len(seen) == 3
    for name, moments in seen.items():
        there = [one for one in demo.appearances if (one.name or "").replace(" ", "_") == (name if "_" in name else "")]
        assert moments[0] == pytest.approx(there[0].start, abs=0.5)
        assert moments[-1] == pytest.approx(there[-1].end, abs=0.5)
        assert all(any(one.start - 0.5 <= moment <= one.end + 0.5 for one in there) for moment in moments)


def test_a_search_tells_of_the_video_the_job_and_every_face(place: Place, search: str) -> None:
    told = place.rekognition.get_face_search(JobId=search)
    assert (told["JobId"], told["Video"], told["JobTag"]) == (search, video("lesson.mp4"), "lesson/1")
    assert told["VideoMetadata"] == {
        "Codec": "h264",
        "Format": "QuickTime / MOV",
        "DurationMillis": 8000,
        "FrameRate": 25.0,
        "FrameWidth": 1280,
        "FrameHeight": 720,
    }
    assert "StatusMessage" not in told and "NextToken" not in told
    for each in told["Persons"]:
        person, box = each["Person"], each["Person"]["Face"]["BoundingBox"]
        assert person["BoundingBox"] == box and 0.02 < box["Width"] < 0.5 and len(person["Face"]["Landmarks"]) == 5
        for match in each.get("FaceMatches", []):
            assert match["Similarity"] > 90 and match["Face"]["ImageId"]


def test_people_come_by_time_or_by_index(place: Place, search: str) -> None:
    by_time = place.rekognition.get_face_search(JobId=search)["Persons"]
    by_index = place.rekognition.get_face_search(JobId=search, SortBy="INDEX")["Persons"]
    assert [each["Timestamp"] for each in by_time] == sorted(each["Timestamp"] for each in by_time)
    keys = [(each["Person"]["Index"], each["Timestamp"]) for each in by_index]
    assert keys == sorted(keys) and {index for index, _ in keys} == {0, 1, 2}
    assert sorted(map(repr, by_index)) == sorted(map(repr, by_time)) and by_index != by_time
    assert place.rekognition.get_face_search(JobId=search, SortBy="TIMESTAMP")["Persons"] == by_time


@pytest.mark.parametrize("order", ["TIMESTAMP", "INDEX"])
def test_pages_of_a_search_hold_everything_once(place: Place, search: str, order: str) -> None:
    every = place.rekognition.get_face_search(JobId=search, SortBy=order)["Persons"]
    found = pages(place.rekognition.get_face_search, "Persons", search, 7, SortBy=order)
    assert [each for page in found for each in page] == every
    assert {len(page) for page in found[:-1]} == {7} and 0 < len(found[-1]) <= 7


def test_pages_of_a_detection_hold_everything_once(place: Place, detection: str) -> None:
    every = place.rekognition.get_face_detection(JobId=detection)["Faces"]
    found = pages(place.rekognition.get_face_detection, "Faces", detection, 1)
    assert [each for page in found for each in page] == every and len(found) == len(every) > 20


def test_a_detection_finds_every_face_of_every_sampled_frame(place: Place, detection: str, demo: Demo) -> None:
    told = place.rekognition.get_face_detection(JobId=detection)
    assert all(
        set(each["Face"]) == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"} for each in told["Faces"]
    )
    counts = Counter(each["Timestamp"] for each in told["Faces"])
    with open_video(demo.clip) as opened:
        moments = [frame.time for frame in opened.frames(4)]
    assert set(counts) <= {round(1000 * moment) for moment in moments}
    for moment in moments:
        there = sum(one.start <= moment <= one.end for one in demo.appearances)
        at_the_edge = any(min(abs(moment - one.start), abs(moment - one.end)) < 0.3 for one in demo.appearances)
        assert counts[round(1000 * moment)] == there or at_the_edge
    assert told["VideoMetadata"]["DurationMillis"] == 8000 and "JobTag" not in told


def test_a_token_of_another_listing_is_refused(place: Place, search: str, detection: str) -> None:
    token = place.rekognition.get_face_search(JobId=search, MaxResults=3)["NextToken"]
    refused = "InvalidPaginationTokenException"
    assert place.code("get_face_search", JobId=search, NextToken=token, SortBy="INDEX") == refused
    assert place.code("get_face_search", JobId=search, NextToken="made up") == refused
    assert place.code("get_face_detection", JobId=detection, NextToken=token) == refused


def test_a_job_is_found_by_its_own_operation_alone(place: Place, search: str, detection: str) -> None:
    missing = "ResourceNotFoundException"
    assert place.code("get_face_search", JobId=detection) == missing
    assert place.code("get_face_detection", JobId=search) == missing
    assert place.code("get_face_detection", JobId="nobody-asked") == missing


def test_what_cannot_be_started_is_refused_with_the_reason(place: Place) -> None:
    for method, more in (("start_face_detection", {}), ("start_face_search", {"CollectionId": "class"})):
        assert place.code(method, Video=video("nobody.mp4"), **more) == "InvalidS3ObjectException"
        assert place.code(method, Video=video("lesson.mp4", "no-such-bucket"), **more) == "InvalidS3ObjectException"
        assert place.code(method, Video=video("lesson.mp4", Version="1"), **more) == "InvalidS3ObjectException"
        assert place.code(method, Video={}, **more) == "InvalidParameterException"
        assert place.code(method, Video={"S3Object": {"Bucket": BUCKET}}, **more) == "InvalidParameterException"
        channel = {"SNSTopicArn": "arn:aws:s3:::lessons", "RoleArn": ROLE}
        request = {"Video": video("lesson.mp4"), "NotificationChannel": channel, **more}
        assert place.code(method, **request) == "InvalidParameterException"
    request = {"Video": video("lesson.mp4"), "CollectionId": "nobody"}
    assert place.code("start_face_search", **request) == "ResourceNotFoundException"


def test_a_video_of_more_than_ten_gigabytes_is_refused(place: Place) -> None:
    path = Path(place.service.settings.data) / "objects" / "buckets" / BUCKET / "huge.mp4"
    with path.open("wb") as file:
        file.truncate(10 * 10**9 + 1)  # a hole: it takes no space
    try:
        assert place.code("start_face_detection", Video=video("huge.mp4")) == "VideoTooLargeException"
    finally:
        path.unlink()


def test_a_job_nobody_has_done_is_in_progress(place: Place) -> None:
    request = {"Video": video("empty.mp4"), "JobTag": "early"}
    job_id = place.rekognition.start_face_detection(**request)["JobId"]
    told = place.rekognition.get_face_detection(JobId=job_id)
    assert (told["JobStatus"], told["Faces"], told["JobTag"]) == ("IN_PROGRESS", [], "early")
    assert told["Video"] == video("empty.mp4") and "VideoMetadata" not in told
    with working(place.service):
        told = ended(place.rekognition.get_face_detection, job_id)
    assert (told["JobStatus"], told["Faces"], told["JobTag"]) == ("SUCCEEDED", [], "early")


def test_a_request_with_its_token_is_one_job(place: Place) -> None:
    token = uuid4().hex
    request = {"Video": video("empty.mp4"), "ClientRequestToken": token}
    start = place.rekognition.start_face_detection
    with ThreadPoolExecutor(4) as threads:
        job_ids = {told["JobId"] for told in threads.map(lambda _: start(**request), range(8))}
    assert len(job_ids) == 1
    mismatch = "IdempotentParameterMismatchException"
    assert place.code("start_face_detection", **request, JobTag="other") == mismatch
    assert place.code("start_face_detection", Video=video("text.mp4"), ClientRequestToken=token) == mismatch
    with working(place.service):
        ended(place.rekognition.get_face_detection, *job_ids)
    assert start(**request)["JobId"] in job_ids
    assert place.rekognition.get_face_detection(JobId=job_ids.pop())["JobStatus"] == "SUCCEEDED"
    assert start(Video=video("empty.mp4"))["JobId"] != start(Video=video("empty.mp4"))["JobId"]


def test_a_token_of_a_request_that_was_refused_may_be_used_again(place: Place) -> None:
    request = {"Video": video("late.mp4"), "ClientRequestToken": uuid4().hex}
    assert place.code("start_face_detection", **request) == "InvalidS3ObjectException"
    place.put("late.mp4", b"no video")
    assert place.rekognition.start_face_detection(**request)["JobId"]


def test_what_is_no_video_fails_with_the_reason(place: Place) -> None:
    search = {"Video": video("text.mp4"), "CollectionId": "class"}
    started = [place.rekognition.start_face_search(**search)["JobId"] for _ in range(2)]
    job_id = place.rekognition.start_face_detection(Video=video("text.mp4"))["JobId"]
    with working(place.service):
        told = [ended(place.rekognition.get_face_search, each) for each in started]
        told.append(ended(place.rekognition.get_face_detection, job_id))
    for each in told:
        assert each["JobStatus"] == "FAILED" and "text.mp4: not a readable video" in each["StatusMessage"]
        assert each["Video"] == video("text.mp4") and not each.get("Faces") and not each.get("Persons")


def test_a_damaged_video_is_read_as_far_as_it_goes_and_the_rest_is_told(place: Place, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mkv", 50, rate=5).read_bytes()
    place.put("cut.mkv", whole[: len(whole) // 2])
    job_id = place.rekognition.start_face_detection(Video=video("cut.mkv"))["JobId"]
    with working(place.service):
        told = ended(place.rekognition.get_face_detection, job_id)
    assert told["JobStatus"] == "SUCCEEDED" and "stopped after" in told["StatusMessage"]


def test_faces_and_collections_that_are_erased_are_told_of_no_more(place: Place, demo: Demo) -> None:
    enroll(place, "passing", demo)
    enroll(place, "gone", demo)
    start, get = place.rekognition.start_face_search, place.rekognition.get_face_search
    kept, gone = (start(Video=video("lesson.mp4"), CollectionId=name)["JobId"] for name in ("passing", "gone"))
    place.rekognition.delete_collection(CollectionId="gone")
    with working(place.service):
        persons = ended(get, kept)["Persons"]
        told = ended(get, gone)
    assert (told["JobStatus"], told["StatusMessage"]) == ("FAILED", "There is no collection 'gone'")
    ids = {m["Face"]["ExternalImageId"]: m["Face"]["FaceId"] for p in persons for m in p.get("FaceMatches", [])}
    place.rekognition.delete_faces(CollectionId="passing", FaceIds=[ids["Joe_Biden"]])
    left = get(JobId=kept)["Persons"]
    assert set(times(left)) & set(ids) == {"Barack_Obama"} and len(left) == len(persons)
    place.rekognition.delete_collection(CollectionId="passing")
    assert not any("FaceMatches" in each for each in get(JobId=kept)["Persons"])


def test_jobs_at_once_do_not_disturb_each_other(place: Place, search: str, detection: str) -> None:
    request = {"Video": video("lesson.mp4"), "CollectionId": "class", "FaceMatchThreshold": 100}
    second = place.rekognition.start_face_search(**request)["JobId"]
    other = place.rekognition.start_face_detection(Video=video("lesson.mp4"))["JobId"]
    with working(place.service, 2):
        persons = ended(place.rekognition.get_face_search, second)["Persons"]
        faces = ended(place.rekognition.get_face_detection, other)["Faces"]
    assert faces == place.rekognition.get_face_detection(JobId=detection)["Faces"]
    assert {name for name in times(persons) if "_" in name} == {"Joe_Biden"}  # his photo is in the clip
    first = place.rekognition.get_face_search(JobId=search)["Persons"]
    assert [each["Person"] for each in persons] == [each["Person"] for each in first]


def test_a_result_whose_faces_were_deleted_is_not_found(place: Place, detection: str) -> None:
    objects, other = place.service.objects, str(uuid4())
    objects.put(result_key(other), objects.get(result_key(detection)).replace(detection.encode(), other.encode()))
    assert place.code("get_face_detection", JobId=other) == "ResourceNotFoundException"


def test_a_request_whose_message_was_lost_with_its_server_is_sent_again(place: Place) -> None:
    request = {"Video": video("empty.mp4"), "ClientRequestToken": uuid4().hex}
    job_id = place.rekognition.start_face_detection(**request)["JobId"]
    for delivery in place.service.queue.receive(10):  # as if it had been killed before it sent that
        place.service.queue.delete(delivery)
    assert place.rekognition.start_face_detection(**request)["JobId"] == job_id
    with working(place.service):
        assert ended(place.rekognition.get_face_detection, job_id)["JobStatus"] == "SUCCEEDED"


def test_why_a_job_failed_is_told_without_the_addresses_of_stores(place: Place) -> None:
    job_id = place.rekognition.start_face_detection(Video=video("empty.mp4"))["JobId"]
    for delivery in place.service.queue.receive(10):
        (job,) = parse(delivery.body, lambda _: Kind.RECOGNIZE)
        place.service.queue.delete(delivery)
    fail(place.service.objects, job, "s3://secret/results: it does not answer", "StoreUnavailable")
    told = place.rekognition.get_face_detection(JobId=job_id)
    assert told["JobStatus"] == "FAILED" and told["StatusMessage"] and "secret" not in told["StatusMessage"]
