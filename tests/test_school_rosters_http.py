"""Classes, students, imports and reports over HTTP, as pages and other programs ask for them."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from openpyxl import load_workbook

from photocall.roster import Status
from photocall.school import accounts, sign_ins
from photocall.school.accounts import COMMAND_LINE
from photocall.school.lesson_records import Lesson, RegisterLine
from photocall.school.records import Role, RosterPreview
from servers import Asked, asked

NOW = datetime(2026, 9, 7, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("data")) as server:
        yield server


class School:
    """Programs that are signed in: an administrator's, a teacher's of the class maths, and a viewer's of it."""

    def __init__(self, server: Asked) -> None:
        self._server = server
        self.admin = self._client("admin", Role.ADMINISTRATOR, [])
        made = self.admin.post("/courses", json={"name": "Maths", "course_id": "maths", "fields": {"room": "12"}})
        assert (made.status_code, made.json()["course_id"]) == (201, "maths")
        self.admin.post("/courses", json={"name": "Art", "course_id": "art"})
        self.teacher = self._client("teacher", Role.TEACHER, ["maths"])
        self.viewer = self._client("viewer", Role.VIEWER, ["maths"])

    def _client(self, login: str, role: Role, courses: list[str]) -> httpx.Client:
        store, now, hasher = self._server.service.school, datetime.now(UTC), PasswordHasher(1, 8, 1)
        given = (login, "A Name", role, "correct horse", courses, now)
        made = accounts.create_account(store, COMMAND_LINE, *given, must_change=False, hasher=hasher)
        token = sign_ins.open_sign_in(store, made, made.password, now)[1]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self._server.url}/v1/school", headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def school(server: Asked) -> Iterator[School]:
    made = School(server)
    yield made
    for client in (made.admin, made.teacher, made.viewer):
        client.close()


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def sent(client: httpx.Client, *files: tuple[str, bytes]) -> httpx.Response:
    return client.post("/imports", files=[("file", file) for file in files])


# --- classes and students


def test_a_class_is_made_seen_changed_and_deleted(school: School) -> None:
    made = school.admin.post("/courses", json={"name": "Physics", "fields": {"term": "1"}}).json()
    assert made == {"course_id": made["course_id"], "name": "Physics", "fields": {"term": "1"}, "archived": False}
    address = f"/courses/{made['course_id']}"
    changed = school.admin.patch(address, json={"name": "Chemistry", "fields": {}, "archived": True}).json()
    assert changed == {"course_id": made["course_id"], "name": "Chemistry", "fields": {}, "archived": True}
    assert {**changed, "students": 0} in school.admin.get("/courses").json()["courses"]
    assert school.admin.get(address).json() == {**changed, "students": [], "staff": []}
    assert school.admin.delete(address).json() == {"course_id": made["course_id"], "deleted": True}
    assert refused(school.admin.get(address)) == (404, "NotThere")


def test_a_student_is_made_found_changed_and_moved(school: School, server: Asked) -> None:
    made = school.teacher.post("/students", json={"name": "Grace", "courses": ["maths"], "fields": {"year": "2"}})
    grace = made.json()
    assert (made.status_code, grace["courses"], grace["fields"]) == (201, ["maths"], {"year": "2"})
    address = f"/students/{grace['student_id']}"
    assert school.viewer.get(address).json() == grace
    found = school.viewer.get("/students", params={"q": "GRA", "course": "maths"}).json()["students"]
    assert found == [grace]
    assert school.teacher.patch(address, json={"name": "Grace Hopper"}).json() == {**grace, "name": "Grace Hopper"}
    member = f"/courses/art/students/{grace['student_id']}"
    assert refused(school.teacher.put(member)) == (403, "NotAllowed")
    assert (school.admin.put(member).status_code, school.admin.put(member).status_code) == (204, 204)
    assert school.admin.get(address).json()["courses"] == ["art", "maths"]
    assert school.teacher.get(address).json()["courses"] == ["maths"]
    assert school.admin.delete(member).status_code == 204
    assert school.teacher.get("/courses/maths").json()["students"][0]["name"] == "Grace Hopper"


def test_a_class_is_given_and_taken(school: School, server: Asked) -> None:
    (teacher,) = [each for each in school.teacher.get("/courses/maths").json()["staff"] if each["role"] == "teacher"]
    address = f"/courses/art/staff/{teacher['account_id']}"
    assert refused(school.teacher.put(address)) == (403, "NotAllowed")
    assert school.admin.put(address).status_code == 204
    assert school.teacher.get("/courses/art").status_code == 200
    assert school.admin.delete(address).status_code == 204
    assert refused(school.teacher.get("/courses/art")) == (403, "NotAllowed")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/courses", {"name": "A", "course_id": "maths"}, 409),
        ("POST", "/courses", {"name": ""}, 400),
        ("POST", "/courses", {"name": "A", "colour": "red"}, 400),
        ("POST", "/courses", {"name": "A", "fields": {"k": "v" * 501}}, 400),
        ("POST", "/courses", {"name": "A", "fields": {str(n): "v" for n in range(51)}}, 400),
        ("POST", "/courses", {"name": "A", "fields": {"k": {"deep": 1}}}, 400),
        ("POST", "/students", {"name": "A", "courses": ["none"]}, 404),
        ("POST", "/students", {"name": ["A"]}, 400),
        ("PATCH", "/students/none", {"name": "A"}, 404),
        ("PUT", "/courses/maths/students/none", None, 404),
        ("PUT", "/courses/maths/staff/none", None, 404),
        ("POST", "/imports/none/confirm", None, 404),
        ("GET", "/students?course=none", None, 404),
        ("GET", "/reports?from=yesterday", None, 400),
        ("GET", "/reports?from=2026-09-02&to=2026-09-01", None, 400),
        ("GET", "/reports.xlsx?from=0001-01-01", None, 400),
        ("GET", "/courses/none/register", None, 404),
    ],
)
def test_what_is_wrong_is_refused_in_plain_words(
    school: School, method: str, path: str, body: Any, status: int
) -> None:
    answer = school.admin.request(method, path, json=body)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "description"}


# --- imports


def test_an_import_is_shown_and_then_confirmed(school: School) -> None:
    content = b"student_id,name,class\ni-1,Imported,Maths\n,,Maths\n"
    seen = sent(school.teacher, ("new.csv", content)).json()
    assert seen == {
        "import_id": seen["import_id"],
        "kind": "students",
        "new": [{"what": "student", "id": "i-1", "name": "Imported", "joins": ["Maths"]}],
        "changed": [],
        "unchanged": 0,
        "bad": [{"file": "new.csv", "row": 3, "reason": "name: the name is missing"}],
        "ignored": 0,
    }
    assert refused(school.teacher.get("/students/i-1")) == (404, "NotThere")
    address = f"/imports/{seen['import_id']}/confirm"
    assert refused(school.admin.post(address)) == (404, "NotThere")
    done = {"import_id": seen["import_id"], "new": 1, "changed": 0, "unchanged": 0, "bad": 1}
    assert [school.teacher.post(address).json() for _ in range(2)] == [done, done]
    assert school.teacher.get("/students/i-1").json()["courses"] == ["maths"]
    gone = sent(school.teacher, ("again.csv", content.replace(b"Imported", b"Renamed"))).json()
    school.teacher.patch("/students/i-1", json={"fields": {"a": "b"}, "name": "Renamed"})
    assert refused(school.teacher.post(f"/imports/{gone['import_id']}/confirm")) == (409, "ChangedMeanwhile")


def test_several_tables_of_oneroster_are_one_import(school: School) -> None:
    users = b"sourcedId,role,givenName,familyName\no-1,student,One,Roster\n"
    enrolments = b"classSourcedId,userSourcedId,role\nart,o-1,student\n"
    seen = sent(school.admin, ("users.csv", users), ("enrollments.csv", enrolments)).json()
    assert (seen["kind"], seen["bad"], seen["new"][0]["joins"]) == ("oneroster", [], ["Art"])


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("a.csv", b"nothing,here\n1,2", 400),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 400),
        ("a.csv", b"name\n" + b"a" * (21 * 2**20), 413),
        ("a.csv", b"", 400),
        ("../../a.csv", b"nothing", 400),
    ],
    ids=["no students", "svg", "large", "empty", "path"],
)
def test_a_file_that_cannot_be_imported_leaves_nothing(
    school: School, server: Asked, name: str, content: bytes, status: int
) -> None:
    before = len(server.service.school.find(RosterPreview))
    assert sent(school.admin, (name, content)).status_code == status
    assert len(server.service.school.find(RosterPreview)) == before


def test_a_viewer_imports_nothing(school: School) -> None:
    assert refused(sent(school.viewer, ("a.csv", b"name,class\nA,Maths"))) == (403, "NotAllowed")


def test_exports_are_files_and_no_pages(school: School) -> None:
    table = school.viewer.get("/exports/students.csv", params={"course": "maths"})
    assert table.headers["content-disposition"] == 'attachment; filename="students.csv"'
    assert table.headers["content-type"] == "text/csv; charset=utf-8" and table.text.startswith("student_id,name,")
    packed = school.viewer.get("/exports/oneroster.zip")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert {"manifest.csv", "users.csv", "classes.csv", "enrollments.csv"} <= set(archive.namelist())
    assert refused(school.viewer.get("/exports/students.csv", params={"course": "art"})) == (403, "NotAllowed")


# --- reports


def test_a_report_is_had_in_every_form(school: School, server: Asked, tmp_path: Path) -> None:
    store = server.service.school
    school.admin.post("/students", json={"name": "<b>Ada</b>", "student_id": "r-1", "courses": ["art"]})
    store.put(Lesson("l-1", "art", "One", NOW), RegisterLine("l-1", "r-1", Status.PRESENT, 99.5, "", False, NOW))
    asked_for = {"course": "art", "student": "r-1", "from": "2026-09-07", "to": "2026-09-07"}
    found = school.admin.get("/reports", params=asked_for).json()
    assert found["students"][0] | {"name": ""} == {"student_id": "r-1", "name": "", **found["total"]}
    assert [lesson["lesson_id"] for lesson in found["lessons"]] == ["l-1"]
    table = school.admin.get("/reports.csv", params=asked_for)
    assert table.text.splitlines()[1] == "2026-09-07,06:00,art,Art,One,r-1,<b>Ada</b>,present,99.5,,"
    assert table.headers["content-disposition"].startswith("attachment")
    book = school.admin.get("/reports.xlsx", params=asked_for)
    assert load_workbook(io.BytesIO(book.content))["Lines"]["G2"].value == "<b>Ada</b>"
    matrix = school.admin.get("/courses/art/register", params={"from": "2026-09-07"}).json()
    assert [one["statuses"] for one in matrix["students"] if one["student_id"] == "r-1"] == [["present"]]
    for path in ("/reports", "/reports.csv", "/reports.xlsx"):
        assert refused(school.teacher.get(path, params=asked_for)) == (403, "NotAllowed")
    assert refused(school.teacher.get("/courses/art/register")) == (403, "NotAllowed")
