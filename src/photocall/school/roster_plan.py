"""What an import would change: the rows of files against what is known, and against what the account may do."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from photocall.roster import Student
from photocall.school.entries import filled
from photocall.school.permissions import courses_of
from photocall.school.records import Account, Course, Member, Role
from photocall.school.register import Records
from photocall.school.roster_files import BadRow
from photocall.school.roster_rows import STUDENTS, CourseRow, MemberRow, Roster, StudentRow
from photocall.school.students import students_of

Json = dict[str, Any]

NEITHER_CLASS = "it names no class of yours, and only an administrator makes a student who is in no class"
ANOTHERS = "this student is in none of your classes; only an administrator may change that"
NO_CLASS = "there is no such class of yours; only an administrator makes classes"


@dataclass(slots=True)
class Plan:
    """What is to be done.

    Attributes:
        put: records that are new or changed.
        remove: who leaves which class.
        new: what is new, for people: {"what": "class" or "student", "id", "name", "joins": [names of classes]}.
        changed: what is changed: the same with "leaves", and "changes": {field: [before, after]}.
        unchanged: students about whom the files say what is known.
        bad: rows that are left out.
    """

    put: list[Course | Student | Member] = field(default_factory=list)
    remove: list[Member] = field(default_factory=list)
    new: list[Json] = field(default_factory=list)
    changed: list[Json] = field(default_factory=list)
    unchanged: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def digest(self) -> str:
        """SHA-256 over all that would be changed, hexadecimal."""
        told = [self.new, self.changed, [[each.file, each.row, each.reason] for each in self.bad]]
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def plan_of(records: Records, account: Account, roster: Roster, import_id: str) -> Plan:
    """What files would change.

    Args:
        records: what is known.
        account: who asks: a teacher changes only students in classes of the own.
        roster: what the files say.
        import_id: a UUID that ids of new students and classes are derived from, where the files give none.
    """
    planner = _Planner(records, account, roster, UUID(import_id))
    planner.courses()
    planner.members()
    planner.students()
    planner.plan.bad.sort(key=lambda each: (each.file, each.row))
    return planner.plan


class _Planner:
    def __init__(self, records: Records, account: Account, roster: Roster, import_id: UUID) -> None:
        self._roster, self._import_id = roster, import_id
        self._may_all = account.role is Role.ADMINISTRATOR
        self._courses = {each.course_id: each for each in courses_of(records, account)}
        self._course_names = _grouped((each.name.casefold(), each.course_id) for each in self._courses.values())
        self._known = {each.student_id: each for each in students_of(records, account)}
        self._others = (
            set() if self._may_all else {each.student_id for each in records.find(Student)} - set(self._known)
        )
        self._names = _grouped((each.name.casefold(), each.student_id) for each in self._known.values())
        self._classes = _grouped((each.student_id, each.course_id) for each in self._members(records))
        self._ids: dict[str, str] = {}  # of the students of rows that can be taken, by the rows' keys
        self._rows: dict[str, StudentRow] = {}  # the same rows, by those ids
        self._joins: dict[str, list[str]] = {}
        self._leaves: dict[str, list[str]] = {}
        self.plan = Plan(bad=list(roster.bad))
        self._told = {(each.file, each.row) for each in roster.bad}

    def _members(self, records: Records) -> list[Member]:
        return records.find(Member) if self._may_all else records.find(Member, course_id=list(self._courses))

    # --- classes

    def courses(self) -> None:
        """What becomes of each class that a row is about."""
        for row in self._roster.courses:
            known = self._courses.get(row.course_id)
            if known is None and row.gone:
                continue
            if not self._may_all:
                if known is None or self._changed_course(known, row) != known:
                    self._bad(row, "only an administrator makes and changes classes")
            elif known is None:
                self._new_course(Course(row.course_id, row.name, filled(row.fields)))
            else:
                self._change_course(known, self._changed_course(known, row))

    def _changed_course(self, known: Course, row: CourseRow) -> Course:
        fields = filled({**known.fields, **row.fields})
        fields = dict(known.fields) if fields == filled(known.fields) else fields
        return replace(known, name=row.name, fields=fields, archived=known.archived or row.gone)

    def _new_course(self, course: Course) -> None:
        self._courses[course.course_id] = course
        self._course_names.setdefault(course.name.casefold(), []).append(course.course_id)
        self.plan.put.append(course)
        self.plan.new.append({"what": "class", "id": course.course_id, "name": course.name})

    def _change_course(self, before: Course, after: Course) -> None:
        if after != before:
            self._courses[after.course_id] = after
            changes = _changes(before.name, before.fields, after.name, after.fields)
            if after.archived != before.archived:
                changes["archived"] = ["no", "yes"]
            self.plan.put.append(after)
            self.plan.changed.append({"what": "class", "id": after.course_id, "name": after.name, "changes": changes})

    # --- who belongs to what

    def members(self) -> None:
        """Who is meant by each row, and who joins and leaves which class."""
        for row in self._roster.students:
            reason = self._take(row)
            if reason:
                self._bad(row, reason)
        for member in self._roster.members:
            reason = self._member(member)
            if reason:
                self._bad(member, reason)

    def _take(self, row: StudentRow) -> str:
        """Find out whose row it is; why it cannot be taken, or nothing."""
        student_id = row.student_id
        if not student_id:
            same = self._names.get(row.name.casefold(), [])
            if len(same) > 1:
                return f"{len(same)} students have this name; say by student_id which one is meant"
            student_id = same[0] if same else str(uuid5(self._import_id, f"student/{row.name.casefold()}"))
        if student_id in self._others:
            return ANOTHERS
        if student_id in self._rows:
            return f"row {self._rows[student_id].row} is about the same student"
        self._ids[row.key], self._rows[student_id] = student_id, row
        return ""

    def _member(self, row: MemberRow) -> str:
        """Note that somebody joins or leaves a class; why not, or nothing."""
        student_id = self._ids.get(row.student, row.student)
        if student_id not in self._rows and student_id not in self._known:
            # Of a CSV's row that is bad as a student's, that was told already.
            return "" if self._roster.kind == STUDENTS or row.gone else f"there is no student {row.student[:100]!r}"
        course_id, reason = self._course(row)
        if course_id is not None and row.gone == (course_id in self._classes.get(student_id, [])):
            (self._leaves if row.gone else self._joins).setdefault(student_id, []).append(course_id)
        return reason

    def _course(self, row: MemberRow) -> tuple[str | None, str]:
        """The id of the class that a row means, or why there is none."""
        if row.course in self._courses:
            return row.course, ""
        if self._roster.kind != STUDENTS:
            return None, "" if row.gone else f"there is no class {row.course[:100]!r}"
        same = self._course_names.get(row.course.casefold(), [])
        if len(same) > 1:
            return None, f"{len(same)} classes are called {row.course[:100]!r}; give the id of one"
        if not same and not self._may_all:
            return None, NO_CLASS
        if not same:
            self._new_course(Course(str(uuid5(self._import_id, f"class/{row.course.casefold()}")), row.course))
        return self._course_names[row.course.casefold()][0], ""

    # --- students

    def students(self) -> None:
        """What becomes of each student that a row is about, and of those whom rows about classes name."""
        for student_id, row in self._rows.items():
            before = self._known.get(student_id)
            if row.gone:
                self._joins.pop(student_id, None)
                self._leaves[student_id] = self._classes.get(student_id, [])
                after = before
            else:
                after = _changed(before, row) if before else Student(row.name, filled(row.fields), student_id)
            if before and after:
                self._change(before, after)
            elif after and not self._may_all and not self._joins.get(student_id):
                self._bad(row, NEITHER_CLASS)
            elif after:
                self._new(after)
        for student_id in sorted({*self._joins, *self._leaves} - self._rows.keys()):
            self._change(self._known[student_id], self._known[student_id])

    def _new(self, student: Student) -> None:
        self.plan.put.append(student)
        told = {"what": "student", "id": student.student_id, "name": student.name}
        self.plan.new.append({**told, "joins": self._move(student.student_id)[0]})

    def _change(self, before: Student, after: Student) -> None:
        joins, leaves = self._move(before.student_id)
        changes = _changes(before.name, before.fields, after.name, after.fields)
        if not (joins or leaves or changes):
            self.plan.unchanged += 1
            return
        if changes:
            self.plan.put.append(after)
        told = {"what": "student", "id": after.student_id, "name": after.name}
        self.plan.changed.append({**told, "changes": changes, "joins": joins, "leaves": leaves})

    def _move(self, student_id: str) -> tuple[list[str], list[str]]:
        """Let a student join and leave classes; their names."""
        joins = list(dict.fromkeys(self._joins.get(student_id, [])))
        leaves = [each for each in dict.fromkeys(self._leaves.get(student_id, [])) if each not in joins]
        self.plan.put += [Member(course_id, student_id) for course_id in joins]
        self.plan.remove += [Member(course_id, student_id) for course_id in leaves]
        return [self._courses[each].name for each in joins], [self._courses[each].name for each in leaves]

    def _bad(self, row: StudentRow | CourseRow | MemberRow, reason: str) -> None:
        place = row.file, row.row
        if place not in self._told:  # one reason a row is enough
            self.plan.bad.append(BadRow(*place, reason))
        self._told.add(place)


def _changed(before: Student, row: StudentRow) -> Student:
    spelling = {key.casefold(): key for key in before.fields}  # headings of a CSV have lost their capitals
    new = {spelling.get(key.casefold(), key): value for key, value in row.fields.items()}
    fields = filled({**before.fields, **new})
    name = row.name if row.student_id else before.name  # the spelling that is known stays
    return replace(before, name=name, fields=before.fields if fields == filled(before.fields) else fields)


def _changes(name: str, fields: Mapping[str, str], new_name: str, new_fields: Mapping[str, str]) -> Json:
    before, after = {"name": name, **filled(fields)}, {"name": new_name, **filled(new_fields)}
    keys = dict.fromkeys([*before, *after])
    return {key: [before.get(key, ""), after.get(key, "")] for key in keys if before.get(key) != after.get(key)}


def _grouped(pairs: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
