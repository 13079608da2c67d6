"""What can be typed after `photocall school` and `photocall live`. Light, since `--help` loads it."""

import argparse
from pathlib import Path

from photocall.commands import Commands

_DAYS = {
    "photo": "photos and videos of lessons are kept",
    "crop": "pictures and templates of single faces are kept",
    "leaver": "who is in no class any more is kept",
    "unknown": "templates of strangers are kept; 0 for not at all",
}


def add_school(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command school."""
    school = commands.add_parser("school", help="its name, its time zone, how long what is kept; the demo class")
    actions = school.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("show", parents=[common], help="what was decided")
    change = actions.add_parser("change", parents=[common], help="decide otherwise; the rest stays as it is")
    change.add_argument("--name", metavar="NAME", help="of the school")
    change.add_argument("--time-zone", metavar="ZONE", help="by its name, such as Europe/Berlin")
    for what, words in _DAYS.items():
        change.add_argument(f"--{what}-days", type=int, metavar="N", help=f"days for which {words}")
    demo = actions.add_parser("demo", parents=[common], help="load the demo class, to try everything out")
    demo.add_argument("--photo", type=Path, metavar="FILE", help="write a photo of it, to take attendance from")


def add_live(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command live."""
    commands.add_parser("live", parents=[common], help="faces known and unknown lately, and strangers who come again")
