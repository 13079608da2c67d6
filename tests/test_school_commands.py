"""Whatever the pages of the school do can be typed: each of its routes has a command, and these do what they say."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.routing import APIRoute

from commandline import Answer, photocall
from photocall import cli
from photocall.demo import make_class_photo
from photocall.engine.face_engine import FaceEngine
from photocall.jobs import message
from photocall.school.choices import choices
from photocall.school.evidence import job_of
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Seen
from photocall.school.places import portrait_key
from photocall.school.records import AuditEntry, Portrait, SignIn, Staff
from photocall.school.settling import PHOTO
from photocall.school.sign_ins import open_sign_in
from photocall.school.unknown_faces import ALERT_LESSONS
from photocall.server.school.routes import ROUTERS
from schooling import NOW, TEACHER, School, school

PREFIX = "/v1/school"

COMMANDS = {
    "GET ": "school show",
    "POST /administrator": "accounts create",
    "DELETE /sign-ins": "accounts sign-out",
    "PUT /password": "accounts password",
    "GET /accounts": "accounts list",
    "POST /accounts": "accounts create",
    "PATCH /accounts/{account_id}": "accounts change",
    "POST /accounts/{account_id}/password": "accounts password",
    "DELETE /accounts/{account_id}/sign-ins": "accounts sign-out",
    "GET /audit": "audit list",
    "GET /audit/verify": "audit verify",
    "GET /courses": "classes list",
    "POST /courses": "classes create",
    "GET /courses/{course_id}": "classes show",
    "PATCH /courses/{course_id}": "classes change",
    "DELETE /courses/{course_id}": "classes delete",
    "PUT /courses/{course_id}/students/{student_id}": "classes join",
    "DELETE /courses/{course_id}/students/{student_id}": "classes leave",
    "PUT /courses/{course_id}/staff/{account_id}": "classes give",
    "DELETE /courses/{course_id}/staff/{account_id}": "classes take",
    "GET /students": "classes students",
    "POST /students": "classes add-student",
    "GET /students/{student_id}": "classes show-student",
    "PATCH /students/{student_id}": "classes change-student",
    "POST /imports": "roster import",
    "POST /imports/{import_id}/confirm": "roster import",
    "GET /exports/students.csv": "roster export",
    "GET /exports/oneroster.zip": "roster export",
    "GET /reports": "report",
    "GET /reports.csv": "report",
    "GET /reports.xlsx": "report",
    "GET /courses/{course_id}/register": "report",
    "GET /students/{student_id}/record": "report",
    "GET /students/{student_id}/consent": "consent list",
    "PUT /students/{student_id}/consent": "consent give",
    "DELETE /students/{student_id}/consent": "consent withdraw",
    "GET /students/{student_id}/portraits": "portraits list",
    "POST /students/{student_id}/portraits": "portraits add",
    "POST /portrait-archives": "portraits add",
    "GET /portraits/{portrait_id}/image": "portraits picture",
    "DELETE /portraits/{portrait_id}": "portraits remove",
    "POST /look": "portraits look",
    "DELETE /students/{student_id}": "student erase",
    "GET /students/{student_id}/export": "student export",
    "GET /choices": "school show",
    "PUT /choices": "school change",
    "POST /retention": "retention run",
    "GET /privacy": "privacy summary",
    "GET /courses/{course_id}/lessons": "lessons list",
    "POST /courses/{course_id}/lessons": "lessons create",
    "GET /lessons/{lesson_id}": "lessons register",
    "PATCH /lessons/{lesson_id}": "lessons change",
    "DELETE /lessons/{lesson_id}": "lessons delete",
    "GET /lessons/{lesson_id}/register": "lessons register",
    "PUT /lessons/{lesson_id}/marks": "lessons mark",
    "PUT /lessons/{lesson_id}/marks/{student_id}": "lessons mark",
    "DELETE /lessons/{lesson_id}/marks/{student_id}": "lessons mark",
    "POST /lessons/{lesson_id}/evidence": "lessons photo",
    "PATCH /evidence/{evidence_id}": "lessons late",
    "DELETE /evidence/{evidence_id}": "lessons remove",
    "GET /evidence/{evidence_id}/image": "lessons picture",
    "GET /seen/{seen_id}/image": "lessons picture",
    "PUT /seen/{seen_id}/verdict": "lessons judge",
    "GET /live": "live",
    "POST /live/failures/{letter_id}/retry": "queue dead retry",
    "POST /demo-class": "school demo",
    "GET /demo-class/photo": "school demo",
    "GET /templates": "templates status",
}
"""What is typed for each route."""

NO_COMMAND = {
    "POST /sign-in": "the command line needs no cookie",
    "DELETE /sign-in": "the command line needs no cookie",
}
"""Routes without a command, and why."""


# --- every route has a command


def routes() -> set[str]:
    """Every route of the school that is in its description."""
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    shown = [route for route in found if route.include_in_schema]
    return {f"{method} {route.path.removeprefix(PREFIX)}" for route in shown for method in route.methods or ()}


def words(parser: argparse.ArgumentParser, before: str = "") -> set[str]:
    """Every command that can be typed, with the words after it that choose what it does."""
    inside = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inside:
        return {before}
    return {each for name, inner in (inside[0] or {}).items() for each in words(inner, f"{before} {name}".strip())}


def test_every_route_of_the_school_has_a_command_or_a_reason_to_have_none() -> None:
    assert routes() == COMMANDS.keys() | NO_COMMAND.keys()
    assert not COMMANDS.keys() & NO_COMMAND.keys()


def test_every_command_of_a_route_can_be_typed() -> None:
    assert set(COMMANDS.values()) <= words(cli._parser())


# --- what they do


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    with school(tmp_path) as opened:
        yield opened


def run(there: School, *typed: object) -> Answer:
    return photocall(*typed, "--data", there.data)


def asked(there: School, *typed: object) -> Any:
    answer = run(there, *typed, "--json")
    assert answer.code == 0, answer.problems
    return json.loads(answer.out)


def noted(there: School) -> list[tuple[str, str, str]]:
    """Who did what to what, as the audit log has it."""
    return [(each.account_id, each.action, each.subject) for each in there.places.store.find(AuditEntry)]


def test_what_the_school_decided_is_shown_and_changed_and_the_rest_stays(there: School) -> None:
    assert asked(there, "school", "show")["has_administrator"] is True
    typed = ("--name", "Oak Street", "--time-zone", "Europe/Berlin", "--photo-days", 7, "--unknown-days", 0)
    told = asked(there, "school", "change", *typed)
    assert told == {
        "name": "Oak Street",
        "time_zone": "Europe/Berlin",
        "photo_days": 7,
        "crop_days": 30,
        "leaver_days": 30,
        "unknown_days": 0,
    }
    assert choices(there.places.store).photo_days == 7
    assert noted(there) == [("cli", "school.changed", "")]
    shown = run(there, "school", "show").out
    assert "Oak Street" in shown and "photo days" in shown


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ((), 2, "nothing to change"),
        (("--time-zone", "Nowhere"), 1, "Europe/Berlin"),
        (("--crop-days", "0"), 1, "1 to 3650 days"),
    ],
)
def test_what_a_school_cannot_decide_changes_nothing(
    there: School, typed: tuple[str, ...], code: int, said: str
) -> None:
    answer = run(there, "school", "change", *typed)
    (problem,) = answer.problems
    assert answer.code == code and said in problem
    assert noted(there) == []


def test_the_demo_class_is_loaded_with_its_photo_and_without_its_archives_says_so(
    there: School, demo_archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCALL_DEMO_ARCHIVES", str(tmp_path / "none"))
    (problem,) = run(there, "school", "demo").problems
    assert "make setup" in problem
    monkeypatch.setenv("PHOTOCALL_DEMO_ARCHIVES", str(demo_archives))
    photo = tmp_path / "class.jpg"
    assert asked(there, "school", "demo", "--photo", photo)["course_id"] == "demo"
    assert photo.read_bytes()[:2] == b"\xff\xd8"
    assert len(there.places.store.find(Portrait)) == 2


def test_a_class_is_given_to_an_account_and_taken_from_it(there: School) -> None:
    store = there.places.store
    assert asked(there, "classes", "give", "8a", "viewer")["staff"] == ["stranger", "viewer"]
    assert {each.account_id for each in store.find(Staff, course_id="8a")} == {"stranger", "viewer"}
    shown = run(there, "classes", "show", "7b").out
    assert "given to teacher, viewer" in shown
    assert asked(there, "classes", "take", "8a", "stranger")["staff"] == ["viewer"]
    assert [each[:2] for each in noted(there)] == [("cli", "staff.added"), ("cli", "staff.removed")]
    assert run(there, "classes", "give", "8a", "nobody").err == "photocall: There is no account 'nobody'\n"


def test_students_are_listed_and_found_with_their_classes(there: School) -> None:
    ada = {"student_id": "s-1", "name": "Ada Lovelace", "fields": {"year": "2"}, "courses": ["7b"]}
    assert [each["student_id"] for each in asked(there, "classes", "students")] == ["s-1", "s-2"]
    assert asked(there, "classes", "students", "--class", "7b", "--search", "love") == [ada]
    assert asked(there, "classes", "show-student", "s-1") == ada
    assert "year=2" in run(there, "classes", "students").out
    assert run(there, "classes", "show-student", "s-9").code == 1


def test_all_sign_ins_of_an_account_are_ended(there: School) -> None:
    store = there.places.store
    open_sign_in(store, TEACHER, "", datetime.now(UTC))
    assert asked(there, "accounts", "sign-out", "teacher")["disabled"] is False
    assert store.find(SignIn) == []
    assert noted(there)[-1][0] == "cli"


def test_a_photo_of_a_student_is_written_to_a_file_and_erased(there: School, tmp_path: Path) -> None:
    places, out = there.places, tmp_path / "ada.jpg"
    key = portrait_key("s-1", NOW)
    places.bucket.put(key, b"the photo")
    places.store.put(Portrait("p-1", "s-1", "face-1", key, NOW, "teacher"))
    assert asked(there, "portraits", "picture", "p-1", "--out", out)["bytes"] == 9
    assert out.read_bytes() == b"the photo"
    answer = run(there, "portraits", "remove", "none", "p-1")
    assert (answer.code, answer.out) == (1, "p-1: erased, with its face\n")
    assert answer.err == "photocall: There is no photo 'none'\n"
    assert places.store.find(Portrait) == [] and list(places.bucket.list("student_photos")) == []
    assert noted(there) == [("cli", "portrait.seen", "s-1"), ("cli", "portrait.removed", "s-1")]


def test_a_look_says_whether_photos_would_do_and_keeps_nothing(
    there: School, demo_archives: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "class.jpg"
    photo.write_bytes(make_class_photo(demo_archives))
    answer = run(there, "portraits", "look", photo, tmp_path / "none.jpg", "--json")
    (told,) = answer.values
    assert (answer.code, told["good"], told["faces"]) == (1, False, 3)
    assert "none.jpg" in answer.problems[0]
    assert there.places.store.find(Portrait) == [] and there.places.faces() == []


def test_the_operator_is_told_of_faces_by_the_hour_and_of_strangers_who_come_again(
    there: School, engine: FaceEngine
) -> None:
    store, now = there.places.store, datetime.now(UTC)
    who = np.full(128, 0.1, np.float32).tobytes()
    for number in range(ALERT_LESSONS):
        lesson, photo = f"l-{number}", f"e-{number}"
        store.put(Lesson(lesson, "7b", "", now))
        store.put(Evidence(photo, lesson, PHOTO, "a.jpg", "", "job", now, "teacher", now, state=EvidenceState.DONE))
        store.put(Seen(f"a-{number}", lesson, photo, "", 0, "s-1", 90, True, "", "", "", b"", now))
        store.put(Seen(f"b-{number}", lesson, photo, "", 0, "", 0, False, "", "", engine.model, who, now))
    told = asked(there, "live")
    (hour,) = [each for each in told["recognised"] if each["known"]]
    assert (hour["known"], hour["unknown"], told["done_per_minute"]) == (3, 3, 0)
    (group,) = told["unknown_groups"]
    assert (group["times"], group["lessons"], group["alert"]) == (3, ["l-0", "l-1", "l-2"], True)
    assert f"alert: {group['group']}, 3 times in 3 lessons" in run(there, "live").out


def test_a_photo_whose_job_was_given_up_waits_again_once_its_letter_is_tried_again(there: School) -> None:
    places, queue = there.places, there.queue
    failed = Evidence(
        "e", "l", PHOTO, "a.jpg", "k.jpg", "", NOW, "teacher", NOW, False, EvidenceState.FAILED, "it broke"
    )
    job = job_of(places.bucket_name, failed)
    places.store.put(Lesson("l", "7b", "", NOW), replace(failed, job_id=job.job_id))
    queue.send(message(job))
    (delivery,) = queue.receive()
    queue.bury(delivery, "it broke")
    assert run(there, "queue", "dead", "retry", "--all").out == "1 message sent again\n"
    (found,) = places.store.find(Evidence)
    assert (found.state, found.reason) == (EvidenceState.WAITING, "")
