"""Students in DynamoDB as courses keep them: a table keyed by name or by id, written by other programs, too."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from contracts.register import ADA, BOB, ZOE, StudentsContract
from dynamo import dynamodb, items, make_tables
from photocall.errors import RosterInvalid, StoreUnavailable
from photocall.roster import Student
from photocall.stores.dynamo.store import DynamoStore

GRACE = {"id": {"N": "17"}, "name": {"S": "Grace Hopper"}, "major": {"S": "mathematics"}, "year": {"S": "senior"}}
"""An item as `student_data.json` has it, put by another program."""


@pytest.fixture(params=["name", "id"])
def key(request: pytest.FixtureRequest) -> str:
    key: str = request.param
    return key


@pytest.fixture
def name(aws: str, key: str) -> str:
    name = f"photocall-{uuid4().hex}"
    make_tables(name, key)
    return name


@pytest.fixture
def store(name: str) -> Iterator[DynamoStore]:
    with DynamoStore(f"dynamodb://{name}", "class") as store:
        yield store


def put_item(name: str, /, **item: Any) -> None:
    dynamodb().put_item(TableName=f"{name}-students", Item=item)


def by_id(name: str, kind: str = "S") -> DynamoStore:
    make_tables(name, "id", kind)
    return DynamoStore(f"dynamodb://{name}", "class")


class TestStudentsById(StudentsContract):
    @pytest.fixture
    def key(self) -> str:
        return "id"


def test_items_of_other_programs_are_students(store: DynamoStore, name: str, key: str) -> None:
    put_item(name, **{**GRACE, "id": {"S": "17"}})
    more: dict[str, Any] = {
        "graduated": {"BOOL": True},
        "grade": {"N": "1.50"},
        "nickname": {"NULL": True},
        "tags": {"SS": ["x"]},
    }
    put_item(name, **{**more, "id": {"S": "18"}, "name": {"S": "Alan Turing"}})
    assert store.students() == [
        Student("Alan Turing", {"id": "18", "grade": "1.50", "graduated": "true", "nickname": ""}),
        Student("Grace Hopper", {"id": "17", "major": "mathematics", "year": "senior"}),
    ]
    assert list(store.students()[0].fields) == ["id", "grade", "graduated", "nickname"]


def test_a_student_with_the_usual_fields_is_written_as_courses_have_it(store: DynamoStore, name: str) -> None:
    store.put_students([ADA])
    (item,) = items(f"{name}-students")
    assert item == {
        "id": {"S": "1"},
        "name": {"S": "Ada Lovelace"},
        "major": {"S": "mathematics"},
        "year": {"S": "senior"},
    }


def test_what_such_an_item_cannot_say_stands_in_one_more_attribute(store: DynamoStore, name: str) -> None:
    store.put_students([ADA, BOB, ZOE])
    told = {item["name"]["S"]: item.get("photocall") for item in items(f"{name}-students")}
    assert told["Ada Lovelace"] is None
    assert told["bob"] == {"M": {"fields": {"L": [{"S": each} for each in BOB.fields]}}}
    assert store.students() == [ADA, BOB, ZOE]


def test_hundreds_of_students_are_put(store: DynamoStore) -> None:
    students = [Student(f"student {number:03}", {"id": str(number)}) for number in range(230)]
    store.put_students(students)
    assert store.students() == students


def test_a_student_who_is_removed_was_there_under_the_name_others_gave(store: DynamoStore, name: str) -> None:
    put_item(name, **{**GRACE, "id": {"S": "17"}})
    assert store.delete_student("Grace Hopper")
    assert not store.delete_student("Grace Hopper")
    assert store.students() == []


# --- by id


def test_an_item_without_a_name_is_no_student(aws: str, caplog: pytest.LogCaptureFixture) -> None:
    name = f"photocall-{uuid4().hex}"
    with by_id(name) as store, caplog.at_level(logging.WARNING):
        put_item(name, id={"S": "17"})
        store.put_students([ADA])
        assert store.students() == [ADA]
    assert "1 items have no name" in caplog.text


def test_two_students_of_one_name_have_ids(aws: str) -> None:
    twins = [Student("Ada", {"year": "1"}, "s-17"), Student("Ada", {}, "s-18")]
    with by_id(f"photocall-{uuid4().hex}") as store:
        store.put_students(twins)
        assert sorted(store.students(), key=lambda each: each.student_id) == twins
        assert store.delete_student("s-17")
        assert store.students() == twins[1:]


def test_ids_may_be_numbers(aws: str) -> None:
    name = f"photocall-{uuid4().hex}"
    with by_id(name, "N") as store:
        put_item(name, **GRACE)
        store.put_students([ADA])
        assert [student.fields["id"] for student in store.students()] == ["1", "17"]
        with pytest.raises(RosterInvalid, match="the key `id` is a number, which 'bob' has not"):
            store.put_students([BOB])
        assert store.delete_student("Grace Hopper")
        assert store.students() == [ADA]


def test_an_id_is_one_students(aws: str) -> None:
    with by_id(f"photocall-{uuid4().hex}") as store:
        store.put_students([ADA])
        for others in ([Student("Eve", {"id": "1"})], [Student("Eve", {"id": "2"}), Student("Bob", {"id": "2"})]):
            with pytest.raises(RosterInvalid, match=r"the id '[12]' is '.*'s, and cannot be '.*'s"):
                store.put_students(others)
        assert store.students() == [ADA]


# --- by name


def test_a_table_by_name_has_no_room_for_ids_of_their_own(aws: str) -> None:
    name = f"photocall-{uuid4().hex}"
    make_tables(name)
    with DynamoStore(f"dynamodb://{name}", "class") as store:
        with pytest.raises(RosterInvalid, match="'Ada' has an id beside the name; the key of the table must be `id`"):
            store.put_students([Student("Ada", {}, "s-17")])
        assert store.students() == []


def test_a_table_with_another_key_is_told(aws: str) -> None:
    name = f"photocall-{uuid4().hex}"
    make_tables(name, "matriculation")
    told = "its key is matriculation; that of a table of students is `name`"
    with DynamoStore(f"dynamodb://{name}", "class") as store, pytest.raises(StoreUnavailable, match=told):
        store.put_students([ADA])
