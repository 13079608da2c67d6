"""What an execution environment opens once, when it is first needed, and keeps for all events that it is given.

Nothing is imported before it is needed: most functions need a part of this, and wait for it when they start.
"""

import os
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

from photocall.engine.packs import DLIB_PACK

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from photocall.engine.face_engine import FaceEngine
    from photocall.handlers import Tools
    from photocall.ports import JobQueue
    from photocall.settings import Settings

MIB_A_PROCESSOR = 1769
"""Memory that comes with one: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

NAME = "photocall"
"""Service in the log, and namespace of the metrics."""

_opened = ExitStack()


@cache
def settings() -> "Settings":
    """The settings, as the function's configuration has them. Raises `SettingInvalid`."""
    from photocall.settings import load_settings

    return load_settings(threads=None if _is_set("threads") else processors())


def processors() -> int:
    """As many as come with the function's memory; the system shows more, of which each would get a part of the time."""
    shown = len(os.sched_getaffinity(0))
    memory = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or shown * MIB_A_PROCESSOR)
    return max(1, min(shown, round(memory / MIB_A_PROCESSOR)))


def _is_set(setting: str) -> bool:
    return bool(os.environ.get(f"PHOTOCALL_{setting.upper()}"))


@cache
def plain_engine() -> "FaceEngine":
    """An engine whose vectors are exactly dlib's. Raises `SettingInvalid`, `WeightsInvalid`.

    The settings are read only where there is one that it heeds: they take half as long to import as all it needs.
    """
    from photocall.engine.face_engine import FaceEngine

    if _is_set("threads") or _is_set("min_face"):
        return FaceEngine(threads=settings().threads, min_face=settings().min_face, pack=DLIB_PACK)
    return FaceEngine(threads=processors(), pack=DLIB_PACK)


@cache
def logger() -> "Logger":
    """The log of this process, photocall's own modules included: lines of JSON that name the invocation."""
    from aws_lambda_powertools import Logger

    return Logger(service=NAME, utc=True)


@cache
def metrics() -> "Metrics":
    """What is counted, for CloudWatch, which reads it from the log (the embedded metric format)."""
    from aws_lambda_powertools import Metrics

    return Metrics(namespace=NAME, service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", NAME))


def count(faces: float, seconds: float) -> None:
    """Count an event: the faces that were found, and how long it took."""
    counted = metrics()
    counted.add_metric("Faces", "Count", faces)
    counted.add_metric("Duration", "Milliseconds", round(1000 * seconds, 1))
    counted.flush_metrics()


@cache
def tools() -> "Tools":
    """What jobs are done with: engine and stores. Raises `StoreUnavailable`."""
    from photocall.app import open_app
    from photocall.handlers import Tools

    return Tools(_opened.enter_context(open_app(settings())))


@cache
def queue(name: str) -> "JobQueue":
    """The queue of a name. Raises `StoreUnavailable`."""
    from photocall.app import open_queue

    return open_queue(settings(), name)


def close() -> None:
    """Let go of engine and stores; the next event opens them anew."""
    tools.cache_clear()
    _opened.close()
