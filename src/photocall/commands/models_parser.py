"""What can be typed after `photocall models`. Light, since `--help` loads it; the work is in `models.py`."""

import argparse
from pathlib import Path

from photocall.commands import Commands

_HELP = {
    "get": "fetch a pack's files",
    "build": "convert a pack's files, measure, and load them once",
    "verify": "compare every checksum of a pack",
}


def add_models(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command models, with a command of its own for everything that can be done with them."""
    models = commands.add_parser("models", help="the networks: where from, on which terms, and your own")
    actions = models.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", parents=[common], help="every pack, its files, sources and licences")
    for action, words in _HELP.items():
        command = actions.add_parser(action, parents=[common], help=words)
        command.add_argument("name", nargs=None if action == "get" else "?", metavar="NAME")
        if action == "build":
            command.add_argument(
                "--precision", choices=("fp32", "int8"), help="of the embedder [the better one, as measured here]"
            )
    _migrate(actions, common)
    _add(actions, common)


def _migrate(actions: Commands, common: argparse.ArgumentParser) -> None:
    command = actions.add_parser("migrate", parents=[common], help="move the class to another pack, named by --pack")
    command.add_argument(
        "--drop-unmigrated", action="store_true", help="lose faces that cannot be embedded again, rather than stay"
    )


def _add(actions: Commands, common: argparse.ArgumentParser) -> None:
    command = actions.add_parser("add", parents=[common], help="write a pack of your own networks")
    command.add_argument("name", metavar="NAME")
    command.add_argument("--detector", type=Path, metavar="FILE", help="ONNX, YuNet's or SCRFD's outputs")
    command.add_argument("--detector-layout", choices=("yunet", "scrfd"), help="if the file does not show it")
    command.add_argument("--embedder", type=Path, metavar="FILE", help="ONNX, for ArcFace's 112x112 chips")
    command.add_argument("--licence", required=True, metavar="TEXT", help="on which terms you have them")
    command.add_argument(
        "--like", metavar="PACK", help="where the other part comes from [standard]", default="standard"
    )
    command.add_argument("--colour", choices=("rgb", "bgr"), default="rgb", help="that the embedder wants [rgb]")
    command.add_argument(
        "--mean", metavar="N,N,N", help="that it wants subtracted from 0..255 [127.5]", default="127.5"
    )
    command.add_argument("--scale", metavar="N,N,N", help="that it wants that divided by [127.5]", default="127.5")
    command.add_argument("--flip", action="store_true", help="average each vector with that of the mirrored face")
