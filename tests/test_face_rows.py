"""The table of a video's faces: what a row keeps, and pages of the table out of objects."""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from people import GOOD, face
from photocall.errors import ObjectNotFound, StoreUnavailable
from photocall.face_rows import PART, ROW, as_rows, face_of, joined, read_rows, write_rows
from photocall.ports import ObjectStore
from photocall.stores.objects import ObStore


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObStore(tmp_path.as_uri())


def test_a_row_keeps_all_of_a_face_but_what_it_could_be_compared_by() -> None:
    (row,) = as_rows(1.2345, (640, 360), [face(None, 20.5, 40.25, 80)], [7])
    kept = face_of(row)
    assert (row["time"], row["person"], row["size"].tolist()) == (1234, 7, [640, 360])
    assert astuple(kept.box) == (20.5, 40.25, 80, 80) and kept.score == pytest.approx(0.99)
    assert astuple(kept.quality) == pytest.approx(astuple(GOOD)[1:], rel=1e-6) or kept.quality.size == 80
    assert np.array_equal(kept.landmarks, face(None, 20.5, 40.25, 80).landmarks) and kept.embedding is None


def test_every_page_is_the_part_of_the_table_that_it_names(objects: ObjectStore) -> None:
    rows = np.zeros(2 * PART + 5, ROW)
    rows["time"] = np.arange(len(rows))
    write_rows(objects, "results/a/by-time", rows)
    for start, stop in ((0, 1), (PART - 1, PART + 1), (PART, 2 * PART), (3, len(rows)), (len(rows), len(rows))):
        assert read_rows(objects, "results/a/by-time", start, stop)["time"].tolist() == list(range(start, stop))


def test_a_table_of_nobody_takes_no_object(objects: ObjectStore) -> None:
    write_rows(objects, "results/a/by-time", joined([]))
    assert list(objects.list("results")) == [] and len(read_rows(objects, "results/a/by-time", 0, 0)) == 0


@pytest.mark.parametrize("damage", [b"", b"no table", b"\x93NUMPY\x01\x00", b"PK\x03\x04"])
def test_a_damaged_table_is_told_of(objects: ObjectStore, damage: bytes) -> None:
    objects.put("results/a/by-time/000000.npy", damage)
    with pytest.raises(StoreUnavailable, match=r"000000\.npy: it is no table of faces"):
        read_rows(objects, "results/a/by-time", 0, 1)


def test_a_table_of_other_columns_and_one_that_is_gone_are_told_of(objects: ObjectStore, tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", np.zeros(3))
    objects.put("results/a/by-time/000000.npy", (tmp_path / "other.npy").read_bytes())
    with pytest.raises(StoreUnavailable, match="it is no table of faces"):
        read_rows(objects, "results/a/by-time", 0, 1)
    with pytest.raises(ObjectNotFound):
        read_rows(objects, "results/b/by-time", 0, 1)
