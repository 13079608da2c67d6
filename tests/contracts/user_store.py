"""What every FaceStore does with users, tags, sources, pages and vectors, whichever database is behind it.

An adapter's test inherits `UserStoreContract` and gives it a fixture `store`: an empty one, made anew for every test.
"""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from contracts.face_store import MODEL, face, ids
from photocall.errors import (
    CollectionExists,
    CollectionNotFound,
    PhotocallError,
    TooManyTags,
    UserExists,
    UserFull,
    UserNotFound,
)
from photocall.faces import ImageSource, User
from photocall.ports import FaceStore

SOURCE = ImageSource("pictures", "Zoë/Ångström 1.jpg", {"camera": "ünder the roof", "x": ""})


def class_of(store: FaceStore, *names: str) -> None:
    """A collection "class" with faces of these names."""
    store.create_collection("class", MODEL)
    store.put_faces("class", [face(name) for name in names])


def owners(store: FaceStore, collection_id: str = "class") -> dict[str, str | None]:
    return {record.face_id: record.user_id for record in store.faces(collection_id)}


class VectorFollower:
    """A reader that keeps up with a collection as searching does."""

    def __init__(self, store: FaceStore) -> None:
        self._store, self.version = store, 0
        self.faces: dict[str, tuple[str, str | None, bytes]] = {}

    def catch_up(self) -> dict[str, tuple[str, str | None, bytes]]:
        changes = self._store.vectors("class", self.version)
        assert len(changes.face_ids) == len(changes.owners) == len(changes.user_ids) == len(changes.vectors)
        for face_id in changes.deleted:
            self.faces.pop(face_id, None)
        for face_id, owner, user_id, vector in zip(
            changes.face_ids, changes.owners, changes.user_ids, changes.vectors, strict=True
        ):
            self.faces[face_id] = (owner, user_id, vector.tobytes())
        self.version = changes.version
        return self.faces


def as_vectors(store: FaceStore) -> dict[str, tuple[str, str | None, bytes]]:
    return {
        record.face_id: (record.external_image_id, record.user_id, record.embedding.vector.tobytes())
        for record in store.faces("class")
    }


class UserStoreContract:
    """Needs a fixture `store`. A store whose server is slow may have fewer `steps` and `rounds`."""

    steps, rounds = 150, 30

    @pytest.mark.parametrize(
        "verb",
        [
            lambda store: store.vectors("nowhere", 0),
            lambda store: store.counts("nowhere"),
            lambda store: store.faces_by_id("nowhere", ["a"]),
            lambda store: store.face_page("nowhere", limit=1),
            lambda store: store.faces_of_object("nowhere", "bucket", "key"),
            lambda store: store.tags("nowhere"),
            lambda store: store.put_tags("nowhere", {}, 10),
            lambda store: store.delete_tags("nowhere", []),
            lambda store: store.add_user("nowhere", "ada"),
            lambda store: store.delete_user("nowhere", "ada"),
            lambda store: store.user("nowhere", "ada"),
            lambda store: store.users("nowhere", limit=1),
            lambda store: store.associate_faces("nowhere", "ada", [], 100),
            lambda store: store.disassociate_faces("nowhere", "ada", []),
        ],
    )
    def test_every_verb_names_a_collection_that_is_not_there(
        self, store: FaceStore, verb: Callable[[FaceStore], object]
    ) -> None:
        with pytest.raises(CollectionNotFound, match="'nowhere'"):
            verb(store)

    @pytest.mark.parametrize(
        "verb",
        [
            lambda store: store.delete_user("class", "nobody"),
            lambda store: store.user("class", "nobody"),
            lambda store: store.associate_faces("class", "nobody", ["a"], 100),
            lambda store: store.disassociate_faces("class", "nobody", ["a"]),
            lambda store: store.face_page("class", limit=1, user_id="nobody"),
        ],
    )
    def test_a_user_that_is_not_there_is_named(self, store: FaceStore, verb: Callable[[FaceStore], object]) -> None:
        class_of(store, "a")
        store.create_collection("other", MODEL)
        store.add_user("other", "nobody")
        with pytest.raises(UserNotFound, match=r"'nobody'.*'class'"):
            verb(store)

    # --- collections that must be new, and tags

    def test_a_collection_is_added_once(self, store: FaceStore) -> None:
        made = store.add_collection("class", MODEL, {"b": "2", "a": ""})
        assert (store.collection("class"), store.tags("class")) == (made, {"a": "", "b": "2"})
        with pytest.raises(CollectionExists, match="'class'"):
            store.add_collection("class", MODEL, {"c": "3"})
        assert store.tags("class") == {"a": "", "b": "2"}

    def test_of_many_that_add_a_collection_at_once_one_does(self, store: FaceStore) -> None:
        def add(number: int) -> str:
            try:
                return store.add_collection("class", f"model {number}", {"number": str(number)}).model
            except CollectionExists:
                return "late"

        with ThreadPoolExecutor(8) as threads:
            outcomes = list(threads.map(add, range(8)))
        assert outcomes.count("late") == 7
        model = store.collection("class").model
        assert model in outcomes
        assert store.tags("class") == {"number": model.removeprefix("model ")}

    def test_of_many_that_make_a_collection_at_once_none_undoes_anothers_work(self, store: FaceStore) -> None:
        def make(number: int) -> None:
            store.create_collection("class", MODEL)
            store.put_faces("class", [face(str(number))])

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(make, range(8)))
        assert sorted(ids(store.faces("class"))) == sorted(map(str, range(8)))
        assert store.changes("class", 0).version == 8

    def test_tags_are_added_replaced_and_removed(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_tags("class", {"Zoë": "1", "a": "2"}, 3)
        store.put_tags("class", {"a": "3", "b": "4"}, 3)
        assert store.tags("class") == {"Zoë": "1", "a": "3", "b": "4"}
        store.delete_tags("class", ["b", "nothing"])
        store.delete_tags("class", [])
        assert store.tags("class") == {"Zoë": "1", "a": "3"}

    def test_more_tags_than_allowed_are_refused_as_a_whole(self, store: FaceStore) -> None:
        store.add_collection("class", MODEL, {"a": "1"})
        with pytest.raises(TooManyTags, match="'class' would have more than 2 tags"):
            store.put_tags("class", {"a": "2", "b": "2", "c": "2"}, 2)
        assert store.tags("class") == {"a": "1"}

    def test_a_deleted_collection_takes_its_users_and_tags_with_it(self, store: FaceStore) -> None:
        store.add_collection("class", MODEL, {"a": "1"})
        store.put_faces("class", [face("a")])
        store.add_user("class", "ada")
        store.associate_faces("class", "ada", ["a"], 100)
        store.delete_collection("class")
        store.add_collection("class", MODEL, {})
        assert (store.tags("class"), store.users("class", limit=10), store.counts("class")) == ({}, [], (0, 0))
        store.put_faces("class", [face("a")])
        assert owners(store) == {"a": None}

    # --- users

    def test_a_user_is_added_once_in_each_collection(self, store: FaceStore) -> None:
        for name in ("class", "other"):
            store.create_collection(name, MODEL)
            store.add_user(name, "ada")
        with pytest.raises(UserExists, match=r"'ada'.*'class'"):
            store.add_user("class", "ada")
        store.delete_user("other", "ada")
        assert store.user("class", "ada") == User("class", "ada", 0)

    def test_users_come_by_the_code_points_of_their_ids_page_by_page(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        names = ["b", "B", "a", "_", "é", "z", "10", "9", "a-b", "ab", "😀", "\uffee"]
        for name in names:
            store.add_user("class", name)
        found, after = list[str](), ""
        while page := store.users("class", after=after, limit=5):
            assert len(page) <= 5
            found += [user.user_id for user in page]
            after = found[-1]
        assert found == sorted(names)

    def test_users_are_listed_with_the_number_of_their_faces(self, store: FaceStore) -> None:
        class_of(store, "a", "b", "c")
        for name in ("ada", "bob"):
            store.add_user("class", name)
        store.associate_faces("class", "ada", ["a", "c"], 100)
        assert store.users("class", limit=9) == [User("class", "ada", 2), User("class", "bob", 0)]
        assert store.user("class", "ada") == User("class", "ada", 2)
        assert store.counts("class") == (3, 2)

    def test_faces_are_associated_with_one_user_at_most(self, store: FaceStore) -> None:
        class_of(store, "a", "b", "c")
        for name in ("ada", "bob"):
            store.add_user("class", name)
        assert store.associate_faces("class", "ada", ["b", "nothing", "a", "b"], 100) == ["b", "a"]
        assert store.associate_faces("class", "bob", ["a", "c"], 100) == ["c"]
        assert owners(store) == {"a": "ada", "b": "ada", "c": "bob"}

    def test_associating_again_changes_nothing(self, store: FaceStore) -> None:
        class_of(store, "a", "b")
        store.add_user("class", "ada")
        store.associate_faces("class", "ada", ["a", "b"], 2)
        version = store.changes("class", 0).version
        assert store.associate_faces("class", "ada", ["b", "a"], 1) == ["b", "a"]
        assert store.changes("class", 0).version == version

    def test_a_user_takes_no_more_faces_than_allowed(self, store: FaceStore) -> None:
        class_of(store, "a", "b", "c")
        store.add_user("class", "ada")
        store.associate_faces("class", "ada", ["a"], 2)
        with pytest.raises(UserFull, match="'ada' would have more than 2 faces"):
            store.associate_faces("class", "ada", ["a", "b", "c"], 2)
        assert owners(store) == {"a": "ada", "b": None, "c": None}
        assert store.associate_faces("class", "ada", ["a", "b"], 2) == ["a", "b"]

    def test_only_a_users_own_faces_are_taken_from_it(self, store: FaceStore) -> None:
        class_of(store, "a", "b", "c")
        for name in ("ada", "bob"):
            store.add_user("class", name)
        store.associate_faces("class", "ada", ["a", "b"], 100)
        store.associate_faces("class", "bob", ["c"], 100)
        assert store.disassociate_faces("class", "ada", ["c", "b", "nothing", "b"]) == ["b"]
        assert owners(store) == {"a": "ada", "b": None, "c": "bob"}

    def test_the_faces_of_a_removed_user_stay_with_nobody(self, store: FaceStore) -> None:
        class_of(store, "a", "b")
        store.add_user("class", "ada")
        store.associate_faces("class", "ada", ["a"], 100)
        store.delete_user("class", "ada")
        store.add_user("class", "ada")
        assert (owners(store), store.user("class", "ada").faces) == ({"a": None, "b": None}, 0)

    def test_a_face_put_again_keeps_its_user(self, store: FaceStore) -> None:
        class_of(store, "a")
        store.add_user("class", "ada")
        store.associate_faces("class", "ada", ["a"], 100)
        store.put_faces("class", [face("a", seed=7)])
        assert owners(store) == {"a": "ada"}

    def test_putting_a_face_associates_it_with_nobody(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [replace(face("a"), user_id="somebody")])
        assert owners(store) == {"a": None}

    def test_a_reader_learns_of_associations(self, store: FaceStore) -> None:
        class_of(store, "a", "b", "c")
        store.add_user("class", "ada")
        seen = list[list[tuple[str, str | None]]]()
        for change in (store.associate_faces, store.disassociate_faces):
            version = store.changes("class", 0).version
            change("class", "ada", ["b"], *([100] if change == store.associate_faces else []))
            put = store.changes("class", version).put
            seen.append([(record.face_id, record.user_id) for record in put])
        store.associate_faces("class", "ada", ["c"], 100)
        version = store.changes("class", 0).version
        store.delete_user("class", "ada")
        seen.append([(record.face_id, record.user_id) for record in store.changes("class", version).put])
        assert seen == [[("b", "ada")], [("b", None)], [("c", None)]]

    def test_of_many_that_fill_a_user_at_once_no_more_succeed_than_allowed(self, store: FaceStore) -> None:
        class_of(store, *map(str, range(12)))
        store.add_user("class", "ada")

        def associate(number: int) -> bool:
            try:
                return bool(store.associate_faces("class", "ada", [str(number)], 5))
            except UserFull:
                return False

        with ThreadPoolExecutor(6) as threads:
            assert sum(threads.map(associate, range(12))) == 5
        assert store.user("class", "ada").faces == 5

    # --- adoption

    def test_users_associations_and_sources_outlive_an_adoption(self, store: FaceStore) -> None:
        store.add_collection("class", MODEL, {"room": "1"})
        store.put_faces("class", [replace(face("a"), source=SOURCE), face("b"), face("c")])
        store.add_user("class", "ada")
        store.add_user("class", "bob")
        store.associate_faces("class", "ada", ["a", "b"], 100)
        version = store.changes("class", 0).version
        store.add_collection("side", "another", {"room": "2"})
        store.put_faces("side", [face(name, of="side", model="another", size=64) for name in ("a", "c", "d")])
        store.add_user("side", "eve")
        store.associate_faces("side", "eve", ["c", "d"], 100)
        assert store.adopt_faces("class", "side", version)
        assert owners(store) == {"a": "ada", "c": None, "d": None}
        assert [record.source for record in store.faces("class")] == [SOURCE, None, None]
        assert store.users("class", limit=9) == [User("class", "ada", 1), User("class", "bob", 0)]
        assert store.tags("class") == {"room": "1"}
        store.create_collection("side", MODEL)
        assert (store.users("side", limit=9), store.tags("side")) == ([], {})

    # --- sources, pages, ids

    def test_where_an_image_came_from_comes_back_as_it_was_put(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        sources = {"a": SOURCE, "b": None, "c": ImageSource("b", "")}
        store.put_faces("class", [replace(face(name), source=source) for name, source in sources.items()])
        assert {record.face_id: record.source for record in store.faces("class")} == sources
        store.put_faces("class", [face("a")])
        assert store.faces_by_id("class", ["a"])[0].source is None

    def test_the_faces_of_an_object_are_found_oldest_first(self, store: FaceStore) -> None:
        for name in ("class", "other"):
            store.create_collection(name, MODEL)
            for each in ("z", "a"):
                store.put_faces(name, [replace(face(each, of=name), source=SOURCE), face(f"not {each}", of=name)])
        store.put_faces("class", [replace(face("b"), source=replace(SOURCE, bucket="elsewhere"))])
        assert ids(store.faces_of_object("class", SOURCE.bucket, SOURCE.key)) == ["z", "a"]
        assert store.faces_of_object("class", SOURCE.bucket, "nothing") == []

    def test_faces_are_found_by_their_ids_in_the_order_given(self, store: FaceStore) -> None:
        names = [f"face {number}" for number in range(1200)]
        store.create_collection("class", MODEL)
        store.put_faces("class", [face(name, size=4) for name in names])
        wanted = random.Random(1).sample(names, 1100)
        assert ids(store.faces_by_id("class", [*wanted, "nobody", wanted[0]])) == wanted
        assert store.faces_by_id("class", []) == []

    def test_pages_hold_every_face_once_in_the_order_of_enrolment(self, store: FaceStore) -> None:
        class_of(store, "m", "z", "a")
        store.create_collection("other", MODEL)
        store.put_faces("other", [face("x", of="other")])
        store.put_faces("class", [face("k"), face("m", seed=7)])
        pages = list[list[str]]()
        after: int | None = 0
        while after is not None:
            records, after = store.face_page("class", after=after, limit=2)
            pages.append(ids(records))
        assert pages == [["m", "z"], ["a", "k"]]

    def test_a_page_may_be_of_one_users_faces(self, store: FaceStore) -> None:
        class_of(store, "a", "b", "c", "d", "e")
        store.add_user("class", "ada")
        assert store.face_page("class", limit=2, user_id="ada") == ([], None)
        store.associate_faces("class", "ada", ["e", "a", "c"], 100)
        first, after = store.face_page("class", limit=2, user_id="ada")
        assert after is not None
        rest, end = store.face_page("class", after=after, limit=2, user_id="ada")
        assert (ids(first), ids(rest), end) == (["a", "c"], ["e"], None)

    # --- vectors

    def test_vectors_of_an_empty_collection_are_none(self, store: FaceStore) -> None:
        store.create_collection("class", MODEL)
        changes = store.vectors("class", 0)
        assert (changes.face_ids, changes.deleted, len(changes.vectors)) == ([], [], 0)

    def test_vectors_are_those_of_the_faces(self, store: FaceStore) -> None:
        class_of(store, "b", "a")
        changes = store.vectors("class", 0)
        assert (changes.face_ids, changes.owners, changes.user_ids) == (["b", "a"], ["Ada b", "Ada a"], [None, None])
        expected = np.stack([face(name).embedding.vector for name in ("b", "a")])
        assert changes.vectors.dtype == np.float32
        assert np.array_equal(changes.vectors, expected)

    def test_without_a_change_there_are_no_vectors(self, store: FaceStore) -> None:
        class_of(store, "a")
        version = store.vectors("class", 0).version
        changes = store.vectors("class", version)
        assert (changes.version, changes.face_ids, changes.vectors.shape, changes.deleted) == (version, [], (0, 0), [])

    @pytest.mark.parametrize("seed", range(3))
    def test_a_follower_of_vectors_always_has_what_the_store_has(self, store: FaceStore, seed: int) -> None:
        store.create_collection("class", MODEL)
        rng, often, seldom = random.Random(seed), VectorFollower(store), VectorFollower(store)
        verbs: list[Callable[[list[str], int], object]] = [
            lambda some, step: store.put_faces("class", [face(name, seed=step, size=8) for name in some]),
            lambda some, _: store.delete_faces("class", some),
            lambda some, _: store.associate_faces("class", rng.choice(["ada", "bob"]), some, 2),
            lambda some, _: store.disassociate_faces("class", rng.choice(["ada", "bob"]), some),
            lambda some, _: store.add_user("class", rng.choice(["ada", "bob"])),
            lambda some, _: store.delete_user("class", rng.choice(["ada", "bob"])),
            lambda some, _: store.delete_collection("class") if rng.random() < 0.2 else None,
        ]
        outcomes = set[str]()
        for step in range(self.steps):
            try:
                rng.choices(verbs, [6, 2, 4, 2, 2, 1, 1])[0](rng.sample("abcdefgh", rng.randint(0, 4)), step)
            except PhotocallError as error:
                outcomes.add(type(error).__name__)
            store.create_collection("class", MODEL)
            assert often.catch_up() == as_vectors(store)
            if rng.random() < 0.1:
                assert seldom.catch_up() == as_vectors(store)
        assert {"UserFull", "UserNotFound", "UserExists"} <= outcomes

    def test_readers_of_vectors_never_see_half_of_a_change(self, store: FaceStore) -> None:
        """Every put replaces all faces by those of one seed, so that a reader must see one seed alone."""
        store.create_collection("class", MODEL)
        store.put_faces("class", [face(str(each), seed=0, size=4) for each in range(20)])

        def write(_: int) -> int:
            for seed in range(1, self.rounds):
                store.put_faces("class", [face(str(each), seed=seed, size=4) for each in range(20)])
            return 0

        def read(_: int) -> int:
            return max(len({row.tobytes() for row in store.vectors("class", 0).vectors}) for _ in range(self.rounds))

        with ThreadPoolExecutor(3) as threads:
            writer, readers = threads.submit(write, 0), threads.map(read, range(2))
            assert list(readers) == [1, 1]
            writer.result()
        assert store.counts("class") == (20, 0)
