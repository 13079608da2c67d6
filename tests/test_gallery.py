from pathlib import Path

import numpy as np
import pytest

from people import MODEL, person, record
from photocall.errors import CollectionNotFound, ModelMismatch
from photocall.faces import Embedding
from photocall.gallery import Gallery
from photocall.metric import Metric
from photocall.stores.sql import SqlStore


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    store = SqlStore(f"sqlite:///{tmp_path / 'faces.db'}")
    store.create_collection("class", MODEL)
    return store


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
    gallery = Gallery(store, "class", MODEL)
    assert gallery.people == ()
    assert gallery.distances_to_people(person(0).vector[None]).shape == (1, 0)


def test_no_probe_gives_no_row(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0))])
    assert Gallery(store, "class", MODEL).distances_to_people(np.empty((0, 128), np.float32)).shape == (0, 1)


def test_what_changes_in_the_store_is_there_after_a_refresh(store: SqlStore) -> None:
    store.put_faces("class", [record("a", person(0)), record("b", person(1))])
    gallery = Gallery(store, "class", MODEL)
    store.put_faces("class", [record("c", person(2)), record("a", person(3))])
    store.delete_faces("class", ["b-0"])
    assert gallery.people == ("a", "b")
    gallery.refresh()
    assert gallery.people == ("a", "c")
    assert gallery.distances_to_people(person(3).vector[None])[0, 0] == pytest.approx(0, abs=1e-3)


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


def test_faces_of_another_model_are_never_compared(store: SqlStore) -> None:
    with pytest.raises(ModelMismatch):
        Gallery(store, "class", "another-model")
    with pytest.raises(CollectionNotFound):
        Gallery(store, "nobody", MODEL)
