"""The video command: people, CSV, timeline and contact sheet of each video."""

import argparse
from pathlib import Path

from photocall import report
from photocall.app import App, everybody, open_app
from photocall.console import complain, failing, say, say_json, show_video, watched
from photocall.errors import OutputUnwritable
from photocall.gallery import Gallery
from photocall.media.files import write_atomically
from photocall.media.videos import open_video
from photocall.outputs import video_outputs
from photocall.roster import Sighting
from photocall.settings import load_settings
from photocall.students import named
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
                sightings = named(_process(app, gallery, path, options.out), app.store.students())
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
    with open_video(path) as opened, watched(path.name, opened.duration) as told:
        frames = opened.frames(settings.video_fps)
        sightings = find_people(app.engine, gallery, frames, settings.false_positive_target, told)
        warnings = opened.warnings
    for warning in warnings:
        complain(f"{path}: {warning}")
    outputs = video_outputs(path.name, sightings, warnings, everybody(app.store), settings.csv_layout)
    # The table last, since others wait for it.
    for ending, data in {
        "-faces.jpg": outputs.faces,
        "-timeline.json": outputs.timeline,
        ".csv": outputs.table,
    }.items():
        write_atomically(out / f"{path.stem}{ending}", data)
    return sightings
