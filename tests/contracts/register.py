"""What every PeopleRegister does, whichever database is behind it.

An adapter's test inherits `PeopleRegisterContract` and gives it a fixture `store`: an empty one, made anew for every
test.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

from photocall.keys import Key, KeyKind, Plan, Scope
from photocall.ports import PeopleRegister
from photocall.roster import Student

ADA = Student("Ada Lovelace", {"id": "1", "major": "mathematics", "year": "senior"})
BOB = Student("bob", {"year": "junior", "major": "", "e-mail": 'bob@example.org, "home"\n'})
ZOE = Student("Zoë 李", {})


MADE = datetime(2030, 5, 17, 23, 59, 58, 123456, tzinfo=UTC)
KEY = Key("abc", "Zoë's script", KeyKind.API, "0" * 64, frozenset(Scope), Plan(per_day=7, burst=2, rate=0.5), MADE)
PAIR = Key("AKIA", "", KeyKind.ACCESS, "se/cr+et", frozenset({Scope.READ}), None, MADE + timedelta(days=1))
TODAY = date(2030, 5, 17)


def names(register: PeopleRegister) -> list[str]:
    return [student.name for student in register.students()]


class StudentsContract:
    """Needs a fixture `store`."""

    def test_nobody_belongs_to_a_new_register(self, store: PeopleRegister) -> None:
        assert store.students() == []

    def test_students_come_back_by_name_as_they_were_put(self, store: PeopleRegister) -> None:
        store.put_students([ZOE, BOB, ADA])
        assert store.students() == [ADA, BOB, ZOE]

    def test_what_is_known_of_a_student_keeps_its_order(self, store: PeopleRegister) -> None:
        store.put_students([BOB])
        assert list(store.students()[0].fields.items()) == list(BOB.fields.items())

    def test_putting_students_twice_is_the_same_as_once(self, store: PeopleRegister) -> None:
        for _ in range(2):
            store.put_students([ADA, BOB, ADA])
        assert store.students() == [ADA, BOB]

    def test_a_student_put_again_is_replaced_as_a_whole(self, store: PeopleRegister) -> None:
        store.put_students([ADA, BOB])
        moved = Student(ADA.name, {"major": "poetry"})
        store.put_students([moved])
        assert store.students() == [moved, BOB]

    def test_names_that_differ_in_a_letter_are_different_students(self, store: PeopleRegister) -> None:
        alike = ["Zoe", "Zoë", "zoe", "Zoe "]
        store.put_students([Student(name) for name in alike])
        assert sorted(names(store)) == sorted(alike)

    def test_putting_nobody_changes_nothing(self, store: PeopleRegister) -> None:
        store.put_students([ADA])
        store.put_students([])
        assert store.students() == [ADA]

    def test_a_removed_student_is_gone_and_only_that_one(self, store: PeopleRegister) -> None:
        store.put_students([ADA, BOB])
        assert store.delete_student(ADA.name) is True
        assert store.delete_student(ADA.name) is False
        assert store.students() == [BOB]

    def test_threads_may_put_students_at_once(self, store: PeopleRegister) -> None:
        def enrol(thread: int) -> None:
            for number in range(10):
                store.put_students([Student(f"{thread}-{number}", {"thread": str(thread)})])

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(enrol, range(8)))
        assert sorted(names(store)) == sorted(f"{thread}-{number}" for thread in range(8) for number in range(10))


class PeopleRegisterContract(StudentsContract):
    """Needs a fixture `store`."""

    # --- keys

    def test_keys_come_back_as_they_were_put_oldest_first(self, store: PeopleRegister) -> None:
        assert store.keys() == []
        earlier = replace(KEY, key_id="zzz", created=datetime(2030, 5, 18, 1, tzinfo=timezone(timedelta(hours=2))))
        for key in (PAIR, KEY, earlier):
            store.put_key(key)
        assert store.keys() == [earlier, KEY, PAIR]
        assert (store.key("abc"), store.key("AKIA"), store.key("ABC")) == (KEY, PAIR, None)

    def test_a_key_put_again_is_replaced_and_may_be_revoked(self, store: PeopleRegister) -> None:
        store.put_key(KEY)
        unlimited = Plan(per_day=None)
        revoked = replace(KEY, revoked=MADE + timedelta(hours=1), scopes=frozenset[Scope](), plan=unlimited)
        store.put_key(revoked)
        assert store.keys() == [revoked]

    def test_uses_are_counted_for_each_key_and_day(self, store: PeopleRegister) -> None:
        tomorrow = TODAY + timedelta(days=1)
        uses = [("a", TODAY), ("a", TODAY), ("b", TODAY), ("a", tomorrow), ("a", TODAY), ("a", tomorrow)]
        assert [store.count_use(*use) for use in uses] == [1, 2, 1, 1, 3, 2]

    def test_uses_of_long_ago_are_forgotten(self, store: PeopleRegister) -> None:
        store.count_use("a", TODAY)
        store.count_use("b", TODAY)
        store.count_use("a", TODAY + timedelta(days=2))
        assert (store.count_use("a", TODAY), store.count_use("b", TODAY)) == (1, 2)

    def test_uses_at_once_are_all_counted(self, store: PeopleRegister) -> None:
        with ThreadPoolExecutor(8) as threads:
            counts = list(threads.map(lambda _: store.count_use("a", TODAY), range(40)))
        assert sorted(counts) == list(range(1, 41))

    # --- request tokens

    def test_the_first_claim_of_a_token_holds(self, store: PeopleRegister) -> None:
        past = MADE - timedelta(minutes=10)
        assert store.claim_token("t", "first", MADE, past) == "first"
        assert store.claim_token("t", "second", MADE, past) == "first"
        assert store.claim_token("u", "second", MADE, past) == "second"

    def test_a_token_is_forgotten_in_time(self, store: PeopleRegister) -> None:
        store.claim_token("t", "first", MADE, MADE - timedelta(minutes=10))
        assert store.claim_token("t", "second", MADE + timedelta(minutes=10), MADE) == "first"
        later = MADE + timedelta(microseconds=1)
        assert store.claim_token("t", "second", MADE + timedelta(minutes=10), later) == "second"

    def test_a_released_token_can_be_claimed_again(self, store: PeopleRegister) -> None:
        past = MADE - timedelta(minutes=10)
        store.claim_token("t", "first", MADE, past)
        store.release_token("t")
        store.release_token("never claimed")
        assert store.claim_token("t", "second", MADE, past) == "second"

    def test_of_many_claims_at_once_one_holds(self, store: PeopleRegister) -> None:
        past = MADE - timedelta(minutes=10)
        with ThreadPoolExecutor(8) as threads:
            answers = set(threads.map(lambda n: store.claim_token("t", str(n), MADE, past), range(8)))
        assert len(answers) == 1
