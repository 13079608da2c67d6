"""The command models migrate: the enrolled faces moved to another pack, without a photo being taken anew."""

import argparse
from collections.abc import Iterable, Sequence
from functools import partial

from photocall.app import enrolled_collections, open_objects, open_people
from photocall.console import complain, counted, progress, say, say_json
from photocall.engine.face_engine import FaceEngine
from photocall.errors import NobodyEnrolled, SettingInvalid
from photocall.faces import FaceRecord
from photocall.migration import Migration, migrate_faces
from photocall.settings import load_settings

SMALLEST_FACE = 20
"""Faces looked for in kept photos, pixels: the engine's own limit, since each is known to show a face of some size."""


def migrate(options: argparse.Namespace) -> int:
    """Move class and school to another pack; how many faces could not be moved, if that kept it from happening."""
    settings = load_settings(data=options.data, pack=options.pack)
    if settings.pack is None:
        raise SettingInvalid("pack", "name the pack to move to: photocall models migrate --pack NAME")
    pack, drop = settings.pack, options.drop_unmigrated
    with (
        open_people(settings) as store,
        FaceEngine(threads=settings.threads, min_face=SMALLEST_FACE, pack=pack, packs_file=settings.packs) as engine,
    ):
        names = [each.collection_id for each in enrolled_collections(store)]
        if not names:
            raise NobodyEnrolled(str(settings.data))
        move = partial(migrate_faces, engine, store, open_objects(settings), drop_unmigrated=drop, watch=_watch)
        # All are prepared before one is switched: engines work with one model, so they move together or not at all.
        done = _together([move(name, may_switch=False) for name in names])
        if drop or not done.unmigrated:
            done = _together([move(name) for name in names])
    for lost in done.unmigrated:
        complain(f"{lost.record.external_image_id}: face {lost.record.face_id} cannot be moved: {lost.reason}")
    if options.json:
        say_json(_migration_json(pack, done))
    elif done.switched:
        say(f"{counted(done.faces, 'face')} of class and school are now embedded by {done.model}")
    else:
        say(f"not switched: {counted(len(done.unmigrated), 'face')} would be lost; {done.faces} are ready")
        say("enrol their photos again and repeat this, or lose them with --drop-unmigrated")
    return 0 if done.switched else len(done.unmigrated)


def _together(each: Sequence[Migration]) -> Migration:
    """What the migrations of all collections came to."""
    unmigrated = tuple(lost for one in each for lost in one.unmigrated)
    return Migration(each[0].model, sum(one.faces for one in each), unmigrated, all(one.switched for one in each))


def _watch(records: Sequence[FaceRecord]) -> Iterable[FaceRecord]:
    return progress(records, "embedding again")


def _migration_json(pack: str, done: Migration) -> dict[str, object]:
    unmigrated = [
        {"name": lost.record.external_image_id, "face_id": lost.record.face_id, "reason": lost.reason}
        for lost in done.unmigrated
    ]
    return {
        "pack": pack,
        "model": done.model,
        "faces": done.faces,
        "unmigrated": unmigrated,
        "switched": done.switched,
    }
