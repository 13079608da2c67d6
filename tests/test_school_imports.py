"""Students from files: what would change is shown, all that is wrong is named, and nothing changes before a yes."""

import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from photocall.ports import Register
from photocall.roster import Student
from photocall.school import courses, imports, roster_files, students
from photocall.school.errors import ChangedMeanwhile, EntryInvalid, NotAllowed, NotThere
from photocall.school.exports import students_csv
from photocall.school.imports import Preview
from photocall.school.records import Account, AuditEntry, Course, Member, RosterPreview
from photocall.school.roster_files import MAX_BYTES
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore
from postgres import PostgresServer
from schooling import ADA, ADMINISTRATOR, BOB, NOW, STRANGER, TEACHER, VIEWER, school


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Register]:
    with school(tmp_path) as opened:
        yield opened.places.store


def preview(store: Register, *lines: str, by: Account = ADMINISTRATOR, encoding: str = "utf-8") -> Preview:
    """What a CSV would change."""
    return imports.preview(store, by, [("a.csv", "\n".join(lines).encode(encoding))], NOW)


def confirmed(store: Register, found: Preview, by: Account = ADMINISTRATOR) -> dict[str, Any]:
    """What was changed."""
    return dict(imports.confirm(store, by, found.import_id, NOW))


def everything(store: Register) -> list[object]:
    """All that an import may change."""
    return [store.find(Student), store.find(Course), store.find(Member)]


def reasons(found: Preview) -> dict[int, str]:
    """What is wrong with which rows."""
    assert {bad.file for bad in found.plan.bad} <= {"a.csv"}
    return {bad.row: bad.reason for bad in found.plan.bad}


# --- what a CSV says


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_students_come_with_all_their_columns_into_classes_new_and_old(
    store: Register, encoding: str, separator: str
) -> None:
    lines = ["Student_ID,Name,Class,Major", "x-1,Zoë,class 7B,maths", "x-2,Yan,9c,", ",Xi,9C,art", ",,,"]
    found = preview(store, *(line.replace(",", separator) for line in lines), encoding=encoding)
    assert (reasons(found), found.plan.unchanged, found.kind) == ({}, 0, "students")
    assert [(new["what"], new["name"], new.get("joins")) for new in found.plan.new] == [
        ("class", "9c", None),
        ("student", "Zoë", ["Class 7b"]),
        ("student", "Yan", ["9c"]),
        ("student", "Xi", ["9c"]),
    ]
    assert everything(store) == [[ADA, BOB], store.find(Course), store.find(Member)] and len(store.find(Course)) == 2
    assert confirmed(store, found) == {"new": 4, "changed": 0, "unchanged": 0, "bad": 0}
    assert store.get(Student, "x-1") == Student("Zoë", {"major": "maths"}, "x-1")
    (new,) = [course for course in store.find(Course) if course.name == "9c"]
    assert {one.name for one in students.students_of(store, ADMINISTRATOR, new.course_id)} == {"Xi", "Yan"}


def test_every_bad_row_is_shown_with_its_reason_and_the_good_ones_are_taken(store: Register) -> None:
    found = preview(
        store,
        "student_id,name,class,k",
        "x-1,,7b,",
        "x-2,Ok,7b,1",
        "x-2,Ok,8a,2",
        "x-2,Ok,8a,1",
        "../x,Path,7b,",
        "x-3,a\x07b,7b,",
        "x-4,Many,7b,1,2,3",
        f"x-5,Long,7b,{'x' * 501}",
        f"x-6,{'y' * 201},7b,",
        ",Twice,7b,1",
        ",TWICE,8a,2",
    )
    told = reasons(found)
    assert sorted(told) == [2, 4, 6, 7, 8, 9, 10, 12]
    assert "missing" in told[2] and "row 3" in told[4] and "printable" in told[6] and "control" in told[7]
    assert "6 cells" in told[8] and "500" in told[9] and "200" in told[10] and "row 11" in told[12]
    assert confirmed(store, found) == {"new": 2, "changed": 0, "unchanged": 0, "bad": 8}
    assert {one.student_id for one in students.students_of(store, ADMINISTRATOR, "8a")} == {"x-2"}


def test_what_is_known_is_changed_and_what_is_as_it_was_is_counted(store: Register) -> None:
    found = preview(store, "id,name,year,room", "s-1,Ada King,,5", "s-2,Bob Babbage,,")
    assert found.plan.changed == [
        {
            "what": "student",
            "id": "s-1",
            "name": "Ada King",
            "changes": {"name": ["Ada Lovelace", "Ada King"], "year": ["2", ""], "room": ["", "5"]},
            "joins": [],
            "leaves": [],
        }
    ]
    assert found.plan.unchanged == 1
    confirmed(store, found)
    assert store.get(Student, "s-1") == Student("Ada King", {"room": "5"}, "s-1")
    assert len(store.find(Member)) == 2


def test_who_has_no_id_is_known_by_name_whatever_the_case(store: Register) -> None:
    found = preview(store, "name,class", "ada LOVELACE,8a", "Ada Lovelace,7b", "New,8a", "new,7b")
    assert (reasons(found), [new["name"] for new in found.plan.new]) == ({}, ["New"])
    assert [(each["name"], each["joins"]) for each in found.plan.changed] == [("Ada Lovelace", ["Class 8a"])]
    confirmed(store, found)
    again = preview(store, "name,class", "Ada Lovelace,8a", "New,8a", "NEW,7b")
    assert (again.plan.new, again.plan.changed, again.plan.unchanged) == ([], [], 2)
    store.put(Student("Bob Babbage", {}, "s-3"))
    assert "2 students have this name" in reasons(preview(store, "name", "bob babbage"))[2]


def test_a_class_that_two_have_the_name_of_must_be_named_by_its_id(store: Register) -> None:
    store.put(Course("other", "Class 7b"))
    found = preview(store, "name,class", "Eve,Class 7b", "Eva,other")
    assert "2 classes" in reasons(found)[2]
    confirmed(store, found)
    assert [each.course_id for each in store.find(Member, course_id="other")] == ["other"]


HOSTILE = [
    "Robert'); DROP TABLE students;--",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://example.org")',
    "@SUM(A1)",
    "' OR '1'='1",
    "{{7*7}}",
    "%s%n",
]


def test_hostile_names_are_names(store: Register) -> None:
    rows = [f'h-{number},"{name.replace(chr(34), chr(34) * 2)}",{number}' for number, name in enumerate(HOSTILE)]
    found = preview(store, "student_id,name,note", *rows)
    assert reasons(found) == {}
    confirmed(store, found)
    assert [one.name for one in store.find(Student) if one.student_id.startswith("h-")] == HOSTILE
    exported = students_csv(store, ADMINISTRATOR, None, NOW)
    assert "\nh-2,\"'=HYPERLINK(" in exported and "\nh-3,'@SUM(A1)," in exported
    assert not [line for line in exported.splitlines() if ",=" in line or ',"=' in line or ",@" in line]
    again = imports.preview(store, ADMINISTRATOR, [("a.csv", exported.encode())], NOW).plan
    assert (again.new, again.changed, again.bad, again.unchanged) == ([], [], [], 2 + len(HOSTILE))


# --- when it is confirmed


def test_confirming_twice_is_once(store: Register) -> None:
    found = preview(store, "name", "Eve")
    assert confirmed(store, found) == confirmed(store, found) == {"new": 1, "changed": 0, "unchanged": 0, "bad": 0}
    assert [one.name for one in store.find(Student)].count("Eve") == 1
    assert [entry.action for entry in store.find(AuditEntry)] == ["roster.imported"]
    (kept,) = store.find(RosterPreview)
    assert kept.content == ""  # no name stays where nobody needs it


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_of_many_confirmations_at_once_one_counts(server: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if server == "postgresql":
        made: PostgresServer = request.getfixturevalue("postgres")
        url = made.new_database()
    else:
        url = sqlite_url(tmp_path / "another.db")
    with SqlStore(url) as found:
        found.put(ADMINISTRATOR)
        shown = preview(found, "name,class", "Eve,7b", "Eve,8a", "Ada,7b")
        with ThreadPoolExecutor(6) as threads:
            counts = list(threads.map(lambda _: confirmed(found, shown), range(6)))
        assert counts == [{"new": 4, "changed": 0, "unchanged": 0, "bad": 0}] * 6
        assert (len(found.find(Student)), len(found.find(Course)), len(found.find(Member))) == (2, 2, 3)
        assert [entry.action for entry in found.find(AuditEntry)] == ["roster.imported"]


def test_nobody_else_confirms_and_nobody_after_an_hour(store: Register) -> None:
    found = preview(store, "name,class", "Eve,7b", by=TEACHER)
    for account, when in ((ADMINISTRATOR, NOW), (TEACHER, NOW + timedelta(hours=1))):
        with pytest.raises(NotThere):
            imports.confirm(store, account, found.import_id, when)
    with pytest.raises(NotThere):
        imports.confirm(store, TEACHER, "no such", NOW)
    imports.preview(store, TEACHER, [("a.csv", b"name,class\nEve,7b")], NOW + timedelta(hours=2))
    assert store.get(RosterPreview, found.import_id) is None
    assert len(store.find(Student)) == 2


def test_what_changed_meanwhile_is_refused_unless_it_is_still_what_was_shown(store: Register) -> None:
    found = preview(store, "id,name,year", "s-1,Ada Lovelace,3")
    students.change_student(store, TEACHER, "s-2", NOW, name="Bob")
    students.change_student(store, TEACHER, "s-1", NOW, fields={"year": "9"})
    before = everything(store)
    with pytest.raises(ChangedMeanwhile):
        confirmed(store, found)
    assert everything(store) == before
    students.change_student(store, TEACHER, "s-1", NOW, fields={"year": "2"})
    confirmed(store, found)
    assert store.get(Student, "s-1") == Student("Ada Lovelace", {"year": "3"}, "s-1")


def test_an_import_that_fails_half_way_changes_nothing(store: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    found = preview(store, "name,class", "Eve,7b", "Eva,9c")
    before = everything(store)
    with monkeypatch.context() as broken:
        broken.setattr("photocall.school.audit.note", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            confirmed(store, found)
    assert everything(store) == before
    assert confirmed(store, found)["new"] == 3


# --- who may


def test_a_teacher_imports_into_classes_of_the_own_alone(store: Register) -> None:
    store.put(Student("Hers", {}, "h-1"), Member("8a", "h-1"))
    found = preview(
        store,
        "id,name,class",
        "x-1,Mine,7b",
        "x-2,Nowhere,",
        "x-3,Another's,8a",
        "x-4,New,9c",
        "h-1,Stolen,7b",
        "s-1,Ada King,",
        by=TEACHER,
    )
    assert sorted(reasons(found)) == [3, 4, 5, 6]
    assert confirmed(store, found, TEACHER) == {"new": 1, "changed": 1, "unchanged": 0, "bad": 4}
    assert {each.student_id for each in store.find(Member, course_id="7b")} == {"s-1", "s-2", "x-1"}
    assert store.get(Student, "h-1") == Student("Hers", {}, "h-1")
    assert len(store.find(Course)) == 2


def test_a_viewer_imports_nothing(store: Register) -> None:
    with pytest.raises(NotAllowed):
        preview(store, "name,class", "Eve,7b", by=VIEWER)


def test_a_teacher_who_lost_the_class_meanwhile_changes_nothing(store: Register) -> None:
    found = preview(store, "name,class", "Eve,7b", by=TEACHER)
    courses.remove_staff(store, ADMINISTRATOR, "7b", "teacher", NOW)
    with pytest.raises(ChangedMeanwhile):
        confirmed(store, found, TEACHER)
    assert len(store.find(Student)) == 2


# --- files that are none


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not name its columns"),
        (b"\n\n", "does not name its columns"),
        (b"name\n", "no student"),
        (b"nom,class\nAda,7b", "no column 'name'"),
        (b"name,,x\nAda,7b,1", "no heading"),
        (b"name,k,k\nAda,1,2", "two columns"),
        (b"name,k,K\nAda,1,2", "two columns"),
        (b"name\n\xff\xfe", "UTF-8"),
        ("name\nAda".encode("utf-16"), "UTF-8"),
        (b'name\n"Ada', "no student"),
        (b"name," + b"x" * 300_000, "characters"),
        (",".join(f"c{number}" for number in range(300)).encode(), "columns"),
        (b"name\n" + b"\n" * 1_000_001, "1,000,000 lines"),
        (b"name\n" + b"a" * (MAX_BYTES + 1), "20 MiB"),
        (b"PK\x03\x04 and so on", "ZIP"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_a_file_that_is_no_table_of_students_is_refused_with_the_reason(
    store: Register, content: bytes, reason: str
) -> None:
    if content == b'name\n"Ada':
        assert "cannot be read" in reasons(imports.preview(store, ADMINISTRATOR, [("a.csv", content)], NOW))[2]
        return
    with pytest.raises(EntryInvalid, match=reason):
        imports.preview(store, ADMINISTRATOR, [("a.csv", content)], NOW)
    assert store.find(RosterPreview) == []


def test_a_table_has_so_many_rows_and_no_more(store: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_files, "MAX_ROWS", 3)
    assert len(preview(store, "name", "A", "B", "C").plan.new) == 3
    with pytest.raises(EntryInvalid, match="more than 3 rows"):
        preview(store, "name", "A", "B", "C", "D")


def zipped(**files: bytes) -> bytes:
    """A ZIP of CSVs."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return packed.getvalue()


def lying(content: bytes, declared: int) -> bytes:
    """A ZIP whose entry says that it has another size."""
    packed = bytearray(zipped(students=content))
    for head, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = packed.index(head) + at
        packed[place : place + 4] = declared.to_bytes(4, "little")
    assert crc32(content).to_bytes(4, "little") in packed
    return bytes(packed)


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (zipped(students=b"name\n" + b"\n" * (21 * 2**20)), "more than 20 MiB"),
        (zipped(**{f"s{number}": b"name\n" + b" " * (19 * 2**20) for number in range(4)}), "more than"),
        (lying(b"name\n" + b"\n" * (21 * 2**20), 10), "damaged"),
        (zipped(), "no CSV"),
        (zipped(students=zipped(students=b"name\nAda")), "ZIP inside a ZIP"),
    ],
    ids=["one", "many", "lying", "empty", "nested"],
)
def test_a_zip_bomb_is_refused(store: Register, packed: bytes, reason: str) -> None:
    assert len(packed) < 2**20
    with pytest.raises(EntryInvalid, match=reason):
        imports.preview(store, ADMINISTRATOR, [("a.zip", packed)], NOW)


# --- out and in again


def test_a_table_that_was_exported_is_imported_as_it_was(store: Register) -> None:
    students.join(store, ADMINISTRATOR, "8a", "s-1", NOW)
    store.put(Student('Eve, "the\nfirst"', {"Major": "maths;art"}, "x-1"))
    exported = students_csv(store, ADMINISTRATOR, None, NOW).encode()
    found = imports.preview(store, ADMINISTRATOR, [("a.csv", exported)], NOW)
    assert [change["id"] for change in found.plan.changed] == ["x-1"]  # a line break is a space in a table
    assert (found.plan.new, found.plan.unchanged, found.plan.bad) == ([], 2, [])


def test_whoever_exports_has_what_the_own_classes_hold(store: Register) -> None:
    store.put(Student("Hers", {}, "h-1"), Member("8a", "h-1"), Member("8a", "s-1"))
    assert students_csv(store, TEACHER, None, NOW) == (
        "student_id,name,class,year\ns-1,Ada Lovelace,Class 7b,2\ns-2,Bob Babbage,Class 7b,\n"
    )
    assert students_csv(store, STRANGER, "8a", NOW).splitlines()[1:] == [
        "s-1,Ada Lovelace,Class 8a,2",
        "h-1,Hers,Class 8a,",
    ]
    with pytest.raises(NotAllowed):
        students_csv(store, TEACHER, "8a", NOW)
    assert [entry.action for entry in store.find(AuditEntry)] == ["roster.exported"] * 2
