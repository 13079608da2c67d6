"""The video command: people, CSV, timeline and contact sheet of each video."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from photocall import report
from photocall.app import App, everybody, open_app
from photocall.console import complain, failing, say, say_json, show_video, watched
from photocall.errors import OutputUnwritable
from photocall.gallery import Gallery
from photocall.media.draw import contact_sheet
from photocall.media.files import write_atomically
from photocall.media.images import encode_jpeg
from photocall.media.videos import open_video
from photocall.roster import Sighting
from photocall.settings import load_settings
from photocall.video import find_people


def video(options: argparse.Namespace) -> int:
    """Find the people of videos, and write three files for each."""
    settings = load_settings(data=options.data, pack=options.pack, video_fps=options.fps, csv_layout=options.layout)
    failures = 0
    sources: dict[str, Path] = {}
    with open_app(settings) as app:
        gallery = app.enrolled_gallery()
        for path in options.videos:
            with failing() as failed:
                if sources.setdefault(path.stem, path) != path:
                    raise OutputUnwritable(f"{path.stem}.csv", f"it is already that of {sources[path.stem]}")
                sightings = _process(app, gallery, path, options.out)
                if options.json:
                    say_json(report.video_json(path.name, sightings))
                else:
                    show_video(path.name, sightings)
                    say(f"{options.out / path.stem}.csv, -timeline.json and -faces.jpg written")
            failures += failed()
    return failures


def _process(app: App, gallery: Gallery, path: Path, out: Path) -> list[Sighting]:
    """Find the people of one video and write its files."""
    settings = app.settings
    with open_video(path) as opened:
        frames = watched(opened, path.name, settings.video_fps)
        sightings = find_people(app.engine, gallery, frames, settings.false_positive_target)
        warnings = opened.warnings
    for warning in warnings:
        complain(f"{path}: {warning}")
    table = report.video_csv(sightings, everybody(app.store), settings.csv_layout)
    _write(out, path, sightings, warnings, table)
    return sightings


def _write(out: Path, video: Path, sightings: Sequence[Sighting], warnings: Sequence[str], table: str) -> None:
    """Contact sheet, timeline and table; the table last, since others wait for it."""
    crops = [sighting.crop for sighting in sightings]
    sheet = contact_sheet(list(zip(crops, report.captions(sightings), strict=True)))
    timeline = json.dumps(report.timeline_json(video.name, sightings, warnings), indent=1)
    files = {
        "-faces.jpg": encode_jpeg(sheet),
        "-timeline.json": timeline.encode(),
        ".csv": table.encode(errors="replace"),
    }
    for ending, data in files.items():
        write_atomically(out / f"{video.stem}{ending}", data)
