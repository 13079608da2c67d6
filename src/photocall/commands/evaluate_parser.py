"""What can be typed after `photocall evaluate`. Light, since `--help` loads it; the work is in `evaluate.py`."""

import argparse
from pathlib import Path

from photocall.commands import Commands

_WHAT = {"pairs": "PAIRS.csv", "identify": "PAIRS.csv", "detection": "GT.txt"}
_HELP = {
    "pairs": "same person or not: accuracy, false matches and non-matches",
    "identify": "who is this: enrolled people found again, strangers named",
    "detection": "which marked faces are found",
}


def add_evaluate(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command evaluate, with a command of its own for everything that it can measure."""
    evaluate = commands.add_parser("evaluate", help="how right it is, measured on labelled photos")
    kinds = evaluate.add_subparsers(dest="kind", required=True, metavar="WHAT")
    for kind, file in _WHAT.items():
        parser = kinds.add_parser(kind, parents=[common], help=_HELP[kind])
        _add_labels(parser, file)
        if kind == "identify":
            _add_target(parser)
        if kind != "detection":
            parser.add_argument("--plot", type=Path, metavar="FILE", help="draw both errors by threshold: .png or .svg")
        if kind == "pairs":
            parser.add_argument("--calibrate", action="store_true", help="fit what the pack's distances mean; keep it")
    cohorts = kinds.add_parser("cohorts", parents=[common], help="any of these, for groups of photos or people")
    cohorts.add_argument("of", choices=tuple(_WHAT))
    _add_labels(cohorts, "FILE")
    _add_target(cohorts)
    cohorts.add_argument("--by", required=True, metavar="GROUP", help="size, blur, light, or a column of the table")
    cohorts.add_argument("--table", type=Path, metavar="FILE.csv", help="a CSV with a column photo or person")


def _add_labels(parser: argparse.ArgumentParser, file: str) -> None:
    parser.add_argument("labels", type=Path, metavar=file)
    parser.add_argument("--images", type=Path, metavar="DIR", required=True, help="folder of the photos named in it")


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target", type=float, metavar="SHARE", help="of strangers to be named [PHOTOCALL_FALSE_POSITIVE_TARGET, 0.01]"
    )
