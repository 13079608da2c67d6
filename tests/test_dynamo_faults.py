"""What only DynamoDB can suffer: writers killed between two questions, many at once, and answers that are refusals."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import pytest

from contracts.face_store import MODEL, Follower, face, ids, plain
from dynamo import dynamodb, hearing, items, make_tables, refill
from photocall.errors import CollectionNotFound, StoreUnavailable, UserNotFound
from photocall.faces import ImageSource, User
from photocall.stores.dynamo.store import DynamoStore
from s3_server import free_port

SOURCE = ImageSource("pictures", "1.jpg", {"camera": "x"})

Verb = Callable[[DynamoStore], object]


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def name(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("photocall.stores.dynamo.rows.SHARDS", 1)  # the tests' server is slow
    monkeypatch.setattr("photocall.stores.dynamo.garbage.UNFINISHED_SECONDS", 0)
    name = f"photocall-{uuid4().hex}"
    make_tables(name)
    return name


@pytest.fixture
def store(name: str) -> Iterator[DynamoStore]:
    with opened(name) as store:
        yield store


def opened(name: str) -> DynamoStore:
    return DynamoStore(f"dynamodb://{name}", "class", archive=f"{name}-faces")


def begin(store: DynamoStore) -> None:
    """A collection and one beside it, as they are before every verb."""
    store.add_collection("class", MODEL, {"room": "1"})
    store.put_faces("class", [replace(face("a", size=4), source=SOURCE), face("b", size=4)])
    store.add_user("class", "ada")
    store.associate_faces("class", "ada", ["a"], 9)
    store.create_collection("side", "another")
    store.put_faces("side", [face(each, of="side", model="another", size=8) for each in ("a", "c")])


State = list[tuple[str, str, dict[str, str], list[tuple[object, ...]], list[User]]]


def seen(name: str) -> State:
    """All that anybody can see; it must not contradict itself."""
    with opened(name) as store:
        told: State = []
        for each in store.collections():
            of = each.collection_id
            faces = store.faces(of)
            page, after = store.face_page(of, limit=99)
            assert (list(map(plain, page)), after) == (list(map(plain, faces)), None)
            users = store.users(of, limit=99)
            assert store.counts(of) == (len(faces), len(users))
            for user in users:
                theirs = [record.face_id for record in faces if record.user_id == user.user_id]
                assert (user.faces, ids(store.face_page(of, limit=9, user_id=user.user_id)[0])) == (len(theirs), theirs)
            shown = [record.face_id for record in faces if record.source]
            assert ids(store.faces_of_object(of, SOURCE.bucket, SOURCE.key)) == shown
            told.append((each.collection_id, each.model, store.tags(of), list(map(plain, faces)), users))
        return told


def faces_in(told: State) -> int:
    return sum(len(faces) for _, _, _, faces, _ in told)


def follows(store: DynamoStore, reader: Follower) -> None:
    """Assert that a reader that began before sees what a new one sees; it is gone where the collection is."""
    with suppress(CollectionNotFound):
        assert reader.catch_up() == {record.face_id: plain(record) for record in store.faces("class")}


def put(store: DynamoStore) -> None:
    new = replace(face("d", size=4), source=SOURCE)
    store.put_faces("class", [new, face("a", size=4, seed=7), face("e", size=4)])


def remove_user(store: DynamoStore) -> None:
    with suppress(UserNotFound):
        store.delete_user("class", "ada")


def adopt(store: DynamoStore) -> None:
    with suppress(CollectionNotFound):
        store.adopt_faces("class", "side", store.changes("class", 0).version)


def remove(store: DynamoStore) -> None:
    with suppress(CollectionNotFound):
        store.delete_collection("class")


VERBS: dict[str, Verb] = {
    "put": put,
    "erase": lambda store: store.delete_faces("class", ["a", "b"]),
    "remove a user": remove_user,
    "adopt": adopt,
    "remove": remove,
}
"""Each may be done again after it was done."""


@pytest.mark.parametrize("verb", VERBS)
def test_whoever_is_killed_leaves_the_state_before_or_after_and_can_do_it_again(
    name: str, store: DynamoStore, verb: str
) -> None:
    begin(store)
    tables = name, f"{name}-faces"
    kept, before, asked = [items(table) for table in tables], seen(name), list[str]()
    with hearing(asked.append), opened(name) as watched:
        VERBS[verb](watched)
    after = seen(name)
    assert after != before
    outcomes = list[bool]()
    for last in moments(asked):
        for table, old in zip(tables, kept, strict=True):
            refill(table, old)
        reader = Follower(store)
        reader.catch_up()
        killed_after(name, VERBS[verb], last)
        now = seen(name)
        assert now in (before, after)
        outcomes.append(now == after)
        with opened(name) as again:
            VERBS[verb](again)
            again.create_collection("elsewhere", MODEL)  # whoever changes something next sweeps
            again.delete_collection("elsewhere")
        assert seen(name) == after
        assert not [item for item in items(name) if item["pk"]["S"] == "garbage"]
        assert sum("vector" in item for item in items(name)) == faces_in(after)
        follows(store, reader)
    assert outcomes == sorted(outcomes)  # there is one moment at which it happens
    assert (outcomes[0], outcomes[-1]) == (False, True)


def moments(asked: Sequence[str]) -> list[int]:
    """After how many questions to kill: around the one that does it, and at some others."""
    done = max(number for number, each in enumerate(asked) if each == "TransactWriteItems")
    return sorted({0, done - 1, done, done + 1, (done + len(asked)) // 2, len(asked)})


def killed_after(name: str, verb: Verb, questions: int) -> None:
    """Do something in a process that is killed after so many questions."""
    asked = list[str]()

    def count(question: str) -> None:
        asked.append(question)
        if len(asked) > questions:
            raise Killed

    with hearing(count), opened(name) as killed, suppress(Killed):
        verb(killed)


def test_what_was_taken_for_left_behind_is_not_adopted(name: str, store: DynamoStore) -> None:
    begin(store)
    sweeps = [True]

    def sweep_once(question: str) -> None:
        if question == "TransactWriteItems" and sweeps:
            sweeps.clear()
            store.delete_collection("litter")

    store.create_collection("litter", MODEL)
    with hearing(sweep_once), opened(name) as adopting:
        assert adopting.adopt_faces("class", "side", adopting.changes("class", 0).version)
    assert not sweeps
    assert (ids(store.faces("class")), store.counts("class")) == (["a", "c"], (2, 1))
    assert sum("vector" in item for item in items(name)) == 2


def test_a_large_write_that_was_killed_is_finished_by_doing_it_again(name: str, store: DynamoStore) -> None:
    store.create_collection("class", MODEL)
    faces = [face(f"face {number}", size=4) for number in range(250)]
    killed_after(name, lambda killed: killed.put_faces("class", faces), 5)
    assert 0 < len(store.faces("class")) < 250
    store.put_faces("class", faces)
    assert sorted(ids(store.faces("class"))) == sorted(ids(faces))
    assert store.counts("class") == (250, 0)
    killed_after(name, lambda killed: killed.delete_faces("class", ids(faces)), 5)
    assert 0 < store.counts("class")[0] < 250
    store.delete_faces("class", ids(faces))
    assert (store.counts("class"), store.faces("class")) == ((0, 0), [])
    assert not [item for item in items(name) if "vector" in item]


def test_a_face_that_is_there_as_it_is_to_be_is_not_written_again(store: DynamoStore) -> None:
    begin(store)
    version = store.changes("class", 0).version
    store.put_faces("class", [replace(face("a", size=4), source=SOURCE), face("b", size=4)])
    assert store.changes("class", 0).version == version


def test_what_one_process_has_no_time_to_erase_is_erased_by_the_next(
    name: str, store: DynamoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_collection("class", MODEL)
    store.put_faces("class", [face(str(number), size=4) for number in range(60)])
    with monkeypatch.context() as patched:
        patched.setattr("photocall.stores.dynamo.garbage.MOST_SECONDS", -1.0)
        store.delete_collection("class")
    assert sum("vector" in item for item in items(name)) == 60 - 25  # what one write erases
    with opened(name) as next_one:
        next_one.create_collection("other", MODEL)
    assert not [item for item in items(name) if "vector" in item or item["pk"]["S"] == "garbage"]


# --- many at once


def test_fifteen_workers_index_into_one_collection_and_nothing_is_lost_or_numbered_twice(name: str) -> None:
    with opened(name) as store:
        store.create_collection("class", MODEL)

    def index(worker: int) -> None:
        with opened(name) as store:
            for number in range(2):
                of = replace(SOURCE, key=f"{worker}/{number}")
                store.put_faces("class", [replace(face(f"{worker}-{number}-{at}", size=4), source=of) for at in "ab"])
            store.delete_faces("class", [f"{worker}-0-a"])

    with ThreadPoolExecutor(15) as workers:
        list(workers.map(index, range(15)))
    with opened(name) as store:
        assert store.counts("class") == (15 * 3, 0)
        assert len(store.faces("class")) == len(Follower(store).catch_up()) == 15 * 3
        assert store.changes("class", 0).version == 15 * 3
        numbers = [item["number"]["N"] for item in items(name) if "vector" in item]
        assert len(set(numbers)) == 15 * 3
        assert len(items(f"{name}-faces")) == 15 * 3


# --- refusals


def refusing(code: str, question: str, reasons: list[str] | None = None) -> Callable[[str], object]:
    error = {"Error": {"Code": code, "Message": "no"}}
    told = {"CancellationReasons": [{"Code": each, "Message": "no"} for each in reasons]} if reasons else {}
    return lambda asked: (400, {**error, **told, "ResponseMetadata": {}}) if asked == question else None


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_table_that_is_asked_too_often_says_what_helps(name: str, code: str) -> None:
    told = f"dynamodb://{name}: it is asked more often than it allows"
    with hearing(refusing(code, "GetItem")), opened(name) as store, pytest.raises(StoreUnavailable, match=told):
        store.collection("class")


def test_a_transaction_that_never_comes_through_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocall.stores.dynamo.connection.PATIENCE", 0.1)
    refused = refusing("TransactionCanceledException", "TransactWriteItems", ["None", "TransactionConflict"])
    told = "others change it all the time"
    with hearing(refused), opened(name) as store, pytest.raises(StoreUnavailable, match=told):
        store.create_collection("class", MODEL)


def test_a_transaction_that_cannot_be_is_not_tried_again(name: str) -> None:
    refused = refusing("TransactionCanceledException", "TransactWriteItems", ["ValidationError"])
    told = "DynamoDB answered TransactionCanceledException"
    with hearing(refused), opened(name) as store, pytest.raises(StoreUnavailable, match=told):
        store.create_collection("class", MODEL)


def test_what_a_question_leaves_out_is_asked_for_again(name: str, store: DynamoStore) -> None:
    store.create_collection("class", MODEL)
    store.put_faces("class", [face(str(number), size=4) for number in range(5)])
    left_over = {"Keys": [{"pk": {"S": "x"}, "sk": {"S": "y"}}], "ConsistentRead": True}
    first = {"Responses": {name: []}, "UnprocessedKeys": {name: left_over}, "ResponseMetadata": {}}
    answers = [(200, first)]
    with hearing(lambda asked: answers.pop() if asked == "BatchGetItem" and answers else None), opened(name) as asking:
        assert (
            asking.faces_by_id("class", ["1"]) == []
        )  # it was asked for the one that was left over, which is not there
    assert not answers


def test_a_table_that_is_missing_is_named(aws: str) -> None:
    with opened("no-such-table") as store:
        for verb in (store.collections, lambda: store.create_collection("class", MODEL), store.students):
            with pytest.raises(
                StoreUnavailable, match=r"no-such-table.*: there is no such table; docs/stores.md shows"
            ):
                verb()


def test_a_service_that_does_not_answer_is_told_in_one_line(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    with opened("faces") as store, pytest.raises(StoreUnavailable, match="DynamoDB does not answer") as caught:
        store.collections()
    assert "hush" not in str(caught.value)


def test_nobody_who_says_which_region_is_told(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with pytest.raises(StoreUnavailable, match="nobody said which region; set AWS_REGION"):
        opened("faces")


@pytest.mark.parametrize("url", ["dynamodb://", "dynamodb://a b", "dynamodb://ab", "dynamodb://eu-west-1/faces"])
def test_an_address_that_names_no_table_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="dynamodb://NAME"):
        DynamoStore(url, "class")


def test_a_face_with_more_about_it_than_an_item_may_have_is_refused(store: DynamoStore) -> None:
    store.create_collection("class", MODEL)
    wordy = replace(face("a"), source=replace(SOURCE, metadata={"story": "x" * 420_000}))
    with pytest.raises(ValueError, match="400 KB"):
        store.put_faces("class", [wordy])
    assert store.faces("class") == []


def test_an_item_of_another_program_is_damage_not_a_face(name: str, store: DynamoStore) -> None:
    begin(store)
    (damaged,) = (item for item in items(name) if item.get("vector") and item["external_image_id"]["S"] == "Ada b")
    dynamodb().put_item(TableName=name, Item={**damaged, "vector": {"B": b"123"}})
    for read in (lambda: store.faces("class"), lambda: store.vectors("class", 0)):
        with pytest.raises(StoreUnavailable, match="an item makes no sense"):
            read()
