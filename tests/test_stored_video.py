"""Stored video: who is where in made scenes of the demo's portraits, with one search a person."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from people import MODEL
from photocall.demo import Demo
from photocall.engine.face_engine import FaceEngine
from photocall.enrolment import enroll_photo
from photocall.errors import CollectionNotFound, ModelMismatch
from photocall.face_rows import Rows
from photocall.faces import ByteArray, FloatArray
from photocall.gallery import Gallery
from photocall.media.videos import Frame
from photocall.nearest import Candidate
from photocall.stored_video import by_person, detect_faces, search_faces
from photocall.stores.sql import SqlStore

Portraits = dict[str, ByteArray]


@pytest.fixture
def store(tmp_path: Path, engine: FaceEngine, demo: Demo) -> Iterator[SqlStore]:
    """The demo's two people in the collection "class"."""
    with SqlStore(f"sqlite:///{tmp_path / 'faces.db'}") as store:
        store.create_collection("class", MODEL)
        for path in sorted(demo.enroll.glob("*.jpg")):
            enroll_photo(engine, store, "class", path, path.stem)
        yield store


def names(store: SqlStore) -> dict[str, str]:
    return {record.face_id: record.external_image_id for record in store.faces("class")}


def scene(*people: ByteArray) -> ByteArray:
    """People beside each other, in halves of a frame of 480 rows."""
    frame = np.full((480, 800, 3), 90, np.uint8)
    for place, person in enumerate(people):
        part = person[::2, ::2][:400, :400]
        frame[40 : 40 + part.shape[0], 400 * place : 400 * place + part.shape[1]] = part
    return frame


def film(*pictures: ByteArray) -> list[Frame]:
    """Each picture for a second, four frames a second."""
    return [Frame(index / 4, pictures[index // 4]) for index in range(4 * len(pictures))]


def seen(rows: Rows, person: int) -> list[int]:
    return [int(row["time"]) for row in rows if row["person"] == person]


def test_each_person_has_an_index_in_order_of_appearance_and_keeps_it_after_a_cut(
    engine: FaceEngine, store: SqlStore, portraits: Portraits
) -> None:
    obama, biden = scene(portraits["obama2"]), scene(portraits["biden"])
    found = search_faces(engine, store, "class", film(biden, obama, scene(portraits["astronaut"]), biden), 80)
    people = [[names(store)[match.face_id] for match in matches] for matches in found.matches]
    assert people == [["Joe Biden"], ["Barack Obama"], []]
    assert seen(found.rows, 0) == [0, 250, 500, 750, 3000, 3250, 3500, 3750]
    assert seen(found.rows, 1) == [1000, 1250, 1500, 1750] and seen(found.rows, 2) == [2000, 2250, 2500, 2750]


def test_people_seen_at_once_have_rows_of_their_own(engine: FaceEngine, store: SqlStore, portraits: Portraits) -> None:
    told: list[tuple[int, float, int]] = []
    frames = film(scene(portraits["obama2"], portraits["biden"]))
    found = search_faces(engine, store, "class", frames, 80, lambda *so_far: told.append(so_far))
    assert told[-1] == (4, 0.75, 2)
    assert found.rows["person"].tolist() in ([0, 1] * 4, [1, 0] * 4)
    assert by_person(found.rows)["person"].tolist() == [0] * 4 + [1] * 4
    assert by_person(found.rows)["time"].tolist() == [0, 250, 500, 750] * 2
    left = {int(row["person"]): row["box"][0] < 400 for row in found.rows}
    (first,) = [names(store)[match.face_id] for match in found.matches[0]]
    assert left[0] == (first == "Barack Obama") and left[1] != left[0]
    assert found.rows["size"].tolist() == [[800, 480]] * 8


def test_a_person_is_searched_once_however_long_the_video_shows_them(
    engine: FaceEngine, store: SqlStore, portraits: Portraits, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches, search = list[int](), Gallery.search

    def counted(gallery: Gallery, probes: FloatArray, *more: Any) -> list[list[Candidate]]:
        searches.append(len(probes))
        return search(gallery, probes, *more)

    monkeypatch.setattr(Gallery, "search", counted)
    found = search_faces(engine, store, "class", film(*[scene(portraits["obama2"])] * 6), 80)
    assert searches == [3] and len(found.matches) == 1 and len(found.rows) == 24  # three pictures of a track


def test_only_faces_similar_enough_are_told_the_most_similar_first(
    engine: FaceEngine, store: SqlStore, portraits: Portraits
) -> None:
    frames = film(scene(portraits["obama2"]))
    (every,) = search_faces(engine, store, "class", frames, 0).matches
    assert [names(store)[match.face_id] for match in every] == ["Barack Obama", "Joe Biden"]
    assert every[0].similarity > 80 > every[1].similarity
    least = (every[0].similarity + every[1].similarity) / 2
    assert search_faces(engine, store, "class", frames, least).matches == [every[:1]]


def test_a_detection_has_the_faces_of_every_frame(engine: FaceEngine, portraits: Portraits) -> None:
    two, none = scene(portraits["obama2"], portraits["biden"]), scene()
    rows = detect_faces(engine, film(two, none, two[:, :400]))
    assert rows["time"].tolist() == [0, 0, 250, 250, 500, 500, 750, 750, 2000, 2250, 2500, 2750]
    assert {tuple(size) for size in rows["size"].tolist()} == {(800, 480), (400, 480)}


def test_a_video_of_nobody_has_no_rows(engine: FaceEngine, store: SqlStore) -> None:
    for frames in ([], film(scene())):
        found = search_faces(engine, store, "class", frames, 80)
        assert len(found.rows) == len(detect_faces(engine, frames)) == 0 and found.matches == []


def test_a_collection_that_is_not_there_or_of_another_model_is_refused(engine: FaceEngine, store: SqlStore) -> None:
    store.create_collection("other", "another model")
    with pytest.raises(CollectionNotFound):
        search_faces(engine, store, "nobody", film(scene()), 80)
    with pytest.raises(ModelMismatch):
        search_faces(engine, store, "other", film(scene()), 80)
