"""What every FaceStore does, whichever database is behind it.

An adapter's test inherits `FaceStoreContract` and gives it a fixture `store`: an empty one, made anew for every test.
"""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from photocall.errors import CollectionNotFound, ModelMismatch
from photocall.faces import BoundingBox, Embedding, FaceRecord
from photocall.ports import FaceStore

MODEL = "dlib-resnet"


def face(name: str, *, of: str = "class", seed: int | None = None, model: str = MODEL, size: int = 128) -> FaceRecord:
    """A face whose vector follows from its name, or from `seed`."""
    rng = np.random.default_rng(list(name.encode()) if seed is None else seed)
    return FaceRecord(
        face_id=name,
        collection_id=of,
        image_id=f"image of {name}",
        external_image_id=f"Ada {name}",
        box=BoundingBox(*map(float, rng.normal(size=4))),
        image_width=1920,
        image_height=1080,
        score=float(rng.uniform()),
        embedding=Embedding(rng.normal(size=size).astype(np.float32), model),
    )


def batch_of(number: int, size: int, of: str = "class") -> list[FaceRecord]:
    return [face(f"{number}-{each}", of=of, seed=each) for each in range(size)]


def plain(record: FaceRecord) -> tuple[object, ...]:
    """A face as something that can be compared: the vector as its bytes."""
    vector = record.embedding.vector
    return (
        *(record.face_id, record.collection_id, record.image_id, record.external_image_id, record.box),
        *(record.image_width, record.image_height, record.score, record.embedding.model),
        *(vector.dtype, vector.shape, vector.tobytes()),
    )


def ids(records: list[FaceRecord]) -> list[str]:
    return [record.face_id for record in records]


class Follower:
    """A reader that keeps up with a collection by its changes alone."""

    def __init__(self, store: FaceStore, collection_id: str = "class") -> None:
        self._store, self._collection_id = store, collection_id
        self.version = 0
        self.faces: dict[str, FaceRecord] = {}

    def catch_up(self) -> dict[str, tuple[object, ...]]:
        changes = self._store.changes(self._collection_id, self.version)
        assert changes.version >= self.version
        for face_id in changes.deleted:
            self.faces.pop(face_id, None)
        self.faces |= {record.face_id: record for record in changes.put}
        self.version = changes.version
        return {face_id: plain(record) for face_id, record in self.faces.items()}


def two_collections(store: FaceStore) -> int:
    """The version of "class", with faces a and b, beside "side" of another model, with faces c, a and d."""
    store.create_collection("class", MODEL)
    store.put_faces("class", [face("a"), face("b")])
    store.create_collection("side", "another")
    for name in ("c", "a", "d"):
        store.put_faces("side", [face(name, of="side", model="another", size=64)])
    return store.changes("class", 0).version


class FaceStoreContract:
    """Needs a fixture `store`. A store whose server is slow may have fewer `steps` and `rounds`."""

    steps, rounds = 60, 8

    def test_a_new_collection_remembers_its_model_and_when_it_was_made(self, store: FaceStore) -> None:
        made = store.create_collection("class", MODEL)
        assert (made.collection_id, made.model) == ("class", MODEL)
        assert abs(datetime.now(UTC) - made.created) < timedelta(minutes=1)
        assert store.collection("class") == made

    def test_making_a_collection_again_changes_nothing(self, store: FaceStore) -> None:
        made = store.create_collection("class", MODEL)
        store.put_faces("class", [face("a")])
        assert store.create_collection("class", MODEL) == made
        assert ids(store.faces("class")) == ["a"]

    def test_a_collection_cannot_change_its_model(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        with pytest.raises(ModelMismatch, match=f"(?s)'another'.*'{MODEL}'"):
            store.create_collection("class", "another")
        assert store.collection("class").model == MODEL

    @pytest.mark.parametrize(
        "verb",
        [
            lambda store: store.collection("nowhere"),
            lambda store: store.delete_collection("nowhere"),
            lambda store: store.put_faces("nowhere", []),
            lambda store: store.put_faces("nowhere", [face("a", of="nowhere")]),
            lambda store: store.delete_faces("nowhere", ["a"]),
            lambda store: store.faces("nowhere"),
            lambda store: store.changes("nowhere", 0),
            lambda store: store.adopt_faces("nowhere", "class", 0),
            lambda store: store.adopt_faces("class", "nowhere", 0),
        ],
    )
    def test_a_collection_that_is_not_there_is_named(
        self, store: FaceStore, verb: Callable[[FaceStore], object]
    ) -> None:
        store.create_collection("class", MODEL)
        with pytest.raises(CollectionNotFound, match="'nowhere'"):
            verb(store)

    def test_faces_come_back_bit_for_bit(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        odd = FaceRecord("id", "class", "", "Zoë Ångström 李小龙 🎓", None, 0, 0, 0.0, face("x").embedding)
        put = [face("a"), odd, face("b")]
        store.put_faces("class", put)
        assert list(map(plain, store.faces("class"))) == list(map(plain, put))

    def test_faces_stand_in_the_order_of_enrolment(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        names = ["m", "z", "a", "k"]
        for name in names:
            store.put_faces("class", [face(name)])
        assert ids(store.faces("class")) == names

    def test_putting_a_face_again_replaces_it_in_its_place(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("a"), face("b")])
        store.put_faces("class", [face("a", seed=7)])
        assert list(map(plain, store.faces("class"))) == list(map(plain, [face("a", seed=7), face("b")]))

    def test_putting_the_same_faces_twice_is_the_same_as_once(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        for _ in range(2):
            store.put_faces("class", [face("a"), face("b"), face("a")])
        assert list(map(plain, store.faces("class"))) == list(map(plain, [face("a"), face("b")]))

    def test_collections_do_not_see_each_other(self, store: FaceStore) -> None:
        for name in ("class", "Class"):
            store.create_collection(name, MODEL)
            store.put_faces(name, [face("a", of=name, seed=len(name))])
        store.delete_faces("Class", ["a"])
        assert (ids(store.faces("class")), store.faces("Class")) == (["a"], [])

    def test_one_wrong_model_in_a_batch_leaves_nothing_of_it(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        with pytest.raises(ModelMismatch):
            store.put_faces("class", [face("a"), face("b", model="another")])
        assert store.faces("class") == []
        assert store.changes("class", 0).put == []

    @pytest.mark.parametrize(
        "wrong",
        [face("b", size=64), face("b", of="elsewhere"), face("b", size=0)],
        ids=["shorter", "of another collection", "empty"],
    )
    def test_one_wrong_face_in_a_batch_leaves_nothing_of_it(self, store: FaceStore, wrong: FaceRecord) -> None:
        store.create_collection("class", MODEL)
        with pytest.raises(ValueError, match="face b"):
            store.put_faces("class", [face("a"), wrong])
        assert store.faces("class") == []

    def test_the_first_vector_sets_the_length_of_all_later_ones(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("a", size=64)])
        with pytest.raises(ValueError, match=r"face b has shape \(128,\), not \(64,\)"):
            store.put_faces("class", [face("b", size=128)])

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_vector_that_is_not_finite_is_refused(self, store: FaceStore, bad: float) -> None:
        store.create_collection("class", MODEL)
        record = face("a")
        record.embedding.vector[17] = bad
        with pytest.raises(ValueError, match="finite"):
            store.put_faces("class", [record])

    def test_deleting_faces_tells_which_were_there(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("a"), face("b"), face("c")])
        assert store.delete_faces("class", ["c", "nobody", "a", "c"]) == ["c", "a"]
        assert store.delete_faces("class", ["c", "a"]) == []
        assert ids(store.faces("class")) == ["b"]

    def test_thousands_of_faces_are_deleted_at_once(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        names = [f"face {number}" for number in range(2100)]
        store.put_faces("class", [face(name, size=4) for name in names])
        assert store.delete_faces("class", names[50:]) == names[50:]
        assert ids(store.faces("class")) == names[:50]

    def test_a_deleted_collection_takes_its_faces_with_it(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("a")])
        store.delete_collection("class")
        with pytest.raises(CollectionNotFound):
            store.faces("class")
        store.create_collection("class", "another")
        assert store.collection("class").model == "another"
        assert store.faces("class") == []
        store.put_faces("class", [face("a", model="another", size=64)])
        assert ids(store.faces("class")) == ["a"]

    def test_the_collections_that_are_there_are_listed_by_id(self, store: FaceStore) -> None:
        assert store.collections() == []
        made = [store.create_collection(name, model) for name, model in (("a", MODEL), ("b", "another"), ("c", MODEL))]
        store.delete_collection("b")
        assert store.collections() == [made[0], made[2]]

    # --- one collection taking over another's faces

    def test_a_collection_that_adopts_has_the_others_model_and_faces_and_the_other_is_gone(
        self, store: FaceStore
    ) -> None:
        version = two_collections(store)
        created = store.collection("class").created
        assert store.adopt_faces("class", "side", version)
        taken = [face(name, model="another", size=64) for name in ("c", "a", "d")]
        assert list(map(plain, store.faces("class"))) == list(map(plain, taken))
        assert (store.collection("class").model, store.collection("class").created) == ("another", created)
        assert [each.collection_id for each in store.collections()] == ["class"]
        with pytest.raises(CollectionNotFound, match="'side'"):
            store.faces("side")

    def test_after_adopting_only_faces_of_the_new_model_are_taken(self, store: FaceStore) -> None:
        assert store.adopt_faces("class", "side", two_collections(store))
        with pytest.raises(ModelMismatch):
            store.put_faces("class", [face("e")])
        store.put_faces("class", [face("e", model="another", size=64)])
        assert ids(store.faces("class")) == ["c", "a", "d", "e"]

    @pytest.mark.parametrize(
        "change",
        [lambda store: store.put_faces("class", [face("new")]), lambda store: store.delete_faces("class", ["b"])],
        ids=["enrolled", "erased"],
    )
    def test_a_collection_that_has_changed_since_adopts_nothing(
        self, store: FaceStore, change: Callable[[FaceStore], object]
    ) -> None:
        version = two_collections(store)
        change(store)
        before = [list(map(plain, store.faces(name))) for name in ("class", "side")]
        assert not store.adopt_faces("class", "side", version)
        assert [list(map(plain, store.faces(name))) for name in ("class", "side")] == before
        assert store.adopt_faces("class", "side", store.changes("class", 0).version)

    def test_a_reader_learns_of_every_face_that_an_adoption_brought_or_took(self, store: FaceStore) -> None:
        version = two_collections(store)
        reader, of_the_other = Follower(store), Follower(store, "side")
        reader.catch_up()
        of_the_other.catch_up()
        store.adopt_faces("class", "side", version)
        changes = store.changes("class", version)
        assert (changes.version, sorted(ids(changes.put)), changes.deleted) == (version + 1, ["a", "c", "d"], ["b"])
        assert reader.catch_up() == {record.face_id: plain(record) for record in store.faces("class")}
        store.create_collection("side", MODEL)
        assert of_the_other.catch_up() == {}

    def test_a_face_that_was_erased_once_may_come_back_by_adoption(self, store: FaceStore) -> None:
        version = two_collections(store)
        store.delete_faces("class", ["a", "b"])
        store.adopt_faces("class", "side", store.changes("class", 0).version)
        changes = store.changes("class", version)
        assert (ids(changes.put), changes.deleted) == (["c", "a", "d"], ["b"])

    def test_of_many_adoptions_at_once_one_happens(self, store: FaceStore) -> None:
        version = two_collections(store)

        def adopt(_: int) -> str:
            try:
                return "adopted" if store.adopt_faces("class", "side", version) else "changed"
            except CollectionNotFound as error:
                return error.collection_id

        with ThreadPoolExecutor(6) as threads:
            outcomes = sorted(threads.map(adopt, range(6)))
        assert outcomes.count("adopted") == 1
        assert set(outcomes) == {"adopted", "side"}
        assert ids(store.faces("class")) == ["c", "a", "d"]

    # --- changes

    def test_changes_since_the_start_are_every_face(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("b"), face("a")])
        assert list(map(plain, store.changes("class", 0).put)) == list(map(plain, [face("b"), face("a")]))

    def test_changes_since_a_version_are_only_what_came_after_it(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("a"), face("b"), face("c")])
        before = store.changes("class", 0).version
        store.put_faces("class", [face("b", seed=7), face("d")])
        store.delete_faces("class", ["c"])
        changes = store.changes("class", before)
        assert changes.version > before
        assert (sorted(ids(changes.put)), changes.deleted) == (["b", "d"], ["c"])

    def test_without_a_change_the_version_stays_and_nothing_is_told(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("a")])
        version = store.changes("class", 0).version
        store.put_faces("class", [])
        store.delete_faces("class", ["nobody"])
        changes = store.changes("class", version)
        assert (changes.version, changes.put, changes.deleted) == (version, [], [])

    def test_changes_tell_the_last_thing_that_happened_to_a_face(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("gone"), face("back")])
        version = store.changes("class", 0).version
        store.delete_faces("class", ["gone", "back"])
        store.put_faces("class", [face("back")])
        changes = store.changes("class", version)
        assert (ids(changes.put), changes.deleted) == (["back"], ["gone"])

    def test_a_reader_learns_that_a_collection_was_made_anew(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("old"), face("both")])
        reader = Follower(store)
        reader.catch_up()
        store.delete_collection("class")
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("both", seed=7), face("new")])
        assert reader.catch_up() == {each.face_id: plain(each) for each in (face("both", seed=7), face("new"))}

    @pytest.mark.parametrize("seed", range(3))
    def test_a_reader_of_changes_always_has_what_the_store_has(self, store: FaceStore, seed: int) -> None:
        store.create_collection("class", MODEL)
        rng, often, seldom = random.Random(seed), Follower(store), Follower(store)
        for step in range(self.steps):
            some = rng.sample("abcdefgh", rng.randint(0, 4))
            if rng.random() < 0.6:
                store.put_faces("class", [face(name, seed=step, size=8) for name in some])
            else:
                store.delete_faces("class", some)
            kept = {record.face_id: plain(record) for record in store.faces("class")}
            assert often.catch_up() == kept
            if rng.random() < 0.1:
                assert seldom.catch_up() == kept

    def test_a_shift_of_the_thresholds_stays_until_the_faces_are_of_another_model(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        assert store.collection("class").threshold_shift == 0
        store.shift_threshold("class", -0.0125)
        store.put_faces("class", [face("a")])
        assert store.collection("class").threshold_shift == -0.0125
        assert store.create_collection("class", MODEL).threshold_shift == -0.0125
        store.create_collection("other", "another-model")
        assert store.adopt_faces("class", "other", store.changes("class", 0).version)
        assert store.collection("class").threshold_shift == 0

    def test_a_collection_made_anew_has_no_shift(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.shift_threshold("class", 0.5)
        store.delete_collection("class")
        with pytest.raises(CollectionNotFound):
            store.shift_threshold("class", 0.5)
        assert store.create_collection("class", MODEL).threshold_shift == 0

    def test_threads_may_write_and_read_at_once(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)

        def enrol_and_follow(thread: int) -> None:
            reader = Follower(store)
            for number in range(self.rounds):
                name = f"{thread}-{number}"
                store.put_faces("class", [face(name, size=8), face(f"{name}-shortly", size=8)])
                store.delete_faces("class", [f"{name}-shortly"])
                assert name in reader.catch_up()
                assert f"{name}-shortly" not in reader.faces

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(enrol_and_follow, range(8)))
        expected = {f"{thread}-{number}" for thread in range(8) for number in range(self.rounds)}
        assert set(ids(store.faces("class"))) == set(Follower(store).catch_up()) == expected
