"""A collection in memory follows its store, forgets what was deleted, and is right while other threads change it."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

import photocall.gallery
from people import MODEL, person, record
from photocall.errors import CollectionNotFound, FaceNotFound, ModelMismatch
from photocall.faces import Embedding, FaceRecord, FloatArray, VectorChanges
from photocall.gallery import Gallery
from photocall.metric import Metric
from photocall.stores.sql import SqlStore


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    store = SqlStore(f"sqlite:///{tmp_path / 'faces.db'}")
    store.create_collection("class", MODEL)
    return store


def crowd(count: int, seed: int = 0) -> list[FaceRecord]:
    vectors = np.random.default_rng(seed).normal(size=(count, 128)).astype(np.float32)
    return [record(f"{seed}-{number:05d}", Embedding(vector, MODEL)) for number, vector in enumerate(vectors)]


def memory(gallery: Gallery) -> bytes:
    """Every byte of the gallery's vectors."""
    return b"".join(part.segment.vectors.tobytes() for part in gallery._view.parts)


def face_ids(gallery: Gallery, probe: Embedding, limit: int = 10, max_distance: float = np.inf) -> list[str]:
    (found,) = gallery.search(probe.vector[None], limit, max_distance)
    return [each.face_id for each in found]


def test_a_person_is_as_near_as_the_nearest_of_the_persons_faces(store: SqlStore) -> None:
    store.put_faces("class", [record("b", person(1, 0.3)), record("a", person(0)), record("b", person(1), 1)])
    gallery = Gallery(store, "class", MODEL)
    probes = np.stack([person(1).vector, person(0, 0.5).vector])
    assert gallery.people == ("a", "b")
    assert len(gallery) == 3
    expected = [[2**0.5, 0.0], [0.5, np.hypot(2**0.5, 0.2)]]
    assert gallery.distances_to_people(probes) == pytest.approx(np.array(expected), abs=1e-3)


def test_a_person_with_several_photos_is_their_mean_where_the_metric_knows_the_scatter(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0, 0.3)), record("a", person(0, -0.3), 1), record("b", person(1))])
    gallery = Gallery(store, "class", MODEL, Metric(scatter=0.06))
    a, b = gallery.distances_to_people(person(0).vector[None])[0]
    assert a == pytest.approx((0.06 / 2) ** 0.5, abs=1e-3)  # the mean is the probe itself
    assert b == pytest.approx(2**0.5, abs=1e-3)


def test_an_empty_gallery_has_nobody_to_be_near_to(store: SqlStore) -> None:
    gallery = Gallery(store, "class", MODEL, Metric(hubness=np.zeros(129, np.float32), scatter=0.06))
    probe = person(0).vector[None]
    assert gallery.compared_with_people(probe)[0] == gallery.compared_with_users(probe)[0] == ()
    assert gallery.distances_to_people(person(0).vector[None]).shape == (1, 0)
    assert gallery.search(person(0).vector[None], 5, np.inf) == [[]]


def test_no_probe_gives_no_row(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0))])
    gallery = Gallery(store, "class", MODEL)
    assert gallery.distances_to_people(np.empty((0, 128), np.float32)).shape == (0, 1)
    assert gallery.search(np.empty((0, 128), np.float32), 5, np.inf) == []


def test_a_user_is_the_faces_associated_with_it_and_nobody_else_is_one(store: SqlStore) -> None:
    store.put_faces("class", [record(name, person(number)) for number, name in enumerate("abcd")])
    store.add_user("class", "zoe")
    store.add_user("class", "yan")
    store.add_user("class", "without faces")
    gallery = Gallery(store, "class", MODEL, Metric(scatter=0.0))
    probe = person(0).vector[None]
    assert not gallery.compared_with_users(probe)[0]
    store.associate_faces("class", "zoe", ["a-0", "b-0"], 100)
    store.associate_faces("class", "yan", ["d-0"], 100)
    gallery.refresh()
    users, distances = gallery.compared_with_users(probe)
    assert users == ("yan", "zoe") and distances[0] == pytest.approx([2**0.5, 0.5**0.5], abs=1e-3)
    assert gallery.people == ("a", "b", "c", "d") and len(gallery) == 4
    store.disassociate_faces("class", "zoe", ["b-0"])
    gallery.refresh()
    assert gallery.compared_with_users(probe)[1][0] == pytest.approx([2**0.5, 0], abs=1e-3)


def test_what_changes_in_the_store_is_there_after_a_refresh(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0)), record("b", person(1))])
    gallery = Gallery(store, "class", MODEL)
    store.put_faces("class", [record("c", person(2)), record("a", person(3))])
    store.delete_faces("class", ["b-0"])
    assert gallery.people == ("a", "b")
    gallery.refresh()
    assert gallery.people == ("a", "c") and len(gallery) == 2
    assert gallery.distances_to_people(person(3).vector[None])[0, 0] == pytest.approx(0, abs=1e-3)
    assert face_ids(gallery, person(3)) == ["a-0", "c-0"]


def test_a_gallery_that_grew_and_shrank_is_the_same_as_one_made_of_what_is_left(store: SqlStore) -> None:
    gallery, random = Gallery(store, "class", MODEL), np.random.default_rng(1)
    probes = np.stack([each.embedding.vector for each in crowd(5, seed=99)])
    for turn in range(12):
        store.put_faces("class", crowd(200, seed=turn))
        there = [face.face_id for face in store.faces("class")]
        store.delete_faces("class", random.choice(there, len(there) * turn // 16, replace=False).tolist())
        gallery.refresh()
        anew = Gallery(store, "class", MODEL)
        assert len(gallery) == len(anew) == len(store.faces("class"))
        assert gallery.search(probes, 50, np.inf) == anew.search(probes, 50, np.inf)
        assert gallery.people == anew.people


def test_no_byte_of_a_deleted_face_stays_in_memory(store: SqlStore) -> None:
    faces = crowd(1000)
    store.put_faces("class", faces)
    gallery = Gallery(store, "class", MODEL)
    kept, gone = faces[0].embedding.vector, [face.embedding.vector for face in faces[1::2]]
    assert all(vector.tobytes() in memory(gallery) for vector in gone)
    store.delete_faces("class", [face.face_id for face in faces[1::2]])
    gallery.refresh()
    assert kept.tobytes() in memory(gallery)
    assert not any(vector[:4].tobytes() in memory(gallery) for vector in gone)


def test_a_face_that_is_replaced_leaves_nothing_of_its_old_vector(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0, 0.123)), record("b", person(1))])
    gallery = Gallery(store, "class", MODEL)
    store.put_faces("class", [record("a", person(2))])
    gallery.refresh()
    assert np.float32(0.123).tobytes() not in memory(gallery)
    assert len(gallery) == 2


def test_memory_is_given_back_where_most_faces_were_deleted(store: SqlStore) -> None:
    faces = crowd(2000)
    store.put_faces("class", faces)
    gallery = Gallery(store, "class", MODEL)
    before = len(memory(gallery))
    store.delete_faces("class", [face.face_id for face in faces[:-10]])
    gallery.refresh()
    assert len(gallery) == 10 and len(memory(gallery)) < before / 4
    assert face_ids(gallery, faces[-1].embedding, 1) == [faces[-1].face_id]
    store.delete_faces("class", [face.face_id for face in faces])
    gallery.refresh()
    assert len(gallery) == 0 and memory(gallery) == b""


def test_a_new_face_moves_none_of_the_others(store: SqlStore) -> None:
    store.put_faces("class", crowd(1000))
    gallery = Gallery(store, "class", MODEL)
    places = [part.segment.vectors.ctypes.data for part in gallery._view.parts]
    for seed in range(1, 4):
        store.put_faces("class", crowd(400, seed))
        gallery.refresh()
        assert [part.segment.vectors.ctypes.data for part in gallery._view.parts][: len(places)] == places
    assert len(gallery) == 2200


def test_a_collection_that_is_gone_leaves_no_face_in_memory_and_may_be_made_anew(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0)), record("b", person(1))])
    gallery = Gallery(store, "class", MODEL)
    (part,) = gallery._view.parts
    store.delete_collection("class")
    with pytest.raises(CollectionNotFound):
        gallery.refresh()
    assert not part.segment.vectors.any() and len(gallery) == 0 and not gallery.people
    store.create_collection("class", MODEL)
    gallery.refresh()
    assert len(gallery) == 0
    store.put_faces("class", [record("b", person(2))])
    gallery.refresh()
    assert gallery.people == ("b",) and face_ids(gallery, person(1), max_distance=1.0) == []


def test_a_gallery_whose_collection_was_moved_to_another_model_says_so_and_stays_as_it_was(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0))])
    gallery = Gallery(store, "class", MODEL)
    moved = record("a", Embedding(person(1).vector, "another-model"), collection_id="side")
    store.create_collection("side", "another-model")
    store.put_faces("side", [moved])
    assert store.adopt_faces("class", "side", store.changes("class", 0).version)
    for _ in range(2):
        with pytest.raises(ModelMismatch, match="embedded by 'another-model'"):
            gallery.refresh()
    assert gallery.distances_to_people(person(0).vector[None])[0, 0] == pytest.approx(0, abs=1e-3)


class MigratedMeanwhile(SqlStore):
    """Its collection is moved to another model between the two questions of a refresh."""

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        if since and self.collection(collection_id).model == MODEL:
            self.create_collection("side", "another-model")
            self.put_faces("side", [record("a", Embedding(person(1).vector, "another-model"), collection_id="side")])
            assert self.adopt_faces(collection_id, "side", self.changes(collection_id, 0).version)
        return super().vectors(collection_id, since)


def test_vectors_of_a_model_that_a_collection_was_just_moved_to_are_not_taken_over(tmp_path: Path) -> None:
    store = MigratedMeanwhile(f"sqlite:///{tmp_path / 'faces.db'}")
    store.create_collection("class", MODEL)
    store.put_faces("class", [record("a", person(0))])
    gallery = Gallery(store, "class", MODEL)
    with pytest.raises(ModelMismatch, match="embedded by 'another-model'"):
        gallery.refresh()
    assert gallery.vector("a-0").tolist() == person(0).vector.tolist()


def test_faces_of_another_model_are_never_compared(store: SqlStore) -> None:
    with pytest.raises(ModelMismatch):
        Gallery(store, "class", "another-model")
    with pytest.raises(CollectionNotFound):
        Gallery(store, "nobody", MODEL)


def test_a_face_is_known_by_its_id(store: SqlStore) -> None:
    store.put_faces("class", [record("ä", person(3)), record("b", person(1))])
    gallery = Gallery(store, "class", MODEL)
    assert gallery.vector("ä-0").tolist() == person(3).vector.tolist()
    gallery.vector("ä-0")[:] = 7  # a copy
    assert gallery.vector("ä-0").tolist() == person(3).vector.tolist()
    with pytest.raises(FaceNotFound, match="no face 'c-0' in collection 'class'"):
        gallery.vector("c-0")


def test_a_search_can_leave_out_the_face_that_it_is_for(store: SqlStore) -> None:
    store.put_faces("class", [record(name, person(number)) for number, name in enumerate("abc")])
    gallery = Gallery(store, "class", MODEL)
    (found,) = gallery.search(person(0).vector[None], 2, np.inf, without="a-0")
    assert [each.face_id for each in found] == ["b-0", "c-0"]
    (found,) = gallery.search(person(0).vector[None], 2, np.inf, without="nobody")
    assert [each.face_id for each in found] == ["a-0", "b-0"]


def test_more_faces_than_were_measured_are_warned_of_once(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(photocall.gallery, "MOST_FACES", 5)
    gallery = Gallery(store, "class", MODEL)
    with caplog.at_level(logging.WARNING):
        for seed in range(5):
            store.put_faces("class", crowd(2, seed))
            gallery.refresh()
            assert len(caplog.records) == (seed > 1)
    assert "6 faces, more than the 5" in caplog.text


def test_threads_that_search_while_faces_come_and_go_see_every_face_that_stays(store: SqlStore) -> None:
    """Each probe lies nearest to a face that stays; faces a little farther off come, are replaced and go."""
    staying, done = crowd(40, seed=1), Event()
    store.put_faces("class", [*crowd(9000), *staying])
    gallery = Gallery(store, "class", MODEL)
    probes = np.stack([face.embedding.vector for face in staying])

    def search(threads: int) -> int:
        turns = 0
        while not done.is_set() or turns < 5:
            for found, face in zip(gallery.search(probes, 3, np.inf), staying, strict=True):
                assert found[0].face_id == face.face_id and found[0].distance == 0
                assert len({each.face_id for each in found}) == 3
                for other in found[1:]:
                    assert not other.face_id.startswith("near") or 0.9 < other.distance < 4.1, "half a vector"
            assert set(gallery.people) >= {face.external_image_id for face in staying}
            turns += 1
        return turns

    def change() -> None:
        for turn in range(30):
            store.put_faces("class", neighbours(probes, 1 + turn % 4))
            gallery.refresh()
            store.delete_faces("class", [f"near {number}-0" for number in range(turn % 3, len(probes), 3)])
            gallery.refresh()

    with ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(search, number) for number in range(3)]
        try:
            change()
        finally:
            done.set()
        assert all(each.result() >= 5 for each in searches)


def test_a_face_that_is_replaced_again_and_again_is_always_there_once(store: SqlStore) -> None:
    store.put_faces("class", [*crowd(5000), record("a", person(0, 0.5))])
    gallery, probes = Gallery(store, "class", MODEL), person(0).vector[None]

    def replace() -> None:
        for turn in range(60):
            store.put_faces("class", [record("a", person(0, 0.5 + turn % 2))])
            gallery.refresh()

    with ThreadPoolExecutor(1) as pool:
        replacing = pool.submit(replace)
        while not replacing.done():
            (found,) = gallery.search(probes, 2, 2.0)
            assert [(each.face_id, each.distance) for each in found] in ([("a-0", 0.5)], [("a-0", 1.5)])
            assert gallery.vector("a-0")[-1] in (0.5, 1.5)
            assert gallery.distances_to_people(probes)[0, gallery.people.index("a")] < 1.6
        replacing.result()


def neighbours(probes: FloatArray, apart: int) -> list[FaceRecord]:
    """A face for each probe, so far off in one direction."""
    moved = probes.copy()
    moved[:, 5] += apart
    return [record(f"near {number}", Embedding(vector, MODEL)) for number, vector in enumerate(moved)]


def test_threads_that_refresh_at_once_all_see_what_was_there_before_they_asked(store: SqlStore) -> None:
    gallery = Gallery(store, "class", MODEL)

    def enrol(number: int) -> None:
        for turn in range(10):
            face = record(f"{number}", person(number), turn)
            store.put_faces("class", [face])
            gallery.refresh()
            assert gallery.vector(face.face_id).tolist() == face.embedding.vector.tolist()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(enrol, range(6)))
    assert len(gallery) == 60
