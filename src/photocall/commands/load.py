"""The command load: many videos at once or at a rate, and a verdict on what came back."""

import argparse
import math
from collections.abc import Sequence
from typing import Any

from photocall.app import open_bucket
from photocall.commands.intakes import open_intake, warn_if_idle
from photocall.console import complain, counted, say, say_json, show_rows, waiting
from photocall.errors import SettingInvalid
from photocall.loading import Sent, check_tables, find_videos, percentile, read_mapping, run_load
from photocall.settings import load_settings

Json = dict[str, Any]

_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def load(options: argparse.Namespace) -> int:
    """Send videos, wait for them all, check every table; how many are not as they should be."""
    _check(options)
    settings = load_settings(data=options.data)
    videos = find_videos(options.folder, options.count)
    mapping = read_mapping(options.expect, videos) if options.expect else None
    with open_intake(settings) as intake:
        output = open_bucket(settings, settings.output_bucket)
        for video in videos:  # a table of an earlier time proves nothing
            output.delete(intake.job(video.key, "").stem + settings.csv_ending)
        warn_if_idle(intake)
        with waiting("videos", len(videos)) as tell:
            sent = run_load(intake, videos, options.rate, options.timeout, lambda sent: tell(*_progress(sent)))
        tables = check_tables(sent, output, settings.csv_ending, settings.csv_layout, mapping)
    summary = load_json(sent, len(videos), tables, checked=mapping is not None)
    if options.json:
        say_json(summary)
    else:
        _show(summary)
    return len(summary["problems"]) + len(videos) - len(sent)


def load_json(sent: Sequence[Sent], videos: int, tables: int, *, checked: bool) -> Json:
    """What came of a load."""
    problems = [{"video": one.video.key, "reason": one.problem} for one in sent if one.problem]
    times = [one.seconds for one in sent if one.seconds is not None]
    took = max((one.began + (one.seconds or 0) for one in sent), default=0) - min(
        (one.began for one in sent), default=0
    )
    right = len(sent) == videos == tables and not problems
    return {
        "videos": videos,
        "sent": len(sent),
        "results": len(times),
        "tables": tables,
        "checked": checked,
        "problems": problems,
        "seconds": round(took, 3),
        "latency": {name: _rounded(percentile(times, share)) for name, share in _SHARES.items()},
        "verdict": "right" if right else "wrong",
    }


def _show(summary: Json) -> None:
    for problem in summary["problems"]:
        complain(f"{problem['video']}: {problem['reason']}")
    latency = {name: "" if seconds is None else f"{seconds:.2f} s" for name, seconds in summary["latency"].items()}
    counts = {name: summary[name] for name in ("videos", "sent", "results", "tables")}
    speed = summary["results"] / summary["seconds"] if summary["seconds"] else 0
    show_rows([{**counts, "seconds": f"{summary['seconds']:.1f}", "a second": f"{speed:.2f}", **latency}])
    tables = f"{counted(summary['videos'], 'video')}, {counted(summary['tables'], 'CSV')}"
    said = "each as expected" if summary["checked"] else "their content was not checked (--expect)"
    if summary["verdict"] == "right":
        say(f"right: {tables}, {said}")
    else:
        say(f"wrong: {tables}, {counted(len(summary['problems']), 'problem')}")


def _progress(sent: Sequence[Sent]) -> tuple[int, str]:
    done = [one for one in sent if one.seconds is not None]
    failed = sum(bool(one.problem) for one in done)
    return len(done), f"sent {len(sent)}, done {len(done) - failed}, failed {failed}"


def _check(options: argparse.Namespace) -> None:
    if not (math.isfinite(options.rate) and 0 <= options.rate <= 1e6):
        raise SettingInvalid("--rate", f"must be 0 to 1000000, not {options.rate}")
    if not (math.isfinite(options.timeout) and 0 < options.timeout <= 1e6):
        raise SettingInvalid("--timeout", f"must be more than 0 and at most 1000000, not {options.timeout}")
    if options.count is not None and not 1 <= options.count <= 1_000_000:
        raise SettingInvalid("--count", f"must be 1 to 1000000, not {options.count}")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
