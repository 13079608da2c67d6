"""Claim: a video to its people at a fraction of what recognising frame by frame takes, and the same people.

The rivals are the usual loop, face_recognition on every frame, and nothing at all: merely decoding the video.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import av

from benchmarks.material import FALSE_POSITIVE_TARGET, VIDEO_FPS, Class, Material
from benchmarks.peer import Peer
from benchmarks.tables import Table, milliseconds, target, times
from benchmarks.timing import Result, Sample, interleaved, ratio, summary, timed, told
from photocall.encodings import PACK
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.gallery import Gallery
from photocall.media.videos import open_video
from photocall.recognition import identify_faces
from photocall.video import find_people

STEP = 10
"""face_recognition recognises every tenth frame, and its time counts ten times."""

MOST_TIMES_DECODING = 2
"""The target: the whole video job takes at most this many times as long as decoding every frame."""


@dataclass(frozen=True, slots=True)
class _Clip:
    """A video, who is enrolled, by which engine, and who of them is in it."""

    title: str
    path: Path
    engine: FaceEngine
    enrolled: Class
    expected: frozenset[str]


def measure(material: Material) -> Result:
    """Times on three clips, and the people found in all that are there."""
    demo = material.demo()
    names = frozenset(one.name for one in demo.appearances if one.name)
    clips = [_Clip("demo clip", demo.clip, material.engine, _demo_class(material), names)]
    if not material.evaluation:
        return {"times": [_timings(material, clips[0])], "people": [_people(clips[0])]}
    with FaceEngine(pack=PACK) as plain:  # known encodings are compared with their like
        course = _course_clips(replace(material, engine=plain), material.evaluation / "classroom-videos")
        others = _people_clips(material, material.evaluation / "people-videos")
        wanted = [*(clip for clip in others if "hamilton" in clip.path.name), *clips, course[1]]
        every = [*clips, *course, *others]
        return {
            "times": [_timings(material, clip) for clip in wanted[: 1 if material.quick else None]],
            "people": [_people(clip) for clip in told(every[: 3 if material.quick else None], "video: people")],
        }


def tables(result: Result) -> list[Table]:
    """Times, and people."""
    return [_times_table(result["times"]), _people_table(result["people"])]


# --- the clips --------------------------------------------------------------------------------------------------------


def _demo_class(material: Material) -> Class:
    photos = material.portraits()
    return material.enrol(
        (name, material.largest(photos[key])) for name, key in (("Barack Obama", "obama"), ("Joe Biden", "biden"))
    )


def _course_clips(material: Material, folder: Path) -> list[_Clip]:
    """Two-second clips of celebrities, with the encodings of eleven."""
    enrolled = material.enrol_encodings(folder / "encoding.json")
    lines = (folder / "expected.csv").read_text("utf-8").splitlines()[1:]
    truth = dict(line.split(",")[:2] for line in lines)
    return [_Clip(video, folder / video, material.engine, enrolled, frozenset([name])) for video, name in truth.items()]


def _people_clips(material: Material, folder: Path) -> list[_Clip]:
    """Clips of one or two people; of each, the largest face of the middle frame is enrolled under the clip's name."""
    paths = sorted((*folder.glob("*.mp4"), *folder.glob("*.mpg")))
    enrolled = material.enrol((path.stem, material.largest(_middle_frame(path))) for path in paths)
    return [_Clip(path.name, path, material.engine, enrolled, frozenset([path.stem])) for path in paths]


def _middle_frame(path: Path) -> ByteArray:
    with open_video(path) as video:
        middle = (video.duration or 0) / 2
        return next(frame.image for frame in video.frames() if frame.time >= middle)


# --- times ------------------------------------------------------------------------------------------------------------


def _timings(material: Material, clip: _Clip) -> Result:
    frames = [image for number, image in enumerate(_every_frame(clip.path)) if number % STEP == 0]
    count = sum(1 for _ in _every_frame(clip.path))
    peer = Peer(clip.enrolled.names, clip.enrolled.vectors)
    sides: dict[str, Callable[[Path], Sample]] = {
        "photocall": partial(_find, clip.engine, clip.enrolled.gallery),
        "decoding": partial(_decode, False),
        "decoding_rgb": partial(_decode, True),
        "face_recognition_frames": lambda _: timed(lambda: [peer.recognise(frame) for frame in frames]),
    }
    samples = interleaved(sides, [clip.path] * (1 if material.quick else 3), f"video: times of {clip.title}")
    loop = [
        decoding.plus(frame, times=count / len(frames))
        for decoding, frame in zip(samples["decoding_rgb"], samples["face_recognition_frames"], strict=True)
    ]
    height, width = frames[0].shape[:2]
    return {
        "title": clip.title,
        "size": f"{width}x{height}",
        "frames": count,
        "recognised_by_face_recognition": len(frames),
        **{side: summary(samples[side]) for side in ("photocall", "decoding", "decoding_rgb")},
        "face_recognition": summary(loop),
        "ratio_to_face_recognition": ratio(loop, samples["photocall"]),
        "ratio_to_decoding": ratio(samples["photocall"], samples["decoding"]),
        "ratio_to_decoding_rgb": ratio(samples["photocall"], samples["decoding_rgb"]),
    }


def _find(engine: FaceEngine, gallery: Gallery, path: Path) -> Sample:
    return timed(lambda: _found(engine, gallery, path))


def _found(engine: FaceEngine, gallery: Gallery, path: Path) -> frozenset[str]:
    with open_video(path) as video:
        people = find_people(engine, gallery, video.frames(VIDEO_FPS), FALSE_POSITIVE_TARGET)
    return frozenset(person.name for person in people if person.name)


def _decode(to_rgb: bool, path: Path) -> Sample:
    """All frames of a video, by PyAV alone with its threads; as RGB arrays or as the decoder leaves them."""

    def decode() -> None:
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                if to_rgb:
                    frame.to_ndarray(format="rgb24")

    return timed(decode)


def _every_frame(path: Path) -> Iterator[ByteArray]:
    with open_video(path) as video:
        for frame in video.frames():
            yield frame.image


# --- people -----------------------------------------------------------------------------------------------------------


def _people(clip: _Clip) -> Result:
    """Who is named, by the video job and by recognising every frame with the same engine."""
    engine, gallery = clip.engine, clip.enrolled.gallery
    frames = list(_names_of_frames(engine, gallery, clip.path))
    return {
        "title": clip.title,
        "enrolled": len(gallery.people),
        "expected": sorted(clip.expected),
        "photocall": sorted(_found(engine, gallery, clip.path)),
        "every_frame": sorted(frozenset().union(*frames)),
        "frames": len(frames),
    }


def _names_of_frames(engine: FaceEngine, gallery: Gallery, path: Path) -> Iterator[frozenset[str]]:
    for image in _every_frame(path):
        identified = identify_faces(engine.faces(image), gallery, engine.calibration, FALSE_POSITIVE_TARGET)
        yield frozenset(one.name for one in identified if one.name and one.certain)


# --- tables -----------------------------------------------------------------------------------------------------------


def _times_table(clips: Sequence[Result]) -> Table:
    rows = [
        (
            f"{clip['title']}, {clip['size']}, {clip['frames']} frames",
            milliseconds(clip["photocall"]),
            milliseconds(clip["face_recognition"]),
            times(clip["ratio_to_face_recognition"]),
            *(_beside(clip[side], clip[f"ratio_to_{side}"]) for side in ("decoding", "decoding_rgb")),
        )
        for clip in clips
    ]
    return Table(
        "Video file to people",
        ("video", "photocall", "face_recognition", "ratio", "decoding alone", "decoding to RGB alone"),
        rows,
        f"The whole video. photocall looks at {VIDEO_FPS:g} frames a second, its default; face_recognition is the loop "
        f"over every frame, of which every {STEP}th was recognised and counts {STEP} times. Decoding is PyAV on all "
        "frames, without and with conversion to RGB arrays; beside it, how many times as long photocall takes.",
    )


def _beside(baseline: Result, ratio: Result) -> str:
    """What decoding takes, how many times as long photocall takes, and the target."""
    verdict = target(ratio["wall"] <= MOST_TIMES_DECODING, f"{MOST_TIMES_DECODING}x")
    return f"{milliseconds(baseline)}; {times(ratio)}, CPU {ratio['cpu']:.1f}x; {verdict}"


def _people_table(clips: Sequence[Result]) -> Table:
    same = sum(clip["photocall"] == clip["every_frame"] for clip in clips)
    right = sum(clip["photocall"] == clip["expected"] for clip in clips)
    rows = [
        (clip["title"], *(", ".join(clip[key]) or "nobody" for key in ("expected", "photocall", "every_frame")))
        for clip in clips
        if not clip["photocall"] == clip["every_frame"] == clip["expected"]
    ]
    frames = sum(clip["frames"] for clip in clips)
    return Table(
        "People in videos",
        ("video", "in it", "photocall", "every frame recognised by the same engine"),
        [
            (f"all {len(clips)} ({frames} frames)", "", f"right in {right}", f"the same in {same}; {_verdict(clips)}"),
            *rows,
        ],
        "Names given, out of those enrolled. Videos on which all three columns agree are not listed.",
    )


def _verdict(clips: Sequence[Result]) -> str:
    lost = [clip for clip in clips if set(clip["every_frame"]) & set(clip["expected"]) - set(clip["photocall"])]
    return target(not lost, "nobody lost")
