"""Objects in memory and in a folder: the contract, then what only a folder can suffer."""

import os
import time
from pathlib import Path

import pytest

from contracts.object_store import ObjectStoreContract, keys
from photocall.errors import StoreUnavailable
from photocall.stores.objects import FRAGMENT_SECONDS, ObStore


class TestObjectsInMemory(ObjectStoreContract):
    @pytest.fixture
    def objects(self) -> ObStore:
        return ObStore("memory:///")


class TestObjectsInAFolder(ObjectStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> ObStore:
        return ObStore((tmp_path / "my objects").as_uri())


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
        "s3://bucket/x",
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
    (tmp_path / "1.jpg").mkdir()
    with pytest.raises(StoreUnavailable, match=r"1\.jpg: .*directory") as caught:
        objects.put("1.jpg", b"1")
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
