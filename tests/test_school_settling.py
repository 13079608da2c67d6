"""The register that follows from evidence, verdicts and marks: pure logic, so every rule has its own sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from photocall.roster import Status
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Mark, RegisterLine, Seen, Verdict
from photocall.school.settling import PHOTO, VIDEO, State, is_late, lines, review, understood

START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
NOW = START + timedelta(hours=1)
LESSON = Lesson("lesson", "7b", "", START, minutes=45, grace=10)
CLASS = ("ada", "bob", "cem")


def shown(number: int = 1, *, late: bool = False, kind: str = PHOTO, after: float = 0) -> Evidence:
    """A photo that was looked at."""
    taken, done = START + timedelta(minutes=after), EvidenceState.DONE
    return Evidence(f"photo-{number}", "lesson", kind, "a.jpg", "key", "job", NOW, "teacher", taken, late, done)


def face(
    student_id: str, similarity: float = 99, *, certain: bool = True, photo: int = 1, number: int = 0, at: float = 0
) -> Seen:
    name = f"{photo}-{student_id or 'stranger'}-{number}"
    where = (name, "lesson", f"photo-{photo}", "0,0,9,9", at)
    return Seen(*where, student_id, similarity, certain, "", "crop", "", b"", NOW)


def judged(seen: Seen, verdict: Verdict, student_id: str = "", after: float = 0) -> Seen:
    when = NOW + timedelta(seconds=after)
    return replace(seen, verdict=verdict, is_student=student_id, judged_by="teacher", judged=when)


def mark(student_id: str, status: Status) -> Mark:
    return Mark("lesson", student_id, status, "", "teacher", NOW)


def register(
    seen: Sequence[Seen] = (),
    evidence: Sequence[Evidence] = (shown(),),
    marks: Sequence[Mark] = (),
    before: Mapping[str, RegisterLine] | None = None,
) -> dict[str, RegisterLine]:
    found = lines(LESSON, CLASS, seen, evidence, marks, NOW, before)
    return {line.student_id: line for line in found}


def statuses(*args: Sequence[Seen], **more: Sequence[Evidence] | Sequence[Mark]) -> dict[str, str]:
    found = register(*args, **more)  # type: ignore[arg-type]  # as `register` has them
    return {student_id: str(line.status) for student_id, line in found.items()}


def states(*seen: Seen, evidence: Sequence[Evidence] = (shown(),)) -> dict[str, tuple[str, str]]:
    return {each.seen.seen_id: (each.student_id, str(each.state)) for each in understood(LESSON, seen, evidence)}


# --- what faces say


def test_before_the_roll_is_called_there_is_no_register() -> None:
    assert register(evidence=()) == {}
    assert register(evidence=[replace(shown(), state=EvidenceState.FOUND)]) == {}


def test_once_it_is_called_every_student_has_a_line() -> None:
    assert statuses([face("ada"), face("bob", 70, certain=False)]) == {
        "ada": "present",
        "bob": "uncertain",
        "cem": "absent",
    }


def test_photos_add_up_and_the_best_certain_face_is_the_one_shown() -> None:
    seen = [face("ada", 90, photo=1), face("ada", 97, photo=2), face("ada", 99, certain=False, photo=3)]
    line = register(seen, [shown(1), shown(2), shown(3)])["ada"]
    assert (line.status, line.similarity, line.seen_id) == (Status.PRESENT, 97, "2-ada-0")


def test_who_is_seen_only_in_late_photos_is_late() -> None:
    seen, evidence = [face("ada", photo=1), face("ada", photo=2), face("bob", photo=2)], [shown(1), shown(2, late=True)]
    assert statuses(seen, evidence=evidence) == {"ada": "present", "bob": "late", "cem": "absent"}


def test_an_unsure_face_in_time_does_not_make_somebody_punctual() -> None:
    seen = [face("ada", 80, certain=False, photo=1), face("ada", photo=2)]
    assert statuses(seen, evidence=[shown(1), shown(2, late=True)])["ada"] == "late"


@pytest.mark.parametrize(
    ("minutes", "late"), [(-5, False), (0, False), (9.9, False), (10, True), (44.9, True), (45, False), (600, False)]
)
def test_late_is_after_the_grace_period_and_within_the_lesson(minutes: float, late: bool) -> None:
    assert is_late(LESSON, START + timedelta(minutes=minutes)) is late


def test_in_a_video_who_comes_after_the_grace_period_is_late() -> None:
    seen, video = [face("ada", at=30), face("bob", at=11 * 60)], shown(kind=VIDEO)
    assert statuses(seen, evidence=[video]) == {"ada": "present", "bob": "late", "cem": "absent"}
    assert statuses(seen, evidence=[replace(video, late=True)])["ada"] == "late"


def test_a_late_video_of_which_somebody_says_that_it_is_not_makes_nobody_late() -> None:
    video = shown(kind=VIDEO, after=20)
    assert statuses([face("ada", at=60)], evidence=[video])["ada"] == "present"


def test_a_face_of_a_photo_that_is_gone_counts_for_nothing() -> None:
    assert statuses([face("ada", photo=7)])["ada"] == "absent"


# --- what people say


def test_who_somebody_says_it_is_is_certain_whatever_the_engine_thought() -> None:
    assert statuses([judged(face("bob", certain=False), Verdict.IS, "bob")])["bob"] == "present"
    taken = judged(face("bob"), Verdict.IS, "ada")
    line = register([taken])["ada"]
    assert (line.status, line.similarity, line.seen_id) == (Status.PRESENT, None, "1-bob-0")
    assert statuses([taken])["bob"] == "absent"


def test_who_it_is_not_is_not_there_unless_another_face_says_so() -> None:
    wrong = judged(face("ada"), Verdict.IS_NOT, "ada")
    assert statuses([wrong])["ada"] == "absent"
    assert statuses([wrong, face("ada", photo=2)], evidence=[shown(1), shown(2)])["ada"] == "present"
    assert states(wrong) == {"1-ada-0": ("", "corrected")}


def test_it_is_not_somebody_else_says_nothing_of_whom_the_engine_took_it_for() -> None:
    assert states(judged(face("ada"), Verdict.IS_NOT, "bob")) == {"1-ada-0": ("ada", "named")}


def test_nobody_is_nobody() -> None:
    assert statuses([judged(face("ada"), Verdict.NOBODY)])["ada"] == "absent"


def test_a_student_is_in_a_photo_at_most_once_also_after_verdicts() -> None:
    engine, said = face("ada"), judged(face(""), Verdict.IS, "ada")
    assert states(engine, said) == {"1-ada-0": ("", "stranger"), "1-stranger-0": ("ada", "corrected")}
    other = face("ada", photo=2)
    assert states(engine, said, other, evidence=[shown(1), shown(2)])["2-ada-0"] == ("ada", "named")


def test_of_two_faces_of_a_photo_that_are_said_to_be_one_student_the_last_word_counts() -> None:
    first = judged(face("", number=1), Verdict.IS, "ada")
    last = judged(face("", number=2), Verdict.IS, "ada", after=5)
    for seen in ([first, last], [last, first]):
        assert states(*seen) == {"1-stranger-1": ("", "stranger"), "1-stranger-2": ("ada", "corrected")}


def test_in_a_video_two_tracks_may_be_one_student() -> None:
    video = shown(kind=VIDEO)
    found = states(face("ada"), judged(face(""), Verdict.IS, "ada"), evidence=[video])
    assert {student_id for student_id, _ in found.values()} == {"ada"}


def test_unsure_faces_without_a_verdict_are_reviewed_the_most_similar_first() -> None:
    seen = [
        face("ada", 70, certain=False),
        face("bob", 90, certain=False),
        judged(face("cem", 95, certain=False), Verdict.IS, "cem"),
        face("cem", 99, photo=2),
        face(""),
    ]
    found = review(understood(LESSON, seen, [shown(1), shown(2)]))
    assert [each.student_id for each in found] == ["bob", "ada"]
    assert {each.state for each in found} == {State.UNCERTAIN}


# --- what is written by hand


def test_a_mark_counts_more_than_any_face_and_the_face_is_still_shown() -> None:
    line = register([face("ada")], marks=[mark("ada", Status.EXCUSED)])["ada"]
    assert (line.status, line.by_hand, line.seen_id) == (Status.EXCUSED, True, "1-ada-0")


def test_the_roll_may_be_called_without_any_photo() -> None:
    assert statuses(evidence=[], marks=[mark("bob", Status.PRESENT)]) == {
        "ada": "absent",
        "bob": "present",
        "cem": "absent",
    }


# --- what was before


def test_a_line_that_stays_the_same_keeps_its_time() -> None:
    before = register([face("ada")])
    old = {name: replace(line, changed=START) for name, line in before.items()}
    again = register([face("ada"), face("bob", photo=2)], [shown(1), shown(2)], before=old)
    assert {name: line.changed for name, line in again.items()} == {"ada": START, "bob": NOW, "cem": START}


def test_what_the_register_said_stays_when_the_face_that_it_rested_on_was_erased() -> None:
    erased = RegisterLine("lesson", "ada", Status.PRESENT, None, "", False, START, Status.PRESENT)
    assert register([], before={"ada": erased})["ada"] == erased
    marked = RegisterLine("lesson", "ada", Status.EXCUSED, None, "", True, START)
    assert register([], before={"ada": marked})["ada"].status is Status.ABSENT


FACES = some.builds(
    face,
    some.sampled_from(["", *CLASS]),
    some.floats(0, 100),
    certain=some.booleans(),
    photo=some.sampled_from([1, 2]),
    number=some.integers(0, 3),
)
SAID = some.tuples(FACES, some.sampled_from(["", *Verdict]), some.sampled_from(CLASS)).map(
    lambda each: judged(each[0], each[1], each[2]) if each[1] else each[0]
)
MARKS = some.lists(some.builds(mark, some.sampled_from(CLASS), some.sampled_from([Status.LATE, Status.ABSENT])))


@settings(max_examples=60, deadline=None)
@given(some.lists(SAID, unique_by=lambda seen: seen.seen_id), MARKS)
def test_whatever_was_seen_and_said_everybody_has_one_line_and_is_in_a_photo_once(
    seen: list[Seen], marks: list[Mark]
) -> None:
    evidence = [shown(1), shown(2, late=True)]
    found = lines(LESSON, CLASS, seen, evidence, marks, NOW)
    assert [line.student_id for line in found] == list(CLASS)
    assert found == lines(LESSON, CLASS, list(reversed(seen)), evidence, marks, NOW)
    faces = understood(LESSON, seen, evidence)
    said = [(each.seen.evidence_id, each.student_id) for each in faces if each.seen.verdict == Verdict.IS]
    confirmed = [pair for pair in said if pair[1]]
    assert len(confirmed) == len(set(confirmed))
