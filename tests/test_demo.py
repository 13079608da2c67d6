import json
import shutil
from pathlib import Path

import av
import dlib
import numpy as np
import pytest
from PIL import Image

from photocall.demo import Demo, make_demo, read_portraits
from photocall.errors import ImageUnreadable, OutputUnwritable
from photocall.faces import BoundingBox, ByteArray

SDIST = "face_recognition-1.3.0.tar.gz"
DETECTOR = dlib.get_frontal_face_detector()


def faces_found(image: ByteArray) -> list[BoundingBox]:
    """Faces by dlib's own detector, independent of photocall's engine: squares, from the eyebrows to below the chin."""
    boxes, scores, _ = DETECTOR.run(image, 0)
    # It takes the patch on the stranger's suit for a face now and then, with scores up to 0.15.
    sure = [box for box, score in zip(boxes, scores, strict=True) if score > 0.4]
    return [BoundingBox(box.left(), box.top(), box.width(), box.height()) for box in sure]


def faces_at(clip: Path, seconds: list[float]) -> list[int]:
    """How many faces dlib finds in the frames shown at these times."""
    with av.open(clip) as container:
        wanted = (frame for frame in container.decode(video=0) if round(frame.time or 0, 2) in seconds)
        return [len(faces_found(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))) for frame in wanted]


def test_the_roster_has_an_enrolment_photo_of_everybody_but_the_absent_student(demo: Demo) -> None:
    students = json.loads(demo.students.read_text())
    assert [student["id"] for student in students] == [1, 2, 3]
    assert all(set(student) == {"id", "name", "major", "year"} for student in students)
    enrolled = {path.stem for path in demo.enroll.iterdir()}
    assert {student["name"] for student in students} - enrolled == {"Ada Lovelace"}
    assert enrolled == {face.name for face in demo.faces} - {None}


def test_the_class_photo_shows_a_face_in_every_place_of_the_truth_and_nowhere_else(demo: Demo) -> None:
    image = np.array(Image.open(demo.photo))
    assert image.shape == (1080, 1920, 3)
    found = sorted(faces_found(image), key=lambda box: box.left)
    assert [face.name for face in demo.faces] == ["Barack Obama", "Joe Biden", None]
    assert all(face.box.iou(box) > 0.5 for face, box in zip(demo.faces, found, strict=True))
    assert all(90 < face.box.width < 250 and 90 < face.box.height < 250 for face in demo.faces)


def test_the_clip_shows_as_many_faces_as_the_truth_says_at_any_time(demo: Demo) -> None:
    """A tenth of a second around an entry and an exit is left out: half a face may be found or not."""
    seconds = [0.2, 0.84, 2.2, 3.2, 3.8, 4.52, 5.2, 5.72, 6.8, 7.6]
    expected = [sum(seen.start <= second <= seen.end for seen in demo.appearances) for second in seconds]
    assert set(expected) == {0, 1, 2}
    assert faces_at(demo.clip, seconds) == expected


def test_the_clip_is_eight_seconds_of_720p_h264_with_a_stretch_of_nobody(demo: Demo) -> None:
    with av.open(demo.clip) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1280, 720)
        assert stream.frames == 200
        assert stream.average_rate == 25
    names = [seen.name for seen in demo.appearances]
    assert names == ["Barack Obama", "Joe Biden", None, "Barack Obama"]
    ends = max(seen.end for seen in demo.appearances[:2])
    assert demo.appearances[2].start - ends > 1


def test_the_demo_is_the_same_every_time(demo: Demo, demo_archives: Path, tmp_path: Path) -> None:
    again = make_demo(demo_archives, tmp_path / "new" / "folder")
    assert (again.faces, again.appearances) == (demo.faces, demo.appearances)
    assert again.photo.read_bytes() == demo.photo.read_bytes()
    assert again.clip.read_bytes() == demo.clip.read_bytes()
    assert again.students.read_bytes() == demo.students.read_bytes()


def test_the_portraits_are_the_five_photographs(portraits: dict[str, ByteArray]) -> None:
    sizes = {name: picture.shape for name, picture in portraits.items()}
    assert sizes == {
        "obama": (1137, 910, 3),
        "obama2": (1200, 626, 3),
        "obama3": (2333, 1434, 3),
        "biden": (2204, 970, 3),
        "astronaut": (512, 512, 3),
    }
    assert all(picture.dtype == np.uint8 for picture in portraits.values())


def test_without_the_archives_the_way_to_get_them_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageUnreadable, match=r"face_recognition-1\.3\.0\.tar\.gz.*missing; run `make setup`"):
        make_demo(tmp_path / "nothing here", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_one_of_the_archives_that_one_is_named(demo_archives: Path, tmp_path: Path) -> None:
    shutil.copy(demo_archives / SDIST, tmp_path)
    with pytest.raises(ImageUnreadable, match=r"scikit_image.*missing"):
        read_portraits(tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 1_000_000])
def test_a_damaged_archive_is_refused_with_its_name(demo_archives: Path, tmp_path: Path, keep: int) -> None:
    (tmp_path / SDIST).write_bytes((demo_archives / SDIST).read_bytes()[:keep])
    with pytest.raises(ImageUnreadable, match=rf"{SDIST}.*not the file expected"):
        read_portraits(tmp_path)


def test_an_archive_with_another_picture_is_refused(demo_archives: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_archives, tmp_path, dirs_exist_ok=True)
    wheel = next(tmp_path.glob("scikit_image*.whl"))
    original = wheel.read_bytes()
    for replacement in (b"", b"PK\x05\x06" + bytes(18), original.replace(b"astronaut.png", b"astronomy.png")):
        wheel.write_bytes(replacement)
        with pytest.raises(ImageUnreadable, match=r"scikit_image.*astronaut\.png.*not the file expected"):
            read_portraits(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(demo_archives: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(OutputUnwritable, match="out"):
        make_demo(demo_archives, tmp_path / "out")
