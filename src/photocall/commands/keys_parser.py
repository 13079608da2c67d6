"""What can be typed after `photocall keys`. Light, since `--help` loads it; the work is in `keys.py`."""

import argparse

from photocall.commands import Commands


def add_keys(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command keys, with a command of its own for everything that can be done with them."""
    keys = commands.add_parser("keys", help="who may ask photocall serve: make, list and revoke keys")
    actions = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", parents=[common], help="make a key, which is shown once")
    create.add_argument("name", metavar="NAME", help="who it is for")
    create.add_argument("--access", action="store_true", help="a pair for Amazon clients, not an API key")
    create.add_argument("--scope", choices=("read", "write"), default="write", help="what it is for [write: all]")
    create.add_argument("--per-day", type=int, metavar="N", help="requests a day [500; with --access any number]")
    create.add_argument("--burst", type=int, metavar="N", help="requests at once [25]")
    create.add_argument("--rate", type=float, metavar="R", help="requests a second in the long run [10]")
    create.add_argument("--unlimited", action="store_true", help="any number of requests")
    actions.add_parser("list", parents=[common], help="every key, without its secret")
    revoke = actions.add_parser("revoke", parents=[common], help="make a key good for nothing, at once")
    revoke.add_argument("key_id", metavar="KEY_ID")


def add_base64(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command base64."""
    command = commands.add_parser("base64", parents=[common], help="an image as text, for requests")
    command.add_argument("image", metavar="FILE")
