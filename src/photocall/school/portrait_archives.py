"""Many portraits at once: files and folders named after students, as photographers and other systems give them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime

from photocall.errors import InputError
from photocall.roster import Student
from photocall.school.errors import ConsentMissing, EntryInvalid, NotAllowed, NotThere
from photocall.school.portraits import MAX_BYTES, Added, Enrolment, try_portrait
from photocall.school.records import Account
from photocall.school.students import students_of
from photocall.school.zips import Entry, check_path

_NUMBER = re.compile(r"[\s_-]*(\(\d{1,14}\)|(?<=[\s_-])\d{1,14})$")
"""What tells photos of one student apart: "Ada Lovelace_2", "ada-lovelace (3)"."""

_SPACES = re.compile(r"[\s_-]+")


class Names:
    """Who is meant by the name of a file or folder: a student's id first, else the name of one student alone."""

    def __init__(self, students: Iterable[Student]) -> None:
        self._ids: dict[str, set[str]] = {}
        self._names: dict[str, set[str]] = {}
        for student in students:
            self._ids.setdefault(student.student_id.casefold(), set()).add(student.student_id)
            self._names.setdefault(_plain(student.name), set()).add(student.student_id)

    def student_id(self, path: str) -> str:
        """Whom a file shows, by its folder or its own name. Raises `EntryInvalid`."""
        *folders, name = check_path(path)
        stem = name.rpartition(".")[0] or name
        by_folder = next(filter(None, map(self._meant, reversed(folders))), set[str]())
        by_name = set[str]() if by_folder and stem.isdecimal() else self._meant(stem)  # "1.jpg" in a folder: the first
        if by_name and by_folder and by_name != by_folder:
            raise EntryInvalid(path, "its folder is one student's, and its name another's; rename one of them")
        meant = by_folder or by_name
        if not meant:
            raise EntryInvalid(path, "no student of yours has this id or name; name it after one, such as s-1042.jpg")
        if len(meant) > 1:
            raise EntryInvalid(path, "several students have this name; name the file by the student's id")
        return next(iter(meant))

    def _meant(self, text: str) -> set[str]:
        text = unicodedata.normalize("NFC", text).strip()
        for each in (text, _NUMBER.sub("", text)):
            ids = self._ids.get(each.casefold(), set())
            if found := (ids & {each} or ids or self._names.get(_plain(each), set())):
                return found
        return set()


def add_portraits(enrolment: Enrolment, account: Account, files: Iterable[Entry], now: datetime) -> Iterator[Added]:
    """Add each file to the student whom it is named after; one bad file never stops the others.

    Args:
        enrolment: what with.
        account: who adds them; only students count whom it may see.
        files: photos by path: `<id or name>.jpg`, or anything in a folder of such a name.
        now: when.
    """
    names = Names(students_of(enrolment.places.store, account))
    for file in files:
        shown = file.path if file.path.isprintable() else ascii(file.path)[1:-1]
        try:
            student_id = names.student_id(file.path)
            added = try_portrait(enrolment, account, student_id, file.read(MAX_BYTES), shown, now)
        except (InputError, ConsentMissing, NotAllowed, NotThere) as error:
            added = Added(shown, problem=str(error))
        yield added


def _plain(name: str) -> str:
    """A name without what files and lists write differently."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", name)).strip().casefold()
