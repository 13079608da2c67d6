"""What every ObjectStore does, wherever the objects lie.

An adapter's test inherits `ObjectStoreContract` and gives it a fixture `objects`: an empty one, anew for every test.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from tempfile import TemporaryFile

import pytest

from photocall.errors import ObjectKeyInvalid, ObjectNotFound, ObjectTooLarge
from photocall.ports import ObjectStore


def keys(objects: ObjectStore, prefix: str) -> list[str]:
    return sorted(each.key for each in objects.list(prefix))


class ObjectStoreContract:
    """Needs a fixture `objects`."""

    @pytest.mark.parametrize("data", [b"", b"\x00\xff" * 500_000])
    def test_what_was_put_comes_back(self, objects: ObjectStore, data: bytes) -> None:
        objects.put("faces/class/1.jpg", data)
        assert objects.get("faces/class/1.jpg") == data

    @pytest.mark.parametrize("size", [0, 1000, 12 * 2**20])
    def test_a_file_is_uploaded_from_where_it_stands_to_its_end(self, objects: ObjectStore, size: int) -> None:
        with TemporaryFile() as file:
            file.write(b"head" + b"\x00\xff" * (size // 2))
            file.seek(4)
            objects.upload("lessons/1.mp4", file)
        assert objects.get("lessons/1.mp4") == b"\x00\xff" * (size // 2)
        assert keys(objects, "lessons") == ["lessons/1.mp4"]

    @pytest.mark.parametrize("key", ["a", "a b/c d.jpg", "Zoë/李.jpg", "a%2Fb/1.jpg", "%2E%2E/1.jpg", "50%/1#x.jpg"])
    def test_a_key_is_taken_as_it_is_written(self, objects: ObjectStore, key: str) -> None:
        objects.put(key, b"1")
        assert objects.get(key) == b"1"
        objects.delete(key)
        with pytest.raises(ObjectNotFound):
            objects.get(key)

    @pytest.mark.parametrize(
        "key",
        ["../evil", "a/../../evil", "a//b", "a/./b", "a\0b", "a\nb", "..\\evil", "/a", "a/", "", "é" * 513, "\ud800"],
    )
    def test_a_key_that_could_leave_the_store_is_refused(self, objects: ObjectStore, key: str) -> None:
        evil = BytesIO(b"evil")
        writers = (lambda each: objects.put(each, b"evil"), lambda each: objects.upload(each, evil))
        for verb in (objects.get, objects.delete, *writers):
            with pytest.raises(ObjectKeyInvalid, match="not the key of an object"):
                verb(key)

    def test_an_object_as_large_as_allowed_is_read_and_a_larger_one_is_not(self, objects: ObjectStore) -> None:
        objects.put("faces/1.jpg", b"12345")
        assert objects.get("faces/1.jpg", 5) == b"12345"
        with pytest.raises(ObjectTooLarge, match=r"'faces/1\.jpg': 5 bytes are more than the 4 allowed"):
            objects.get("faces/1.jpg", 4)

    def test_above_and_below_an_object_there_is_nothing(self, objects: ObjectStore) -> None:
        objects.put("faces/1.jpg", b"1")
        for key in ("faces", "faces/1.jpg/2.jpg"):
            with pytest.raises(ObjectNotFound):
                objects.get(key)
            objects.delete(key)
        assert objects.get("faces/1.jpg") == b"1"

    def test_putting_again_replaces(self, objects: ObjectStore) -> None:
        objects.put("faces/1.jpg", b"a long first one")
        objects.put("faces/1.jpg", b"second")
        assert objects.get("faces/1.jpg") == b"second"
        assert keys(objects, "faces") == ["faces/1.jpg"]

    def test_an_object_that_is_not_there_is_named(self, objects: ObjectStore) -> None:
        with pytest.raises(ObjectNotFound, match=r"'faces/1\.jpg'"):
            objects.get("faces/1.jpg")

    def test_deleting_twice_is_the_same_as_once(self, objects: ObjectStore) -> None:
        objects.put("faces/1.jpg", b"1")
        objects.put("faces/2.jpg", b"2")
        objects.delete("faces/1.jpg")
        objects.delete("faces/1.jpg")
        objects.delete("nowhere/at/all.jpg")
        assert keys(objects, "faces") == ["faces/2.jpg"]

    def test_a_listing_has_what_lies_below_whole_parts_of_the_key(self, objects: ObjectStore) -> None:
        for key in ("faces/a/1.jpg", "faces/a/b/2.jpg", "faces/ab/3.jpg", "results/a/4.json"):
            objects.put(key, b"x")
        assert keys(objects, "faces/a") == ["faces/a/1.jpg", "faces/a/b/2.jpg"]
        assert keys(objects, "faces") == ["faces/a/1.jpg", "faces/a/b/2.jpg", "faces/ab/3.jpg"]
        assert keys(objects, "elsewhere") == []

    def test_a_listing_tells_when_an_object_was_written(self, objects: ObjectStore) -> None:
        objects.put("faces/1.jpg", b"1")
        (listed,) = objects.list("faces")
        assert abs(datetime.now(UTC) - listed.written) < timedelta(minutes=1)

    def test_thousands_of_objects_are_listed(self, objects: ObjectStore) -> None:
        for number in range(1100):
            objects.put(f"faces/{number}.jpg", b"")
        assert len(keys(objects, "faces")) == 1100

    def test_threads_may_put_and_delete_at_once(self, objects: ObjectStore) -> None:
        def work(thread: int) -> None:
            for number in range(20):
                objects.put(f"faces/{thread % 2}/{number}.jpg", bytes([thread]) * 1000)
                objects.delete(f"shortly/{thread}/{number}.jpg")
                objects.put(f"shortly/{thread}/{number}.jpg", b"1")
                objects.delete(f"shortly/{thread}/{number}.jpg")
                assert len(set(objects.get(f"faces/{thread % 2}/{number}.jpg"))) == 1

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, range(8)))
        assert len(keys(objects, "faces")) == 40
        assert keys(objects, "shortly") == []
