"""The plan command: what a month of photos and videos costs wherever photocall could run."""

import argparse
import math
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from photocall.commands.plan_report import plan_json, show_plan
from photocall.console import say_json, waiting
from photocall.costs.measured import Effort, Measured, Medium, shipped
from photocall.costs.plan import make_plan
from photocall.costs.prices import read_prices
from photocall.costs.workload import HOURS, Workload
from photocall.engine.packs import DEFAULT_PACK
from photocall.errors import SettingInvalid
from photocall.evaluation.det import check_plot
from photocall.media.files import write_atomically
from photocall.settings import load_settings

MOST = 1e9
"""Photos, minutes or faces: beyond it nothing here is known to hold."""


def plan(options: argparse.Namespace) -> int:
    """Say what it costs."""
    if options.plot:
        check_plot(options.plot)
    workload, prices = _workload(options), read_prices(options.prices, free_tier=options.free_tier)
    made = make_plan(workload, _measured(options), prices)
    if options.plot:
        from photocall.costs.plot import draw_plan  # matplotlib: an extra, and slow to import

        write_atomically(options.plot, draw_plan(made, options.plot.suffix.lower().removeprefix(".")))
    if options.json:
        say_json(plan_json(made))
    else:
        show_plan(made)
    return 0


def _workload(options: argparse.Namespace) -> Workload:
    return Workload(
        _number("--photos", options.photos),
        _number("--video-minutes", options.video_minutes),
        _number("--video-length", options.video_length, 0.01, 24 * 60),
        _number("--faces", options.faces),
        _number("--peak-hour", options.peak_hour, 1 / HOURS, 1),
        _number("--keep-days", options.keep_days, 0, 36_500),
    )


def _measured(options: argparse.Namespace) -> Measured:
    """What came with photocall or is measured now, with what was given in its place."""
    measured = shipped()
    if options.measure:
        measured = _measured_here(options, measured)
    if options.memory is not None:
        memory = _number("--memory", options.memory, 1, 1e6)
        photo, video = (replace(medium, memory=memory) for medium in (measured.photo, measured.video))
        measured = replace(measured, photo=photo, video=video)
    if options.seconds_per_photo is not None:
        seconds = _number("--seconds-per-photo", options.seconds_per_photo, 0.001, 3600)
        measured = replace(measured, photo=_taking(measured.photo, seconds))
    if options.seconds_per_video_minute is not None:
        seconds = _number("--seconds-per-video-minute", options.seconds_per_video_minute, 0.001, 36_000)
        measured = replace(measured, video=_taking(measured.video, seconds))
    return measured


def _measured_here(options: argparse.Namespace, otherwise: Measured) -> Measured:
    from photocall.costs.measuring import STEPS, Conditions, measure  # loads the engine

    settings = load_settings(data=options.data, pack=options.pack)
    pack = settings.pack or DEFAULT_PACK

    def conditions(threads: int) -> Conditions:
        return Conditions(threads, settings.video_fps, pack, settings.packs)

    try:
        with waiting("measuring", STEPS) as told:
            return measure(options.measure, conditions, otherwise, told)
    except BrokenProcessPool as error:
        raise SettingInvalid("--measure", "the process that looked at the files was killed") from error


def _taking(medium: Medium, seconds: float) -> Medium:
    """The same, in so many seconds of one processor; of two in as much less as was measured."""
    effort = Effort(seconds, seconds * medium.fp32.two / medium.fp32.one)
    return replace(medium, what="as given", fp32=effort, int8=seconds)


def _number(option: str, value: float, least: float = 0, most: float = MOST) -> float:
    if not (math.isfinite(value) and least <= value <= most):
        raise SettingInvalid(option, f"{value:g} is not allowed; give a number from {least:.3g} to {most:,.12g}")
    return value
