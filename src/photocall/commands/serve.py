"""The command serve: the HTTP service."""

import argparse
import logging
import shlex
import signal
from contextlib import nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

from photocall.console import say, say_json
from photocall.errors import ExtraMissing
from photocall.pool import running_pool
from photocall.settings import EngineKind, load_settings

if TYPE_CHECKING:
    from photocall.server.service import Service

_PACKAGES = ("botocore", "fastapi", "httptools", "prometheus_client", "uvicorn")

_OPEN = "anybody who reaches this address may read, change and delete every face: keys are off (PHOTOCALL_AUTH=off)"

_log = logging.getLogger(__name__)


def serve(options: argparse.Namespace) -> int:
    """Answer requests until a signal says to stop; 0, since there is nothing that could fail in part."""
    if not all(map(find_spec, _PACKAGES)):
        raise ExtraMissing("serve", "server")
    from photocall.server import serving  # an extra, and slow to import

    settings = load_settings(
        data=options.data, pack=options.pack, host=options.host, port=options.port, workers_max=options.workers
    )
    has_workers = settings.workers_max > 0 and settings.engine is EngineKind.LOCAL
    with running_pool(settings) if has_workers else nullcontext() as pool:
        serving.serve(settings, lambda url, service: _announce(url, service, options))
        if pool is not None:
            pool.stop()
            for number in (signal.SIGTERM, signal.SIGINT):  # while workers finish what they have
                signal.signal(number, pool.interrupt)
    return 0


def _announce(url: str, service: "Service", options: argparse.Namespace) -> None:
    """Say where the server listens, and who may ask."""
    if service.is_open:
        _log.warning(_OPEN)
    if options.json:
        say_json({"url": url, "needs_key": service.needs_key})
        return
    say(f"photocall listens on {url} (Ctrl-C stops it)")
    if service.needs_key:
        say(f"Requests need a key: {shlex.join(_create_key(options))}")
    if service.is_open:
        say(f"WARNING: {_OPEN}")


def _create_key(options: argparse.Namespace) -> list[str]:
    """The command that makes a key for this server."""
    return ["photocall", "keys", "create", "NAME", *(["--data", str(options.data)] if options.data else [])]
