"""OneRoster 1.1: what school information systems send is taken, and what is exported is taken by them and by us."""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from photocall.ports import Register
from photocall.roster import Student
from photocall.school import choices, courses, imports, students
from photocall.school.errors import EntryInvalid
from photocall.school.exports import oneroster_zip
from photocall.school.imports import Preview
from photocall.school.oneroster import CLASSES, ENROLLMENTS, FILES, USERS
from photocall.school.records import Account, Course, Member
from schooling import ADA, ADMINISTRATOR, BOB, NOW, TEACHER, school

Row = Mapping[str, str]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Register]:
    with school(tmp_path) as opened:
        yield opened.places.store


def table(columns: tuple[str, ...], *rows: Row) -> bytes:
    """A table with all columns of the standard, and those that rows have beside them."""
    text = io.StringIO()
    others = dict.fromkeys(name for row in rows for name in row if name not in columns)
    writer = csv.DictWriter(text, [*columns, *others], restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def user(sourced_id: str, given: str, family: str, role: str = "student", **more: str) -> Row:
    names = {"givenName": given, "familyName": family, "password": "secret"}
    return {"sourcedId": sourced_id, "enabledUser": "true", "role": role, "orgSourcedIds": "org", **names, **more}


def enrolment(course: str, student: str, role: str = "student", **more: str) -> Row:
    return {
        "sourcedId": f"{course}-{student}",
        "classSourcedId": course,
        "userSourcedId": student,
        "role": role,
        **more,
    }


def tables(
    users: list[Row] | None = None, classes: list[Row] | None = None, enrolments: list[Row] | None = None
) -> dict[str, bytes]:
    """The three tables that count, and others."""
    found = {
        "manifest": manifest(),
        "orgs": b"sourcedId,name\norg,School",
        "academicSessions": b"sourcedId,title\ny,Year",
    }
    for name, columns, rows in (
        ("users", USERS, users),
        ("classes", CLASSES, classes),
        ("enrollments", ENROLLMENTS, enrolments),
    ):
        if rows is not None:
            found[name] = table(columns, *rows)
    return found


def manifest(version: str = "1.1", **files: str) -> bytes:
    told = {"manifest.version": "1.0", "oneroster.version": version} | {f"file.{n}": v for n, v in files.items()}
    return ("propertyName,value\n" + "\n".join(f"{name},{value}" for name, value in told.items())).encode()


def zipped(found: Mapping[str, bytes], folder: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in found.items():
            archive.writestr(f"{folder}{name}.csv", content)
        archive.writestr(f"__MACOSX/{folder}._users.csv", b"\x00\x01")
    return packed.getvalue()


def preview(store: Register, found: Mapping[str, bytes], by: Account = ADMINISTRATOR) -> Preview:
    return imports.preview(store, by, [("roster.zip", zipped(found))], NOW)


def confirm(store: Register, found: Preview, by: Account = ADMINISTRATOR) -> None:
    imports.confirm(store, by, found.import_id, NOW)


WHOLE = tables(
    [
        user(
            "u-1", "Grace", "Hopper", email="g@example.org", grades="07", middleName="B.", **{"metadata.house": "Red"}
        ),
        user("u-2", "Maria", "van der Berg", username="maria"),
        user("t-1", "Mr", "Teacher", role="teacher"),
        user("p-1", "A", "Parent", role="guardian"),
    ],
    [{"sourcedId": "c-1", "title": "Maths 7", "classType": "scheduled", "location": "R 12", "termSourcedIds": "y"}],
    [enrolment("c-1", "u-1"), enrolment("c-1", "u-2"), enrolment("c-1", "t-1", role="teacher")],
)


@pytest.mark.parametrize("how", ["zip", "folder", "tables"])
def test_students_classes_and_enrolments_are_taken_and_nobody_elses(store: Register, how: str) -> None:
    files = [(f"{name}.csv", content) for name, content in WHOLE.items()]
    if how != "tables":
        files = [("roster.zip", zipped(WHOLE, "export/" if how == "folder" else ""))]
    found = imports.preview(store, ADMINISTRATOR, files, NOW)
    assert (found.kind, found.plan.bad, found.ignored) == ("oneroster", [], 3)
    assert len(store.find(Student)) == 2
    confirm(store, found)
    fields = {"house": "Red", "middleName": "B.", "email": "g@example.org", "grades": "07"}
    assert store.get(Student, "u-1") == Student("Grace Hopper", fields, "u-1")
    assert store.get(Student, "u-2") == Student("Maria van der Berg", {"username": "maria"}, "u-2")
    assert store.get(Course, "c-1") == Course("c-1", "Maths 7", {"location": "R 12"})
    assert {each.student_id for each in store.find(Member, course_id="c-1")} == {"u-1", "u-2"}
    assert len(store.find(Student)) == 4


def test_the_same_again_changes_nothing(store: Register) -> None:
    confirm(store, preview(store, WHOLE))
    again = preview(store, WHOLE).plan
    assert (again.put, again.remove, again.new, again.changed, again.unchanged) == ([], [], [], [], 2)


def test_every_bad_row_of_every_table_is_shown(store: Register) -> None:
    found = preview(
        store,
        tables(
            [
                user("u-1", "Grace", "Hopper"),
                user("", "No", "Id"),
                user("u-3", "", ""),
                user("u-1", "Again", "Grace"),
                user("u-5", "Bad", "Status", status="gone"),
                user("u/6", "Path", "Id"),
            ],
            [{"sourcedId": "c-1", "title": ""}, {"sourcedId": "c-2", "title": "B"}, {"sourcedId": "c-2", "title": "C"}],
            [enrolment("c-2", "u-1"), enrolment("c-9", "u-1"), enrolment("c-2", "u-9"), enrolment("", "u-1")],
        ),
    )
    assert [(bad.file, bad.row) for bad in found.plan.bad] == [
        *(("classes.csv", row) for row in (2, 4)),
        *(("enrollments.csv", row) for row in (3, 4, 5)),
        *(("users.csv", row) for row in (3, 4, 5, 6, 7)),
    ]
    told = {(bad.file, bad.row): bad.reason for bad in found.plan.bad}
    assert "'c-9'" in told["enrollments.csv", 3] and "'u-9'" in told["enrollments.csv", 4]
    assert "row 2 has the same" in told["users.csv", 5] and "tobedeleted" in told["users.csv", 6]
    confirm(store, found)
    assert [each.student_id for each in store.find(Member, course_id="c-2")] == ["u-1"]


def test_what_is_to_be_deleted_leaves_its_classes_and_nobody_is_erased(store: Register) -> None:
    confirm(store, preview(store, WHOLE))
    students.join(store, ADMINISTRATOR, "7b", "u-2", NOW)
    gone = {"status": "tobedeleted"}
    found = preview(
        store,
        tables(
            [user("u-2", "Maria", "van der Berg", **gone), user("u-8", "Never", "Known", **gone)],
            [{"sourcedId": "c-1", "title": "Maths 7", **gone}, {"sourcedId": "c-8", "title": "Unknown", **gone}],
            [enrolment("c-1", "u-1", **gone), enrolment("c-1", "s-1"), enrolment("c-8", "u-8", **gone)],
        ),
    )
    assert found.plan.bad == []
    moves = {each["id"]: (each.get("joins"), each.get("leaves")) for each in found.plan.changed}
    assert moves == {
        "c-1": (None, None),
        "u-2": ([], ["Class 7b", "Maths 7"]),
        "u-1": ([], ["Maths 7"]),
        "s-1": (["Maths 7"], []),
    }
    confirm(store, found)
    assert [each.student_id for each in store.find(Member, course_id="c-1")] == ["s-1"]
    course = store.get(Course, "c-1")
    assert course is not None and course.archived and store.get(Student, "u-2") is not None
    assert len(store.find(Student)) == 4


def test_tables_that_name_what_is_known_need_not_repeat_it(store: Register) -> None:
    found = preview(store, tables(enrolments=[enrolment("8a", "s-1")]))
    confirm(store, found)
    assert store.get(Member, "8a", "s-1") is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"manifest": manifest("1.2")}, "1.2.*1.1 is read"),
        ({"manifest": manifest("")}, "1.1 is read"),
        ({"manifest": manifest(enrollments="bulk")}, "enrollments.csv, which is not there"),
        ({"users": b"sourcedId,name\nu-1,Ada"}, "users.csv.*no column 'role'"),
        ({"users": None}, "none of users.csv"),
    ],
)
def test_what_is_no_oneroster_1_1_is_refused(store: Register, changes: Mapping[str, bytes | None], reason: str) -> None:
    found = {**tables([user("u-1", "Grace", "Hopper")]), **changes}
    with pytest.raises(EntryInvalid, match=reason):
        preview(store, {name: content for name, content in found.items() if content is not None})


def test_a_teacher_takes_no_class_that_is_not_given(store: Register) -> None:
    found = preview(store, WHOLE, by=TEACHER)
    assert (found.plan.new, found.plan.changed) == ([], [])
    assert {bad.file for bad in found.plan.bad} == {"classes.csv", "users.csv", "enrollments.csv"}
    mine = preview(store, tables([user("u-1", "Grace", "Hopper")], None, [enrolment("7b", "u-1")]), by=TEACHER)
    confirm(store, mine, TEACHER)
    assert store.get(Member, "7b", "u-1") is not None


# --- out and in again


def strange(store: Register) -> None:
    """A school with everything that could be lost on the way."""
    choices.choose(store, "admin", NOW, name="Zoë's, school")
    courses.change_course(store, ADMINISTRATOR, "8a", NOW, fields={"grades": "08", "Own Field": '"x", y'})
    store.put(
        Student("Madonna", {"email": "m@example.org"}, "m"),
        Student("Double  Space", {}, "id with space, comma"),
        Student("=1+1 @Formula", {"Major": "a;b", "note": "two\nlines", "username": "z"}, "=2"),
        Student('O\'Neil "Q" 李', {}, "ü"),
        Member("8a", "m"),
        Member("7b", "m"),
        Member("8a", "=2"),
    )


def kept(store: Register) -> list[object]:
    return [store.find(Student), store.find(Course), store.find(Member)]


def test_what_was_exported_is_imported_as_it_was(store: Register, tmp_path: Path) -> None:
    strange(store)
    packed = oneroster_zip(store, ADMINISTRATOR, NOW)
    here = imports.preview(store, ADMINISTRATOR, [("a.zip", packed)], NOW).plan
    assert (here.put, here.remove, here.bad, here.unchanged) == ([], [], [], 6)
    with school(tmp_path / "other") as opened:
        other = opened.places.store
        for kind in (Student, Course, Member):
            other.remove(kind)
        found = imports.preview(other, ADMINISTRATOR, [("a.zip", packed)], NOW)
        confirm(other, found)
        assert kept(other) == kept(store)


def test_the_export_is_whole_by_the_standard(store: Register) -> None:
    strange(store)
    with zipfile.ZipFile(io.BytesIO(oneroster_zip(store, ADMINISTRATOR, NOW))) as archive:
        found = {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
            for name in archive.namelist()
        }
    told = {row["propertyName"]: row["value"] for row in found["manifest"]}
    assert (told["manifest.version"], told["oneroster.version"]) == ("1.0", "1.1")
    assert {f"file.{name}" for name in FILES} <= told.keys()
    assert {name for name in FILES if told[f"file.{name}"] == "bulk"} == found.keys() - {"manifest"}
    ids = {name: [row["sourcedId"] for row in rows] for name, rows in found.items() if name != "manifest"}
    assert all(len(set(each)) == len(each) for each in ids.values())
    for row in found["classes"]:
        assert row["courseSourcedId"] in ids["courses"] and row["schoolSourcedId"] in ids["orgs"]
        assert row["termSourcedIds"] in ids["academicSessions"] and row["classType"] == "scheduled"
    for row in found["enrollments"]:
        assert row["userSourcedId"] in ids["users"] and row["classSourcedId"] in ids["classes"]
    for row in found["users"]:
        assert row["givenName"] and row["familyName"] and row["username"] and row["orgSourcedIds"] in ids["orgs"]
        assert (row["role"], row["status"], row["dateLastModified"]) == ("student", "", "")
    assert (found["orgs"][0]["name"], found["academicSessions"][0]["schoolYear"]) == ("Zoë's, school", "2027")


def test_a_teacher_exports_the_own_classes_and_no_archived_ones(store: Register) -> None:
    strange(store)
    packed = oneroster_zip(store, TEACHER, NOW)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        users = [row["sourcedId"] for row in csv.DictReader(io.StringIO(archive.read("users.csv").decode()))]
    assert users == [ADA.student_id, BOB.student_id, "m"]
    courses.change_course(store, ADMINISTRATOR, "7b", NOW, archived=True)
    with zipfile.ZipFile(io.BytesIO(oneroster_zip(store, TEACHER, NOW))) as archive:
        assert archive.read("users.csv").decode().count("\n") == 1
