"""A class of 40 on eight class photos with strangers among them, through server and worker, as a teacher takes it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import PATIENCE, watched
from crew import at_work
from lesson_school import Json, LessonSchool, lesson_school
from photocall.engine.face_engine import FaceEngine
from photocall.roster import Student
from photocall.settings import Settings

expect.set_options(timeout=PATIENCE)

LEAST_NAMED = 0.95
"""Of the students in the photos, without review."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A photo that was looked at, and the truth about it.

    Attributes:
        lesson: whose only photo it is.
        found: its register.
        truth: whom each face shows, by seen_id; None for a stranger, and for what is no face.
        present: everybody of the class who is in it.
    """

    lesson: str
    found: Json
    truth: dict[str, str | None]
    present: set[str]


@pytest.fixture(scope="module")
def photos(eval_data: Path) -> Path:
    return eval_data / "classroom-photos"


@pytest.fixture(scope="module")
def school(photos: Path, tmp_path_factory: pytest.TempPathFactory, engine: FaceEngine) -> Iterator[LessonSchool]:
    data = tmp_path_factory.mktemp("classroom")
    ids = sorted(folder.name for folder in (photos / "enroll").iterdir())
    portraits = [(path.parent.name, path.read_bytes()) for path in sorted((photos / "enroll").glob("*/*.jpg"))]
    with lesson_school(data, [Student(each.replace("_", " "), {}, each) for each in ids]) as opened:
        opened.agree(*ids)
        assert opened.enrol(engine, portraits) < len(portraits) / 10
        with at_work(Settings(data=data, threads=2)):
            yield opened


@pytest.fixture(scope="module")
def taken(school: LessonSchool, photos: Path) -> list[Taken]:
    """Every photo as the only one of a lesson; all are sent before the first is waited for."""
    truth = json.loads((photos / "ground_truth.json").read_text())
    lessons = {name: school.lesson(title=name) for name in truth}
    for name, lesson in lessons.items():
        school.send(lesson, (name, (photos / "photos" / name).read_bytes()))
    return [seen_in(school.settled(lessons[name]), photo["faces"]) for name, photo in truth.items()]


def seen_in(found: Json, faces: Sequence[Json]) -> Taken:
    """Each face that was found with the one of the truth whose middle it has."""
    everybody = {line["student_id"] for line in found["lines"]}
    truth: dict[str, str | None] = {each["seen_id"]: None for each in found["seen"]}
    for face in faces:
        here = [each for each in found["seen"] if _has(each["box"], *_middle(face["box"]))]
        if here and face["name"] in everybody:
            nearest = min(here, key=lambda each: abs(_middle(each["box"])[0] - _middle(face["box"])[0]))
            truth[nearest["seen_id"]] = face["name"]
    present = {face["name"] for face in faces} & everybody
    return Taken(found["lesson"]["lesson_id"], found, truth, present)


def _middle(box: Sequence[float]) -> tuple[float, float]:
    left, top, width, height = box
    return left + width / 2, top + height / 2


def _has(box: Sequence[float], x: float, y: float) -> bool:
    left, top, width, height = box
    return left <= x <= left + width and top <= y <= top + height


def test_no_stranger_is_named_and_nobody_by_another_name(taken: list[Taken]) -> None:
    for one in taken:
        named = [each for each in one.found["seen"] if each["state"] == "named"]
        assert [each for each in named if one.truth[each["seen_id"]] != each["student_id"]] == []


def test_nearly_all_students_are_named_without_review(taken: list[Taken]) -> None:
    named = sum(line["status"] == "present" for one in taken for line in one.found["lines"])
    in_photos = sum(len(one.present) for one in taken)
    assert in_photos > 100
    assert named >= LEAST_NAMED * in_photos


def test_after_review_by_somebody_who_knows_them_the_register_is_the_truth(
    school: LessonSchool, taken: list[Taken]
) -> None:
    for one in taken:
        answered: set[str] = set()
        while review := [each for each in school.register(one.lesson)["review"] if each not in answered]:
            answered.add(review[0])
            school.ask("PUT", f"/seen/{review[0]}/verdict", verdict_on(one.truth[review[0]]))
        found = school.register(one.lesson)
        assert {line["student_id"] for line in found["lines"] if line["status"] == "present"} == one.present
        assert {line["status"] for line in found["lines"]} == {"present", "absent"}
        assert found["review"] == []


def verdict_on(student_id: str | None) -> Any:
    return {"verdict": "is", "student_id": student_id} if student_id else {"verdict": "nobody"}


def test_photos_of_one_lesson_add_up(school: LessonSchool, taken: list[Taken], photos: Path) -> None:
    lesson = school.lesson()
    files = [(name, (photos / "photos" / name).read_bytes()) for name in ("class_01.jpg", "class_02.jpg")]
    school.send(lesson, *files)
    found = school.settled(lesson)
    sure = {line["student_id"] for line in found["lines"] if line["status"] == "present"}
    assert len(found["evidence"]) == 2
    assert len(sure) >= LEAST_NAMED * len(taken[1].present | taken[2].present)
    assert sure <= taken[1].present | taken[2].present


def test_a_teacher_takes_it_through_the_page(
    browser: Browser, school: LessonSchool, taken: list[Taken], photos: Path
) -> None:
    lesson, name = school.lesson(), max(taken, key=lambda one: len(one.found["review"])).found["lesson"]["title"]
    cookie: Any = {"name": "photocall-session", "value": school.tokens["teacher"], "domain": "127.0.0.1", "path": "/"}
    cookie |= {"expires": -1, "httpOnly": True, "secure": False, "sameSite": "Strict"}
    state = {"cookies": [cookie], "origins": []}
    with watched(browser, f"{school.asked.url}/school/lessons/{lesson}", storage_state=state) as page:
        page.set_input_files("#files", photos / "photos" / name)
        expect(page.locator("#picture .told")).to_have_class("told done")
        truth = json.loads((photos / "ground_truth.json").read_text())[name]
        one = seen_in(school.register(lesson), truth["faces"])
        for seen_id in one.found["review"]:
            answer(page, seen_id, one.truth[seen_id])
        present = page.locator("#register .lines > li").filter(has=page.locator(".status.present")).locator(".name")
        names = sorted((each.replace("_", " ") for each in one.present), key=str.casefold)
        expect(present).to_have_text(names)
        expect(page.locator("#review")).to_be_hidden()


def answer(page: Page, seen_id: str, student_id: str | None) -> None:
    """Say on the page whom a face shows that is not sure."""
    card = page.locator("#review .card").filter(has=page.locator(f"img[src*='{seen_id}']"))
    card.get_by_role("button", name="Somebody else").click()
    if student_id is None:
        page.get_by_role("button", name="Nobody of this class").click()
    else:
        page.get_by_label("It is somebody else").fill(student_id.replace("_", " "))
        page.keyboard.press("Enter")
    expect(card).to_have_count(0)
