"""What every Register does, whichever database is behind it.

An adapter's test inherits `RegisterContract` and gives it a fixture `store`: an empty one, made anew for every test.
"""

from concurrent.futures import ThreadPoolExecutor

from photocall.ports import Register
from photocall.roster import Student

ADA = Student("Ada Lovelace", {"id": "1", "major": "mathematics", "year": "senior"})
BOB = Student("bob", {"year": "junior", "major": "", "e-mail": 'bob@example.org, "home"\n'})
ZOE = Student("Zoë 李", {})


def names(register: Register) -> list[str]:
    return [student.name for student in register.students()]


class RegisterContract:
    """Needs a fixture `store`."""

    def test_nobody_belongs_to_a_new_register(self, store: Register) -> None:
        assert store.students() == []

    def test_students_come_back_by_name_as_they_were_put(self, store: Register) -> None:
        store.put_students([ZOE, BOB, ADA])
        assert store.students() == [ADA, BOB, ZOE]

    def test_what_is_known_of_a_student_keeps_its_order(self, store: Register) -> None:
        store.put_students([BOB])
        assert list(store.students()[0].fields.items()) == list(BOB.fields.items())

    def test_putting_students_twice_is_the_same_as_once(self, store: Register) -> None:
        for _ in range(2):
            store.put_students([ADA, BOB, ADA])
        assert store.students() == [ADA, BOB]

    def test_a_student_put_again_is_replaced_as_a_whole(self, store: Register) -> None:
        store.put_students([ADA, BOB])
        moved = Student(ADA.name, {"major": "poetry"})
        store.put_students([moved])
        assert store.students() == [moved, BOB]

    def test_names_that_differ_in_a_letter_are_different_students(self, store: Register) -> None:
        alike = ["Zoe", "Zoë", "zoe", "Zoe "]
        store.put_students([Student(name) for name in alike])
        assert sorted(names(store)) == sorted(alike)

    def test_putting_nobody_changes_nothing(self, store: Register) -> None:
        store.put_students([ADA])
        store.put_students([])
        assert store.students() == [ADA]

    def test_a_removed_student_is_gone_and_only_that_one(self, store: Register) -> None:
        store.put_students([ADA, BOB])
        assert store.delete_student(ADA.name) is True
        assert store.delete_student(ADA.name) is False
        assert store.students() == [BOB]

    def test_threads_may_put_students_at_once(self, store: Register) -> None:
        def enrol(thread: int) -> None:
            for number in range(10):
                store.put_students([Student(f"{thread}-{number}", {"thread": str(thread)})])

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(enrol, range(8)))
        assert sorted(names(store)) == sorted(f"{thread}-{number}" for thread in range(8) for number in range(10))
