"""What can be typed after `photocall submit`, `watch`, `load` and `queue`. Light, since `--help` loads it."""

import argparse
from pathlib import Path

from photocall.commands import Commands


def add_submit(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command submit."""
    command = commands.add_parser("submit", parents=[common], help="have workers look at photos and videos")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="photos and videos")
    command.add_argument("--index", action="store_true", help="put photos into the archive, to be found in it later")
    command.add_argument("--wait", action="store_true", help="until all are done, and print what came of them")


def add_watch(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command watch."""
    command = commands.add_parser("watch", parents=[common], help="submit whatever is put into a folder")
    command.add_argument(
        "folder", type=Path, metavar="FOLDER", help="with the folders below it; nothing in it is changed"
    )
    command.add_argument("--once", action="store_true", help="submit what is in it now, and end")


def add_load(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command load."""
    command = commands.add_parser("load", parents=[common], help="send many videos, and check what comes back")
    command.add_argument("--folder", type=Path, required=True, metavar="DIR", help="of the videos")
    command.add_argument("--rate", type=float, default=0, metavar="R", help="videos a second [0: all at once]")
    command.add_argument("--count", type=int, metavar="N", help="how many, again and again from the first [each once]")
    command.add_argument("--expect", type=Path, metavar="FILE", help="who is in each: lines VIDEO:MAJOR,YEAR")
    command.add_argument(
        "--timeout", type=float, default=600, metavar="S", help="seconds to wait after the last one was sent [600]"
    )


def add_queue(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command queue, with a command of its own for everything that can be done with it."""
    queue = commands.add_parser("queue", help="what waits for workers, and what they gave up")
    actions = queue.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("status", parents=[common], help="how many messages there are")
    dead = actions.add_parser("dead", help="messages that were given up: list, retry and drop them")
    verbs = dead.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", parents=[common], help="which, and why")
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many [100]")
    for verb, words in {"retry": "send them again, as if they were new", "drop": "remove them for good"}.items():
        command = verbs.add_parser(verb, parents=[common], help=words)
        command.add_argument("ids", nargs="*", metavar="ID", help="as dead list prints them")
        command.add_argument("--all", action="store_true", help="every one")
