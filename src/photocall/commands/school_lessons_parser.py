"""What can be typed after `photocall lessons`. Light, since `--help` loads it; the work is in `school_lessons.py`."""

import argparse
from pathlib import Path

from photocall.commands import Commands

STATUSES = ("present", "late", "excused", "absent")
VERDICTS = ("is", "is-not", "nobody", "undo")


def add_lessons(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command lessons, with a command of its own for everything that can be done with them."""
    lessons = commands.add_parser("lessons", help="take attendance in lessons: photos, registers, corrections")
    actions = lessons.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", parents=[common], help="make a lesson, which starts now by default")
    create.add_argument("course", metavar="CLASS", help="its id")
    _add_times(create)
    create.set_defaults(title="", minutes=45, grace=10)
    listed = actions.add_parser("list", parents=[common], help="the lessons of a class, the newest first")
    listed.add_argument("course", metavar="CLASS", help="its id")
    change = actions.add_parser("change", parents=[common], help="another title, other times")
    change.add_argument("lesson", metavar="LESSON", help="its id")
    _add_times(change)
    delete = actions.add_parser("delete", parents=[common], help="delete it with its register and photos")
    delete.add_argument("lesson", metavar="LESSON", help="its id")
    _add_photos(actions, common)
    _add_register(actions, common)
    _add_corrections(actions, common)


def _add_times(action: argparse.ArgumentParser) -> None:
    action.add_argument("--title", metavar="TEXT", help="what it is called")
    action.add_argument("--starts", metavar="TIME", help="such as 2026-11-23T08:00, in the school's time zone")
    action.add_argument("--minutes", type=int, metavar="N", help="how long it takes; 45 for a new one")
    action.add_argument("--grace", type=int, metavar="N", help="minutes until who comes is late; 10 for a new one")


def _add_photos(actions: Commands, common: argparse.ArgumentParser) -> None:
    photo = actions.add_parser("photo", parents=[common], help="look at photos or videos of a lesson, at once")
    photo.add_argument("lesson", metavar="LESSON", help="its id")
    photo.add_argument("files", nargs="+", type=Path, metavar="FILE", help="photo or video")
    photo.add_argument("--taken", metavar="TIME", help="when it was taken [what the photo says, or when it was made]")
    late = actions.add_parser("late", parents=[common], help="whether who is seen only in a photo came late")
    late.add_argument("photo", metavar="PHOTO", help="its id, as register tells it")
    late.add_argument("late", choices=("yes", "no"))
    remove = actions.add_parser("remove", parents=[common], help="delete photos or videos with all that they showed")
    remove.add_argument("photos", nargs="+", metavar="PHOTO", help="their ids, as register tells them")
    picture = actions.add_parser("picture", parents=[common], help="write a photo, or the picture of a face")
    picture.add_argument("id", metavar="ID", help="of the photo or face, as register tells it")
    picture.add_argument("--out", required=True, type=Path, metavar="FILE", help="the JPEG to write")


def _add_register(actions: Commands, common: argparse.ArgumentParser) -> None:
    register = actions.add_parser("register", parents=[common], help="every student, and whom to review")
    register.add_argument("lesson", metavar="LESSON", help="its id")


def _add_corrections(actions: Commands, common: argparse.ArgumentParser) -> None:
    mark = actions.add_parser("mark", parents=[common], help="write into the register by hand")
    mark.add_argument("lesson", metavar="LESSON", help="its id")
    mark.add_argument("status", choices=(*STATUSES, "undo"), help="undo lets faces count again")
    mark.add_argument("students", nargs="*", metavar="STUDENT", help="ids; none for the whole class")
    mark.add_argument("--note", metavar="TEXT", default="", help="why")
    judge = actions.add_parser("judge", parents=[common], help="say whom a face shows")
    judge.add_argument("seen", metavar="FACE", help="its id, as register tells it")
    judge.add_argument("verdict", choices=VERDICTS, help="undo takes it back")
    judge.add_argument("student", nargs="?", metavar="STUDENT", default="", help="of whom it speaks")
