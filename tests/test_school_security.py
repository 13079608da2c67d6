"""Tried and refused on every route of the school that its description names, so that a new one is tried by itself."""

import http.client
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from hostile import IDS, NAME, OPEN, OWN, Besieged, Operation, besieged
from photocall.roster import Student
from photocall.school.records import Course
from photocall.server.school.sign_ins import COOKIE

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
SQL = "Robert'); DROP TABLE students;-- \" OR ''='"
OUTSIDE = ["..%2F..%2Fetc%2Fpasswd", ".%2e", "%2Fetc%2Fpasswd", "a%00b", "..%5C..%5Cx", "%FF%FE"]
FORMULA = "{{7*7}}${7*7}=cmd|' /C calc'!A0"
MARK = b"alert(document.domain)"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="' + MARK + b'"><script>' + MARK + b"</script></svg>"
HTML = b"<!doctype html><script>" + MARK + b"</script>"
ATTACKS = ["administrator", "sign-in", "sign-ins", "password"]
"""Last parts of paths that are about signing in, which have tests of their own."""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    with besieged(tmp_path_factory.mktemp("data")) as attacked:
        yield attacked


@pytest.fixture
def restored(attacked: Besieged) -> Iterator[Besieged]:
    """What may be changed, since it is as it was afterwards."""
    try:
        yield attacked
    finally:
        attacked.restore()


def test_the_routes_are_found_and_open_to_who_may_use_them(attacked: Besieged) -> None:
    assert len(attacked.operations) > 60
    readable = [each for each in attacked.operations if each.method == "GET" and each.concerns]
    answers = {str(each): attacked.ask("administrator", each) for each in readable}
    assert {name: each.status_code for name, each in answers.items() if each.status_code != 200} == {}
    assert sum(NAME.encode() in each.content for each in answers.values()) > 5


def test_whoever_is_not_signed_in_may_nothing(attacked: Besieged) -> None:
    before = attacked.content()
    answers = {str(each): attacked.ask(None, each).status_code for each in attacked.operations if str(each) not in OPEN}
    assert {name: status for name, status in answers.items() if status != 401} == {}
    assert attacked.content() == before


def test_a_teacher_learns_and_changes_nothing_of_another_teachers_class(attacked: Besieged) -> None:
    before, files = attacked.content(), attacked.files()
    foreign = [each for each in attacked.operations if each.concerns]
    answers = {str(each): attacked.ask("stranger", each) for each in foreign}
    assert {name: each.status_code for name, each in answers.items() if each.status_code not in (403, 404)} == {}
    assert len(answers) > 35
    for each in attacked.operations:
        if each.method == "GET":
            assert NAME.encode() not in attacked.ask("stranger", each).content, each
    assert attacked.content() == before
    assert attacked.files() == files


def test_a_viewer_changes_nothing(attacked: Besieged) -> None:
    before, files = attacked.content(), attacked.files()
    changing = [each for each in attacked.operations if each.method != "GET" and str(each) not in OPEN | OWN]
    answers = {str(each): attacked.ask("viewer", each).status_code for each in changing}
    assert {name: status for name, status in answers.items() if status not in (403, 404)} == {}
    assert attacked.content() == before
    assert attacked.files() == files


def test_administrators_are_told_of_the_keys_of_templates_and_never_a_key(attacked: Besieged) -> None:
    (route,) = (each for each in attacked.operations if str(each) == "GET /v1/school/templates")
    (told,) = attacked.ask("administrator", route).json()["keys"]
    secret = (attacked.data / "keys" / "templates.keys").read_text().split()[-2]
    assert (told["newest"], told["templates"]) == (True, 1)
    assert told["key_id"] in (attacked.data / "keys" / "templates.keys").read_text()
    assert secret not in attacked.ask("administrator", route).text
    assert attacked.ask("teacher", route).status_code == 403


# --- hostile words


def changing(attacked: Besieged) -> list[Operation]:
    """The routes that take JSON, but those about signing in."""
    return [
        each for each in attacked.operations if each.body is not None and each.path.rpartition("/")[2] not in ATTACKS
    ]


def test_what_is_no_value_of_its_field_is_refused(attacked: Besieged) -> None:
    tried = 0
    for operation in changing(attacked):
        valid: dict[str, Any] = operation.valid() or {}
        wrong: Any
        body: Any
        for name in valid:
            for wrong in ({"a": {"b": 1}}, [[]], "\0" * 2001):
                answer = attacked.ask("administrator", operation, body=valid | {name: wrong})
                told = answer.json()
                assert (answer.status_code, told["error"]) == (400, "EntryInvalid"), (operation, name)
                tried += 1
        for body in ([], "text", valid | {"is_admin": True}):
            assert attacked.ask("administrator", operation, body=body).status_code == 400, operation
    assert tried > 100


@pytest.mark.parametrize("hostile", [SCRIPT, SQL, FORMULA])
def test_hostile_words_come_back_as_text_and_do_nothing(restored: Besieged, hostile: str) -> None:
    attacked, store, kept = restored, restored.server.service.school, 0
    for operation in changing(attacked):
        body = operation.valid() or {}
        for name, value in body.items():
            if isinstance(value, str) and value in ("s-1", "", hostile):
                answer = attacked.ask("administrator", operation, body=body | {name: hostile})
                assert answer.status_code < 500, (operation, name)
                assert answer.status_code == 204 or answer.headers["content-type"] == "application/json"
                kept += answer.status_code < 300 and json.dumps(hostile) in answer.text
    assert kept > 2
    store.put(Student(hostile, {hostile: hostile}, "s-1"), Course("7b", hostile, {hostile: hostile}))
    client = attacked.server.client
    headers = {"Cookie": f"{COOKIE}={attacked.token('administrator')}"}
    pages = ["", "/classes/7b", "/students/s-1", "/lessons/l-1", "/classes/7b/register", "/students/s-1/record"]
    for page in [*pages, "/reports", "/accounts", "/import", "/privacy", "/live", "/audit", "/me"]:
        told = client.get(f"/school{page}", headers=headers)
        assert told.status_code == 200, page
        assert SCRIPT not in told.text
        assert "<img src=x" not in told.text
        assert "script-src" in told.headers["content-security-policy"]
    for each in attacked.operations:
        if each.method == "GET":
            answer = attacked.ask("administrator", each)
            assert answer.status_code in (200, 404), each
            assert "html" not in answer.headers["content-type"]
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_search_is_for_text(attacked: Besieged) -> None:
    headers = {"Authorization": f"Bearer {attacked.token('administrator')}"}
    for query in ("'", "%", "_", "' OR 1=1 --", "\\", SCRIPT, "%' ESCAPE '"):
        found = attacked.server.client.get("/v1/school/students", params={"q": query}, headers=headers)
        assert (found.status_code, found.json()["students"]) == (200, []), query


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_id_is_no_way_out_of_anything(attacked: Besieged, name: str) -> None:
    before, files = attacked.content(), attacked.files()
    for operation in attacked.operations:
        for part in (part for part in [*IDS, "import_id", "letter_id"] if f"{{{part}}}" in operation.path):
            answer = attacked.ask("administrator", operation, ids={part: name})
            is_read = operation.method == "GET"
            assert answer.status_code in range(400, 500) or (answer.status_code < 300 and not is_read), operation
            assert "root:" not in answer.text
    assert attacked.content() == before
    assert attacked.files() == files


# --- hostile files


def zipped(*names: str) -> bytes:
    """A ZIP whose members are HTML."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, HTML)
        return file.getvalue()


@pytest.mark.parametrize(
    "file",
    [
        ("ada.svg", SVG, "image/svg+xml"),
        ("ada.jpg", SVG, "image/jpeg"),
        ("ada.html", HTML, "text/html"),
        ("ada.jpg", HTML, "image/jpeg"),
        ("ada.mp4", HTML, "video/mp4"),
        ("ada.jpg", b"\xff\xd8\xff\xe0" + HTML, "image/jpeg"),
        ("../../../ada.jpg", HTML, "image/jpeg"),
        ("a.zip", zipped("../../x.jpg", "/etc/x.jpg", "s-1.jpg", "s-1/x.svg", "C:\\x.jpg"), "application/zip"),
        ("ada.jpg", b"", "image/jpeg"),
    ],
    ids=["svg", "svg as jpg", "html", "html as jpg", "html as video", "half a jpeg", "a way out", "zip", "nothing"],
)
def test_a_file_that_is_no_picture_is_kept_nowhere(attacked: Besieged, file: tuple[str, bytes, str]) -> None:
    before, files = attacked.content(), attacked.files()
    taking = [operation for operation in attacked.operations if operation.takes_files]
    for operation in taking:
        answer = attacked.ask("administrator", operation, file=file)
        assert answer.status_code < 500, operation
        assert "html" not in answer.headers["content-type"]
        assert answer.status_code >= 400 or "portrait_id': '" not in str(answer.json())
    assert len(taking) >= 5
    assert attacked.content() == before
    assert attacked.files() == files


def test_a_body_that_is_far_too_large_is_refused_before_it_has_come(attacked: Besieged) -> None:
    address, token = urlsplit(attacked.server.url), attacked.token("administrator")
    for operation in attacked.operations:
        if not operation.takes_files and operation.body is None:
            continue
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        connection.putrequest(operation.method, operation.address())
        kind = "multipart/form-data; boundary=x" if operation.takes_files else "application/json"
        connection.putheader("Content-Type", kind)
        connection.putheader("Content-Length", str(10**13))
        connection.putheader("Authorization", f"Bearer {token}")
        connection.endheaders()
        assert connection.getresponse().status in (400, 413), operation
        connection.close()
