"""The commands around workers: worker runs a pool of them, status shows all pools."""

import argparse
import signal
import sys
from dataclasses import asdict

from photocall import fleet
from photocall.app import open_objects, open_queue
from photocall.console import say, say_json, show_fleet, watch_fleet
from photocall.pool import Pool
from photocall.settings import load_settings

REFRESH_SECONDS = 1.0
"""How often the live view is drawn anew."""


def worker(options: argparse.Namespace) -> int:
    """Do the jobs of the queue with as many workers as it deserves, until a signal says to stop."""
    limits = {"workers_min": options.min, "workers_max": options.max}
    settings = load_settings(data=options.data, pack=options.pack, **limits)
    pool = Pool(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pool.interrupt)
    if options.json:
        say_json({"queue": settings.request_queue, "min": settings.workers_min, "max": settings.workers_max})
    else:
        workers = f"{settings.workers_min} to {settings.workers_max} workers"
        say(f"{workers} for the jobs of {settings.request_queue!r} (Ctrl-C lets them finish, twice does not)")
    pool.run()
    return 0


def status(options: argparse.Namespace) -> int:
    """Show the queue and the workers; on a terminal again and again."""
    settings = load_settings(data=options.data)
    queue, objects = open_queue(settings), open_objects(settings)
    if options.json:
        say_json({"queue": asdict(queue.depth()), "pools": [asdict(pool) for pool in fleet.pools(objects)]})
    elif options.once or not sys.stdout.isatty():
        show_fleet(queue.depth(), fleet.pools(objects))
    else:
        watch_fleet(lambda: (queue.depth(), fleet.pools(objects)), REFRESH_SECONDS)
    return 0
