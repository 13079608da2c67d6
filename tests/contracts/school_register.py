"""What every Register does for a school, whichever database is behind it.

An adapter's test inherits `SchoolRegisterContract` and gives it two fixtures: `url`, the address of an empty database,
made anew for every test, and `store`, which has it open.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from contracts.sql_store import direct, run
from photocall.errors import StoreUnavailable
from photocall.ports import Register
from photocall.roster import Status, Student
from photocall.school import audit
from photocall.school.errors import AuditBroken
from photocall.school.lesson_records import Evidence, Lesson, Mark, RegisterLine, Seen
from photocall.school.records import Account, AuditEntry, Consent, Course, Member, Record, Role, SignIn
from photocall.school.register import Between
from photocall.stores.school_tables import TABLES
from photocall.stores.sql import SqlStore

NOW = datetime(2030, 5, 17, 23, 59, 58, 123456, tzinfo=UTC)
ADA = Account("id-1", "ada", 'Ada "Lovelace" 李', Role.TEACHER, "$argon2id$...", NOW)
LESSON = Lesson("l-1", "maths", "", NOW, minutes=90)
EVIDENCE = Evidence(
    "e-1", "l-1", "photo", "class.jpg", "key", "job", NOW, "id-1", NOW, found={"boxes": [[1, 2.5, 3, 4]]}
)
SEEN = Seen("s-1", "l-1", "e-1", "1,2,3,4", 0.5, "ada", 99.25, True, "", "crop", "model", b"\0\x80\xff\x7f", NOW)
LINE = RegisterLine("l-1", "ada", Status.PRESENT, None, "", True, NOW)
ONE_OF_EACH: tuple[Record, ...] = (
    ADA,
    SignIn("digest", "id-1", NOW, NOW + timedelta(hours=1), "a browser"),
    Course("maths", "Mathematics", {"room": "7", "term": "höst"}),
    Member("maths", "ada"),
    Consent("ada", "her mother", "attendance", NOW, "id-1"),
    LESSON,
    EVIDENCE,
    SEEN,
    LINE,
    Mark("l-1", "ada", Status.EXCUSED, "ill", "id-1", NOW),
    Student("Ada", {"year": "1"}, "s-17"),
)
NEVER = "the audit log is only ever added to|has this entry already|duplicate key"


def numbered(*numbers: int) -> list[Lesson]:
    return [replace(LESSON, lesson_id=f"l-{n}", starts=NOW + timedelta(days=n)) for n in numbers]


def in_threads(count: int, act: Callable[[int], object]) -> None:
    """Let threads act at once, and raise what any of them raised."""
    start = threading.Barrier(count)

    def begin(number: int) -> None:
        start.wait()
        act(number)

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(begin, range(count)))


def written(store: Register, count: int) -> None:
    for number in range(1, count + 1):
        audit.noted(store, "id-1", "portrait.seen", f"s-{number}", NOW + timedelta(seconds=number), size=number)


def unguarded(url: str) -> None:
    """Take away what keeps the audit log from being changed, as the owner of the database can."""
    if url.startswith("sqlite"):
        run(url, *(f"DROP TRIGGER audit_entries_{name}" for name in ("stay", "remain", "are_new")))
    else:
        run(url, "DROP TRIGGER audit_entries_stay ON audit_entries")


class SchoolRegisterContract:
    """Needs fixtures `url` and `store`."""

    # --- records

    def test_records_of_every_kind_come_back_as_they_were_put(self, store: Register) -> None:
        for record in ONE_OF_EACH:
            assert store.find(type(record)) == []
            store.put(record, record)
            assert store.find(type(record)) == [record]

    def test_a_record_is_found_by_its_key_and_by_no_other(self, store: Register) -> None:
        store.put(*ONE_OF_EACH)
        assert store.get(Account, "id-1") == ADA
        assert store.get(Account, "ID-1") is None
        assert store.get(Member, "maths", "ada") == Member("maths", "ada")
        assert store.get(Member, "maths", "bob") is None

    def test_a_record_put_again_is_replaced_as_a_whole(self, store: Register) -> None:
        store.put(ADA)
        changed = replace(ADA, name="Ada", role=Role.VIEWER, locked_until=NOW, failures=3, disabled=True)
        store.put(changed)
        assert store.find(Account) == [changed]

    def test_times_are_kept_to_a_microsecond_and_may_come_from_any_zone(self, store: Register) -> None:
        local = NOW.astimezone(timezone(timedelta(hours=-7, minutes=-30)))
        store.put(replace(LESSON, starts=local), replace(LESSON, lesson_id="whole", starts=NOW.replace(microsecond=0)))
        found = store.find(Lesson)
        assert [each.starts for each in found] == [NOW, NOW.replace(microsecond=0)]
        assert {each.starts.utcoffset() for each in found} == {timedelta(0)}
        assert [each.lesson_id for each in store.find(Lesson, starts=local)] == ["l-1"]

    def test_a_time_without_a_zone_is_refused(self, store: Register) -> None:
        with pytest.raises(ValueError, match="no time zone"):
            store.put(replace(LESSON, starts=NOW.replace(tzinfo=None)))
        assert store.find(Lesson) == []

    def test_records_are_found_by_any_fields_in_the_order_of_their_keys(self, store: Register) -> None:
        store.put(*numbered(3, 1, 2), replace(LESSON, lesson_id="x", course_id="art"))
        assert [each.lesson_id for each in store.find(Lesson, course_id="maths")] == ["l-1", "l-2", "l-3"]
        assert [each.lesson_id for each in store.find(Lesson, lesson_id=["l-3", "x", "none"], minutes=90)] == [
            "l-3",
            "x",
        ]
        assert store.find(Lesson, lesson_id=[]) == []
        assert store.find(Lesson, course_id="maths", lesson_id="x") == []

    def test_between_has_its_beginning_and_not_its_end(self, store: Register) -> None:
        store.put(*numbered(1, 2, 3, 4))
        days = [NOW + timedelta(days=n) for n in range(5)]
        assert [each.lesson_id for each in store.find(Lesson, starts=Between(days[2], days[4]))] == ["l-2", "l-3"]
        assert store.find(Lesson, starts=Between(days[2], days[2])) == []
        assert [each.lesson_id for each in store.find(Lesson, lesson_id=Between("l-3", "l-9"))] == ["l-3", "l-4"]

    def test_removed_records_are_gone_and_counted(self, store: Register) -> None:
        store.put(*numbered(1, 2, 3))
        assert store.remove(Lesson, lesson_id=["l-1", "l-3", "l-9"]) == 2
        assert store.remove(Lesson, lesson_id="l-1") == 0
        assert [each.lesson_id for each in store.find(Lesson)] == ["l-2"]
        assert store.remove(Lesson) == 1

    def test_text_that_looks_like_sql_is_text(self, store: Register) -> None:
        name = "'; DROP TABLE accounts; --"
        store.put(replace(ADA, login=name, name=name))
        assert store.find(Account, login=name)[0].name == name
        assert store.find(Account, login="' OR '1'='1") == []

    # --- transactions

    def test_an_exception_undoes_every_step(self, store: Register) -> None:
        store.put(ADA)
        with pytest.raises(KeyError), store.changing("a") as records:
            records.put(replace(ADA, name="Eve"), LESSON)
            records.remove(Account, account_id="id-1")
            audit.note(records, "id-1", "account.changed", "id-1", NOW)
            raise KeyError
        assert (store.find(Account), store.find(Lesson), store.last_audit_number()) == ([ADA], [], 0)

    def test_a_transaction_sees_what_it_did_and_others_see_it_when_it_is_through(self, store: Register) -> None:
        with store.changing("a") as records:
            records.put(ADA)
            assert records.get(Account, "id-1") == ADA
            assert store.find(Account) == []
        assert store.find(Account) == [ADA]

    def test_whoever_takes_the_same_lock_waits_and_reads_anew(self, store: Register) -> None:
        """Without the lock, adding up at once would lose some."""
        store.put(ADA)

        def fail(_: int) -> None:
            for _ in range(5):
                with store.changing("account/id-1") as records:
                    found = records.get(Account, "id-1")
                    assert found is not None
                    records.put(replace(found, failures=found.failures + 1))

        in_threads(6, fail)
        assert store.find(Account)[0].failures == 30

    def test_of_two_transactions_with_one_lock_the_second_waits_for_the_first(self, store: Register) -> None:
        seen: list[str] = []
        holds = threading.Event()

        def second() -> None:
            holds.wait(60)
            with store.changing("b", "a"):  # in another order
                seen.append("second")

        thread = threading.Thread(target=second)
        thread.start()
        with store.changing("a", "b") as records:
            holds.set()
            thread.join(0.2)
            records.put(ADA)
            seen.append("first")
        thread.join(60)
        assert seen == ["first", "second"]

    def test_another_connection_sees_what_was_written(self, url: str, store: Register) -> None:
        store.put(*ONE_OF_EACH)
        with SqlStore(url) as other:
            for record in ONE_OF_EACH:
                assert other.find(type(record)) == [record]

    # --- the audit log

    def test_an_audit_log_is_empty_and_whole_at_first(self, store: Register) -> None:
        assert (store.last_audit_number(), audit.verify(store)) == (0, 0)

    def test_entries_have_numbers_without_gaps_and_name_the_one_before(self, store: Register) -> None:
        written(store, 3)
        entries = store.find(AuditEntry)
        assert [each.number for each in entries] == [1, 2, 3]
        assert [each.previous for each in entries] == [audit.START, entries[0].digest, entries[1].digest]
        assert [each.details for each in entries] == [{"size": 1}, {"size": 2}, {"size": 3}]
        assert audit.verify(store) == 3

    def test_threads_that_write_at_once_make_one_unbroken_chain(self, store: Register) -> None:
        in_threads(8, lambda number: [audit.noted(store, str(number), "a", str(each), NOW) for each in range(5)])
        assert audit.verify(store) == 40
        assert {each.account_id for each in store.find(AuditEntry)} == {str(number) for number in range(8)}

    def test_the_database_itself_refuses_to_change_or_remove_an_entry(self, url: str, store: Register) -> None:
        written(store, 3)
        for statement in (
            "UPDATE audit_entries SET account_id = 'nobody' WHERE number = 2",
            "DELETE FROM audit_entries WHERE number = 3",
            "DELETE FROM audit_entries",
            "INSERT INTO audit_entries SELECT * FROM audit_entries WHERE number = 1",
        ):
            with pytest.raises(DBAPIError, match=NEVER):
                run(url, statement)
        assert audit.verify(store) == 3

    def test_no_verb_changes_or_removes_an_entry(self, store: Register) -> None:
        written(store, 2)
        second = store.find(AuditEntry)[1]
        with pytest.raises(StoreUnavailable):
            store.put(replace(second, account_id="nobody"))
        with pytest.raises(StoreUnavailable):
            store.remove(AuditEntry, number=2)
        assert store.find(AuditEntry)[1] == second

    def test_an_upgraded_database_refuses_it_too(self, url: str, store: Register) -> None:
        """Triggers are no part of what `test_an_upgraded_database_has_the_tables_of_a_new_one` compares."""
        back_to_schema_3(url)
        with SqlStore(url) as upgraded:
            assert upgraded.students() == [Student("Zoë", {"year": "1"})]
            written(upgraded, 2)
            with pytest.raises(StoreUnavailable):
                upgraded.remove(AuditEntry, number=2)
            assert audit.verify(upgraded) == 2

    @pytest.mark.parametrize(
        ("tampering", "broken_at"),
        [
            ("UPDATE audit_entries SET account_id = 'nobody' WHERE number = 3", 3),
            ("UPDATE audit_entries SET time = '2030-01-01T00:00:00.000000+00:00' WHERE number = 5", 5),
            ("DELETE FROM audit_entries WHERE number = 3", 3),
            ("UPDATE audit_entries SET number = 0 WHERE number = 1", 1),
        ],
    )
    def test_whoever_takes_the_guard_away_and_tampers_is_noticed(
        self, url: str, store: Register, tampering: str, broken_at: int
    ) -> None:
        written(store, 5)
        unguarded(url)
        run(url, tampering)
        with pytest.raises(AuditBroken) as caught:
            audit.verify(store)
        assert caught.value.number == broken_at

    def test_an_entry_that_was_put_in_between_is_noticed(self, url: str, store: Register) -> None:
        written(store, 5)
        third = store.find(AuditEntry)[2]
        unguarded(url)
        later = "UPDATE audit_entries SET number = number + {} WHERE number >= 3"
        run(url, later.format(100), later.format(-99))
        forged = replace(third, action="student.erased", digest="")
        store.put(replace(forged, digest=audit.digest(forged)))
        assert store.last_audit_number() == 6
        with pytest.raises(AuditBroken) as caught:
            audit.verify(store)
        assert caught.value.number == 4

    def test_removing_the_newest_changes_the_digest_that_was_kept_elsewhere(self, url: str, store: Register) -> None:
        written(store, 3)
        kept = audit.verified(store)
        unguarded(url)
        run(url, "DELETE FROM audit_entries WHERE number = 3")
        told = audit.verified(store)
        assert (told["whole"], told["entries"]) == (True, 2)
        assert told["digest"] != kept["digest"]


def back_to_schema_3(url: str) -> None:
    """Make a database what schema 3 was, with a student in it."""
    with direct(url) as engine, engine.begin() as connection:
        for table in TABLES.values():
            table.drop(connection)
        collation = "" if url.startswith("sqlite") else 'COLLATE "C"'
        connection.execute(
            text(f"CREATE TABLE students (name TEXT {collation} NOT NULL PRIMARY KEY, fields TEXT NOT NULL)")
        )
        connection.execute(text("INSERT INTO students VALUES ('Zoë', :fields)"), {"fields": '{"year": "1"}'})
        connection.execute(text("UPDATE photocall_schema SET version = 3"))
