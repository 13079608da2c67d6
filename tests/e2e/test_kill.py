"""Commands that are killed at any moment, or get in each other's way: the store and the results stay whole."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from commandline import COMMAND, data_with, everybody, photocall
from killable import Commands, write_class
from photocall.app import COLLECTION, enrolled_faces, open_store
from photocall.demo import Demo
from photocall.faces import BoundingBox, ByteArray
from photocall.settings import DATABASE, load_settings

KILLS, KILLS_OF_VIDEO = 8, 6

Face = tuple[str, str, str, BoundingBox | None, float, bytes]
Content = tuple[dict[str, int], list[Face]]


# --- enrolment


@pytest.fixture(scope="module")
def folder(portraits: dict[str, ByteArray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of three in ten photos, one of which is none."""
    folder = tmp_path_factory.mktemp("class")
    write_class(folder, portraits)
    (folder / "Joe Biden" / "letter.jpg").write_text("Dear photocall")
    return folder


def content(data: Path) -> Content:
    """How many faces of each student `students` shows, and the faces, of a data directory, which must be sound."""
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with open_store(load_settings(data=data)) as store:
        records = enrolled_faces(store)
    faces = [
        (r.face_id, r.image_id, r.external_image_id, r.box, r.score, r.embedding.vector.tobytes()) for r in records
    ]
    assert all(record.collection_id == COLLECTION for record in records)
    return everybody(data), faces


@pytest.fixture(scope="module")
def undisturbed(folder: Path, commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> tuple[Content, float]:
    """What enrolling the class leaves in the store, and how many seconds it takes."""
    for _ in range(2):  # the first one waits for the server to load
        data, start = tmp_path_factory.mktemp("undisturbed"), time.monotonic()
        commands.start("enroll", folder, "--data", data)
        assert commands.end() == 1  # the letter
        seconds = time.monotonic() - start
    return content(data), seconds


@pytest.fixture(scope="module")
def killed(
    folder: Path, undisturbed: tuple[Content, float], commands: Commands, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Content, Content]]:
    """The store after each kill; and after enrolling again, up to five kills later, to the end."""
    rng, contents, seconds = random.Random(3), list[tuple[Content, Content]](), undisturbed[1]
    while len(contents) < KILLS or (len({len(faces) for (_, faces), _ in contents}) < 4 and len(contents) < 10 * KILLS):
        data, left = tmp_path_factory.mktemp("killed"), list[Content]()
        for _ in range(5):
            process = commands.start("enroll", folder, "--data", data)
            time.sleep(rng.uniform(0, seconds * rng.choice((1, 0.5, 0.25))))  # the machine may be faster by now
            os.kill(process, signal.SIGKILL)
            if commands.end() == -signal.SIGKILL and (data / DATABASE).exists():
                left.append(content(data))
        assert photocall("enroll", folder, "--data", data).code == 1
        contents += [(each, content(data)) for each in left]
    return contents


def test_a_killed_enrolment_leaves_every_photo_enrolled_completely_or_not_at_all(
    killed: list[tuple[Content, Content]], undisturbed: tuple[Content, float]
) -> None:
    whole = undisturbed[0][1]
    counts = {len(faces) for (_, faces), _ in killed}
    assert len(whole) == 10
    assert len(counts) > 3  # the kills came at different moments
    for (_, faces), _ in killed:
        assert faces == whole[: len(faces)]


def test_a_killed_enrolment_leaves_no_face_of_somebody_who_is_not_in_the_class(
    killed: list[tuple[Content, Content]],
) -> None:
    for (students, faces), _ in killed:
        assert students == Counter(face[2] for face in faces)


def test_after_a_kill_enrolling_again_gives_the_store_of_an_undisturbed_run(
    killed: list[tuple[Content, Content]], undisturbed: tuple[Content, float]
) -> None:
    for _, finished in killed:
        assert finished == undisturbed[0]


def test_two_enrolments_at_once_give_the_store_of_one(
    folder: Path, undisturbed: tuple[Content, float], tmp_path: Path
) -> None:
    command = [*COMMAND, "enroll", str(folder), "--data", str(tmp_path / "data")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [(*process.communicate(timeout=60), process.returncode) for process in both]
    letter = f"photocall: {folder / 'Joe Biden' / 'letter.jpg'}: not a readable image: it is text, not an image\n"
    assert ends == [("3 people enrolled; 3 students in the class\n", letter, 1)] * 2
    students, faces = content(tmp_path / "data")
    assert (students, sorted(faces)) == (undisturbed[0][0], sorted(undisturbed[0][1]))


# --- results


@pytest.fixture
def clip(demo: Demo, tmp_path: Path) -> Path:
    """A second of the class standing still."""
    with av.open(str(tmp_path / "class.mp4"), "w") as output, Image.open(demo.photo) as photo:
        stream = output.add_stream("libx264", rate=3)
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        picture = np.asarray(photo.resize((960, 540)))
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode())
    return tmp_path / "class.mp4"


def test_a_killed_video_job_leaves_under_every_name_the_old_result_or_the_whole_new_one(
    demo: Demo, clip: Path, commands: Commands, tmp_path: Path
) -> None:
    data = data_with(tmp_path / "data", demo.enroll, "--students", demo.students)
    out, rng = tmp_path / "out", random.Random(7)
    arguments = ("video", clip, "--out", out, "--data", data)
    assert photocall(*arguments).code == 0
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    kills = 0
    for _ in range(KILLS_OF_VIDEO):
        for name in whole:
            (out / name).write_bytes(b"old")
        process, before = commands.start(*arguments), set(out.iterdir())
        # Until it begins to write; on a busy machine the first file may be there before it was seen to come.
        while set(out.iterdir()) == before and (out / "class-faces.jpg").read_bytes() == b"old":
            time.sleep(0.0002)
        time.sleep(rng.uniform(0, 0.008))
        os.kill(process, signal.SIGKILL)
        kills += commands.end() == -signal.SIGKILL
        for name, new in whole.items():
            assert (out / name).read_bytes() in (b"old", new)
        if (out / "class.csv").read_bytes() != b"old":  # it comes last, since others wait for it
            assert all((out / name).read_bytes() == new for name, new in whole.items())
    assert kills > KILLS_OF_VIDEO // 2
