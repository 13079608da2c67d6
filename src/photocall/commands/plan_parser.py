"""What can be typed after `photocall plan`. Light, since `--help` loads it; the work is in `plan.py`."""

import argparse
from pathlib import Path

from photocall.commands import Commands


def add_plan(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command plan."""
    plan = commands.add_parser("plan", parents=[common], help="what a month costs, and how soon results are there")
    for option, default, words in (
        ("--photos", 1000, "a month [1000]"),
        ("--video-minutes", 0, "a month [0]"),
        ("--video-length", 1, "minutes of a video [1]"),
        ("--faces", 1000, "that are enrolled [1000]"),
        ("--keep-days", 1, "days that photos and videos are kept [1]"),
        ("--seconds-per-photo", None, "of one processor, rather than what was measured"),
        ("--seconds-per-video-minute", None, "likewise"),
        ("--memory", None, "megabytes that a process needs, likewise"),
    ):
        plan.add_argument(option, type=float, metavar="N", default=default, help=words)
    plan.add_argument(
        "--peak-hour", type=float, metavar="SHARE", default=0.01, help="of the month, in its busiest hour [0.01]"
    )
    plan.add_argument("--prices", type=Path, metavar="FILE", help="other prices than those that come with photocall")
    plan.add_argument("--free-tier", action="store_true", help="take off what costs nothing every month")
    plan.add_argument(
        "--measure", nargs="+", type=Path, metavar="FILE", help="what these photos and videos take on this machine"
    )
    plan.add_argument("--plot", type=Path, metavar="FILE", help="draw cost and time: .png or .svg")
