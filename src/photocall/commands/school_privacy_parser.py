"""What can be typed about consent, photos of students and privacy. Light, since `--help` loads it."""

import argparse
from pathlib import Path

from photocall.commands import Commands


def add_consent(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command consent."""
    consent = commands.add_parser("consent", help="who agreed that a student's face is stored")
    actions = consent.add_subparsers(dest="action", required=True, metavar="ACTION")
    give = actions.add_parser("give", parents=[common], help="record that somebody agreed")
    give.add_argument("student_ids", nargs="+", metavar="STUDENT_ID")
    give.add_argument("--by", required=True, metavar="NAME", help="who agreed: the student, or a parent")
    give.add_argument("--purpose", default="calling the roll from photos", metavar="TEXT", help="what to")
    withdraw = actions.add_parser("withdraw", parents=[common], help="take it back, and erase every face")
    withdraw.add_argument("student_ids", nargs="+", metavar="STUDENT_ID")
    actions.add_parser("list", parents=[common], help="everything that was agreed to")


def add_portraits(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command portraits."""
    portraits = commands.add_parser("portraits", help="photos that students are known by")
    actions = portraits.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[common], help="add photos, folders or ZIPs named after students")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    add.add_argument("--student", metavar="STUDENT_ID", help="whom all of the photos show, whatever their names")
    actions.add_parser("list", parents=[common], help="every photo, and whom else it resembles")
    look = actions.add_parser("look", parents=[common], help="say whether photos would do; nothing is kept")
    look.add_argument("files", nargs="+", type=Path, metavar="FILE")
    picture = actions.add_parser("picture", parents=[common], help="write a photo into a file")
    picture.add_argument("portrait", metavar="PORTRAIT_ID")
    picture.add_argument("--out", required=True, type=Path, metavar="FILE", help="the JPEG to write")
    remove = actions.add_parser("remove", parents=[common], help="erase photos with their faces")
    remove.add_argument("portraits", nargs="+", metavar="PORTRAIT_ID")


def add_student(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command student."""
    student = commands.add_parser("student", help="erase a student, or give out all that is known")
    actions = student.add_subparsers(dest="action", required=True, metavar="ACTION")
    erase = actions.add_parser("erase", parents=[common], help="erase students with all that is known of them")
    erase.add_argument("student_ids", nargs="+", metavar="STUDENT_ID")
    export = actions.add_parser("export", parents=[common], help="write all that is known of a student into a ZIP")
    export.add_argument("student_id", metavar="STUDENT_ID")
    export.add_argument("--out", required=True, type=Path, metavar="FILE", help="the ZIP to write")


def add_retention(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command retention."""
    retention = commands.add_parser("retention", help="delete what is due")
    actions = retention.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = actions.add_parser("run", parents=[common], help="delete now what is due; serve does so every hour")
    run.add_argument("--dry-run", action="store_true", help="only say how much is due")


def add_privacy(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command privacy."""
    privacy = commands.add_parser("privacy", help="what is stored of students, where and how long")
    actions = privacy.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("summary", parents=[common], help="the facts for an impact assessment")
