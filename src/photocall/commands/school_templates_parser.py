"""What can be typed after `photocall templates`. Light, since `--help` loads it; the work is in `school_templates`."""

import argparse

from photocall.commands import Commands


def add_templates(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command templates, with a command of its own for everything that can be done with them."""
    templates = commands.add_parser("templates", help="the keys that templates of faces are sealed under")
    actions = templates.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("status", parents=[common], help="how many templates are sealed under which key")
    actions.add_parser("rotate", parents=[common], help="seal all under a new key, and forget the old ones")
