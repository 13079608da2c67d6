"""What can be typed around workers: worker, status."""

import argparse

from photocall.commands import Commands


def add_worker(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command worker."""
    command = commands.add_parser("worker", parents=[common], help="do the jobs of the queue, with 0 to 15 workers")
    command.add_argument("--min", type=int, metavar="N", help="workers even without a job [PHOTOCALL_WORKERS_MIN, 0]")
    command.add_argument("--max", type=int, metavar="N", help="most workers [PHOTOCALL_WORKERS_MAX, 15]")


def add_status(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command status."""
    command = commands.add_parser("status", parents=[common], help="the queue and what every worker does, live")
    command.add_argument("--once", action="store_true", help="show it once, not again and again")
