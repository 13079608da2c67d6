"""Claim: from a photo file to names, fifteen times as fast as face_recognition with its defaults, seeing no less.

photocall runs as `photocall models build` leaves it: its embedder in 8-bit integers where that is faster here. It is
measured in 32-bit floats, too.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.material import (
    FALSE_POSITIVE_TARGET,
    Class,
    Material,
    Photo,
    classroom_photos,
    demo_photo,
    group_photos,
    mixed_photos,
    six_faces,
)
from benchmarks.peer import Peer
from benchmarks.scoring import Seen, tally
from benchmarks.tables import Table, milliseconds, target, times
from benchmarks.timing import Result, Sample, interleaved, ratio, summary, timed
from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import DEFAULT_PACK, load_pack
from photocall.engine.precision import Choice, choose_precision
from photocall.gallery import Gallery
from photocall.media.images import read_image
from photocall.recognition import identify_faces

TARGET = 15.0
"""Times as fast on the photo with six faces."""


@dataclass(frozen=True, slots=True)
class _Set:
    """Photos measured together, and who is enrolled: with the default pack, and as dlib sees them."""

    title: str
    photos: list[Photo]
    enrolled: Class
    dlib: Class
    repeats: int


@dataclass(frozen=True, slots=True)
class _Engines:
    """photocall as it is built here, in floating point, and with dlib's own embeddings."""

    built: FaceEngine
    floating: FaceEngine
    plain: FaceEngine
    choice: Choice


def measure(material: Material) -> Result:
    """All sides in turns over every set of photos, and what each saw."""
    with ExitStack() as opened:
        engines = _open(material, opened)
        sets = [_compared(engines, one) for one in _sets(material, engines.plain)]
    return {"precision": engines.choice.precision, "sets": sets}


def _open(material: Material, opened: ExitStack) -> _Engines:
    """The engines, in a cache of their own, in which nobody has chosen yet."""
    cache = material.folder / "cache"
    floating = opened.enter_context(FaceEngine(cache_dir=cache))
    choice = choose_precision(load_pack(DEFAULT_PACK).embedder.part, cache)
    built = opened.enter_context(FaceEngine(cache_dir=cache))
    plain = opened.enter_context(FaceEngine(pack="dlib-mtcnn", cache_dir=cache))
    return _Engines(built, floating, plain, choice)


def tables(result: Result) -> list[Table]:
    """One row a set."""
    table = Table(
        "Photo file to names",
        (
            *("photos", f"photocall, {result['precision']}", "in fp32", "face_recognition", "ratio"),
            *("in fp32", "faces found", "people named right", "strangers named"),
        ),
        [_row(one, first=one is result["sets"][0]) for one in result["sets"]],
        "Medians a photo; the ratio is that of the medians, in brackets the quartiles of the ratios photo by photo. "
        "Faces, people and strangers: photocall / face_recognition / there are; people count once a photo. Both sides "
        "know the same photos of the people enrolled, photocall at its operating point for one stranger in a hundred, "
        "face_recognition at 0.6.",
    )
    return [table]


def identify(engine: FaceEngine, gallery: Gallery, path: Path) -> list[Seen]:
    """The faces of a photo file with their names, as the recognize command finds them."""
    faces = engine.faces(read_image(path))
    identified = identify_faces(faces, gallery, engine.calibration, FALSE_POSITIVE_TARGET)
    return [Seen(one.face.box, one.name, one.certain) for one in identified]


def _sets(material: Material, plain: FaceEngine) -> list[_Set]:
    as_dlib = replace(material, engine=plain)
    three, quick = (material.demo_class(), as_dlib.demo_class()), material.quick
    sets = [
        _Set("six faces, 1184x630", [six_faces(material)], *three, 3 if quick else 15),
        _Set("demo class, 1920x1080", [demo_photo(material.demo())], *three, 1 if quick else 7),
    ]
    if material.evaluation:
        few = slice(2 if quick else None)
        groups = group_photos(material.evaluation / "group-photos")
        mixed = mixed_photos(material.evaluation / "mixed-photos")
        sets.append(_Set("group photos", groups[few], *three, 1 if quick else 3))
        sets.append(_Set("mixed photos", mixed[few], *three, 1 if quick else 3))
        rooms = material.evaluation / "classroom-photos"
        forty, forty_as_dlib = (one.enrol_folder(rooms / "enroll")[0] for one in (material, as_dlib))
        sets.append(_Set("class of 40, 1920x1080", classroom_photos(rooms)[few], forty, forty_as_dlib, 1))
    return sets


def _compared(engines: _Engines, one: _Set) -> Result:
    peer = Peer(one.dlib.names, one.dlib.vectors)
    readers: Mapping[str, Callable[[Path], list[Seen]]] = {
        "photocall": partial(identify, engines.built, one.enrolled.gallery),
        "photocall_fp32": partial(identify, engines.floating, one.enrolled.gallery),
        "face_recognition": peer.read,
    }
    seen: dict[str, dict[Path, list[Seen]]] = {name: {} for name in readers}
    sides = {name: partial(_timed, reader, seen[name]) for name, reader in readers.items()}
    samples = interleaved(sides, one.photos * one.repeats, f"photo: {one.title}")
    counts = {name: tally([(photo.people, seen[name][photo.path]) for photo in one.photos]) for name in readers}
    return {
        "title": one.title,
        "photos": len(one.photos),
        **{name: summary(samples[name]) | counts[name] for name in readers},
        "ratio": ratio(samples["face_recognition"], samples["photocall"]),
        "ratio_fp32": ratio(samples["face_recognition"], samples["photocall_fp32"]),
    }


def _timed(reader: Callable[[Path], list[Seen]], seen: dict[Path, list[Seen]], photo: Photo) -> Sample:
    """What reading the photo took; what was seen is kept."""
    return timed(lambda: seen.__setitem__(photo.path, reader(photo.path)))


def _row(one: Result, *, first: bool) -> tuple[str, ...]:
    ours, theirs = one["photocall"], one["face_recognition"]
    reached = one["ratio"]["wall"] >= TARGET and ours["right"] >= theirs["right"] and ours["found"] >= theirs["found"]
    verdict = f"; {target(reached, f'{TARGET:g}x')}" if first else ""
    return (
        f"{one['title']} ({one['photos']})",
        milliseconds(ours),
        milliseconds(one["photocall_fp32"]),
        milliseconds(theirs),
        times(one["ratio"]) + verdict,
        times(one["ratio_fp32"]),
        f"{ours['found']} / {theirs['found']} / {ours['faces']}",
        f"{ours['right']} / {theirs['right']} / {ours['people']}",
        f"{ours['accepted']} / {theirs['accepted']} / {ours['strangers']}",
    )
