"""Objects in memory, in a folder and in S3: the contract, then what only one of them can suffer."""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.object_store import ObjectStoreContract, keys
from photocall.app import open_bucket
from photocall.errors import BucketNotFound, ObjectKeyInvalid, ObjectNotFound, ObjectTooLarge, StoreUnavailable
from photocall.ports import ObjectStore
from photocall.settings import Settings
from photocall.stores.objects import FRAGMENT_SECONDS, ObStore
from s3_server import CREDENTIALS, free_port, make_bucket, running_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3, which the environment names, too."""
    with running_s3() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
            environment.setenv(name, value)
        yield endpoint


@pytest.fixture
def bucket(s3: str) -> str:
    """The name of a new bucket."""
    name = f"photos-{uuid.uuid4()}"
    make_bucket(s3, name)
    return name


def memory() -> str:
    """An address that nobody else has."""
    return f"memory:///{uuid.uuid4()}"


class TestObjectsInMemory(ObjectStoreContract):
    @pytest.fixture
    def objects(self) -> ObStore:
        return ObStore(memory())


class TestObjectsInAFolder(ObjectStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> ObStore:
        return ObStore((tmp_path / "my objects").as_uri())


class TestObjectsInS3(ObjectStoreContract):
    @pytest.fixture
    def objects(self, bucket: str) -> ObStore:
        return ObStore(f"s3://{bucket}/some/where")


def test_a_large_object_is_fetched_from_s3_by_several_requests(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocall.stores.objects._RANGE", 1000)
    objects, data = ObStore(f"s3://{bucket}"), os.urandom(3500)
    objects.put("a", data)
    objects.download("a", tmp_path / "a", len(data))
    assert (tmp_path / "a").read_bytes() == data


class TestObjectsInABucketOfAFolder(ObjectStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> ObjectStore:
        (tmp_path / "buckets" / "mine").mkdir(parents=True)
        return open_bucket(Settings(objects=tmp_path.as_uri()), "mine")


def test_a_memory_is_the_same_for_everybody_who_has_its_address() -> None:
    address = memory()
    ObStore(address).put("1.jpg", b"1")
    assert ObStore(address).get("1.jpg") == b"1"
    with pytest.raises(ObjectNotFound):
        ObStore(memory()).get("1.jpg")


def test_what_is_too_large_is_not_read_at_all(tmp_path: Path) -> None:
    with (tmp_path / "1.jpg").open("wb") as file:
        file.truncate(2**42)  # a file of holes: it could not be read into this machine's memory
    with pytest.raises(ObjectTooLarge, match="4398046511104 bytes"):
        ObStore(tmp_path.as_uri()).get("1.jpg", 15 * 2**20)


@pytest.mark.parametrize("key", ["1.jpg#1", "a/" + "x" * 300])
def test_a_key_that_no_file_can_have_is_told(tmp_path: Path, key: str) -> None:
    with pytest.raises(ObjectKeyInvalid):
        ObStore(tmp_path.as_uri()).put(key, b"1")


# --- buckets


@pytest.fixture(params=["folder", "memory", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "s3":
        return Settings(objects=f"s3://{request.getfixturevalue('bucket')}/kept")
    return Settings(objects=memory() if request.param == "memory" else (tmp_path / "objects").as_uri())


def test_a_bucket_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    nowhere = open_bucket(settings, "nowhere")
    with pytest.raises(BucketNotFound, match="There is no bucket 'nowhere'"):
        nowhere.get("1.jpg")
    with pytest.raises(BucketNotFound, match="There is no bucket 'nowhere'"):
        list(nowhere.list("faces"))
    assert not list(tmp_path.rglob("nowhere"))


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a", "a/../../etc", "UPPER", "with space", "a?b=c", "x" * 64, "..\\.."]
)
def test_a_bucket_with_an_impossible_name_is_not_there(settings: Settings, name: str) -> None:
    with pytest.raises(BucketNotFound):
        open_bucket(settings, name)


def test_a_local_bucket_comes_with_its_first_object(tmp_path: Path) -> None:
    settings = Settings(objects=tmp_path.as_uri())
    open_bucket(settings, "mine").put("class/1.jpg", b"1")
    assert (tmp_path / "buckets" / "mine" / "class" / "1.jpg").read_bytes() == b"1"
    assert open_bucket(settings, "mine").get("class/1.jpg") == b"1"
    with pytest.raises(ObjectNotFound, match=r"'class/2\.jpg'"):
        open_bucket(settings, "mine").get("class/2.jpg")


def test_a_bucket_of_s3_is_the_one_of_that_name_wherever_kept_photos_are(s3: str) -> None:
    settings = Settings(objects="s3://elsewhere/kept")
    make_bucket(s3, "images-of-mine")
    open_bucket(settings, "images-of-mine").put("1.jpg", b"1")
    assert ObStore("s3://images-of-mine").get("1.jpg") == b"1"


def test_an_s3_that_does_not_answer_is_told_in_one_line_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**CREDENTIALS, "AWS_SECRET_ACCESS_KEY": "hush-hush"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    objects = ObStore("s3://photos")  # not asked before it is used
    with pytest.raises(StoreUnavailable, match=r"s3://photos: 1\.jpg: ") as caught:
        objects.get("1.jpg")
    assert "\n" not in str(caught.value)
    assert "hush-hush" not in str(caught.value)


# --- a folder


def test_a_folder_is_made_for_its_owner_alone_and_keeps_what_is_put_into_it(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "100% Zoë#?"
    ObStore(folder.as_uri()).put("faces/1.jpg", b"1")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "faces" / "1.jpg").read_bytes() == b"1"
    assert ObStore(folder.as_uri()).get("faces/1.jpg") == b"1"


@pytest.mark.parametrize(
    "url",
    [
        "photos",
        "/srv/photos",
        "file:photos",
        "file://host/photos",
        "file:///a?b=c",
        "ftp://x/y",
        "s3://",
        "s3://b/x",
        "s3://Bucket/x",
        "s3://bucket/x?y",
        "memory://host/x",
        "file:///a%00",
        "",
    ],
)
def test_an_address_of_another_kind_is_refused_with_one_that_is_right(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="such as file:///"):
        ObStore(url)


def test_a_place_where_no_folder_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be made or entered"):
        ObStore((tmp_path / "file" / "objects").as_uri())


def test_a_failing_disk_is_told_in_one_line(tmp_path: Path) -> None:
    objects = ObStore(tmp_path.as_uri())
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(StoreUnavailable, match=r"circle/1\.jpg: .*symbolic") as caught:
        objects.put("circle/1.jpg", b"1")
    assert "\n" not in str(caught.value)


def test_what_a_killed_writer_left_half_written_is_never_seen_and_goes_with_the_next_listing(tmp_path: Path) -> None:
    objects = ObStore(tmp_path.as_uri())
    objects.put("faces/1.jpg", b"1")
    left, fresh = tmp_path / "faces" / "2.jpg#1", tmp_path / "faces" / "3.jpg#1"
    for path in (left, fresh):
        path.write_bytes(b"half a fa")
    long_ago = time.time() - FRAGMENT_SECONDS - 1
    os.utime(left, (long_ago, long_ago))
    assert keys(objects, "faces") == ["faces/1.jpg"]
    assert fresh.exists()
    assert not left.exists()


def test_an_object_with_the_name_of_a_folder_is_refused_for_good_where_objects_are_files(tmp_path: Path) -> None:
    bucket = open_bucket(Settings(data=tmp_path), "photos")
    bucket.put("class/1", b"first")
    with pytest.raises(ObjectKeyInvalid):
        bucket.put("class", b"second")
