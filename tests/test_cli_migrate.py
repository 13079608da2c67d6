"""Kept photos, poor photos and moving to another model, as they are typed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commandline import data_with, everybody, photocall
from photocall.app import COLLECTION, SCHOOL_COLLECTION, open_objects, open_store
from photocall.demo import Demo
from photocall.engine.packs import load_pack
from photocall.faces import ByteArray
from photocall.kept_photos import photo_key
from photocall.settings import load_settings

OLD, NEW = (load_pack(pack).model for pack in ("dlib-mtcnn", "standard"))


@pytest.fixture
def data(demo: Demo, tmp_path: Path) -> Path:
    """A class of two with a photo each."""
    return data_with(tmp_path / "data", demo.enroll, "--pack", "dlib-mtcnn")


def photos(data: Path) -> set[str]:
    """The ids of the faces that photos are kept of."""
    return {path.stem for path in (data / "objects" / "faces" / COLLECTION).glob("*.jpg")}


def face_ids(data: Path) -> set[str]:
    with open_store(load_settings(data=data)) as store:
        return {record.face_id for record in store.faces(COLLECTION)}


def model(data: Path) -> str:
    with open_store(load_settings(data=data)) as store:
        return store.collection(COLLECTION).model


# --- kept photos


def test_enrolling_keeps_a_photo_of_every_face_for_the_owner_alone(data: Path) -> None:
    assert photos(data) == face_ids(data)
    assert len(photos(data)) == 2
    assert (data / "objects").stat().st_mode & 0o777 == 0o700


def test_enrolling_keeps_none_if_that_is_set(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_KEEP_PHOTOS", "false")
    data = data_with(tmp_path / "data", demo.enroll)
    assert len(face_ids(data)) == 2
    assert not (data / "objects").exists()


def test_photos_go_where_the_setting_says(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_OBJECTS", (tmp_path / "elsewhere").as_uri())
    data = data_with(tmp_path / "data", demo.enroll)
    assert len(list((tmp_path / "elsewhere" / "faces").rglob("*.jpg"))) == 2
    assert not (data / "objects").exists()


def test_a_wrong_address_for_photos_is_told_before_anybody_is_enrolled(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCALL_OBJECTS", "photos")
    answer = photocall("enroll", demo.enroll, "--data", tmp_path / "data")
    assert (answer.code, answer.out) == (1, "")
    (problem,) = answer.problems
    assert "such as file:///" in problem
    assert everybody(tmp_path / "data") == {}


def test_forgetting_erases_the_photo_too(data: Path) -> None:
    before = photos(data)
    assert photocall("forget", "Joe Biden", "--data", data).code == 0
    assert len(photos(data)) == 1
    assert photos(data) == face_ids(data) < before


# --- poor photos


def test_a_poor_photo_is_named_with_the_reason_and_taken_only_on_request(
    portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    picture = Image.fromarray(portraits["astronaut"])
    picture.resize((picture.width // 3, picture.height // 3)).save(tmp_path / "Eileen Collins.jpg")
    answer = photocall("enroll", tmp_path, "--data", tmp_path / "data")
    assert answer.code == 1
    assert answer.names({tmp_path / "Eileen Collins.jpg": "(SMALL_BOUNDING_BOX): it is"})
    assert "at least 64 wide" in answer.problems[0]
    answer = photocall("enroll", tmp_path, "--accept-poor", "--data", tmp_path / "data")
    assert (answer.code, answer.err) == (0, "")
    assert everybody(tmp_path / "data") == {"Eileen Collins": 1}


# --- moving to another model


def test_a_class_is_moved_and_answers_with_the_new_model(data: Path, demo: Demo) -> None:
    before = face_ids(data)
    answer = photocall("models", "migrate", "--pack", "standard", "--data", data)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"2 faces of class and school are now embedded by {NEW}\n"
    assert model(data) == NEW
    assert (face_ids(data), photos(data)) == (before, before)
    assert everybody(data) == {"Barack Obama": 1, "Joe Biden": 1}
    # Whoever still speaks the old model is refused rather than answered wrongly.
    refused = photocall("enroll", demo.enroll, "--pack", "dlib-mtcnn", "--data", data)
    assert refused.code == 1
    assert "photocall models migrate" in refused.err
    assert photocall("models", "migrate", "--pack", "dlib-mtcnn", "--data", data, "--json").values == [
        {"pack": "dlib-mtcnn", "model": OLD, "faces": 2, "unmigrated": [], "switched": True}
    ]


def test_class_and_school_are_moved_together_or_not_at_all(data: Path) -> None:
    settings = load_settings(data=data)
    with open_store(settings) as store:
        store.create_collection(SCHOOL_COLLECTION, OLD)
        first, second = [replace(face, collection_id=SCHOOL_COLLECTION) for face in store.faces(COLLECTION)]
        store.put_faces(SCHOOL_COLLECTION, [first, second])
    objects = open_objects(settings)
    objects.put(photo_key(SCHOOL_COLLECTION, first.face_id), objects.get(photo_key(COLLECTION, first.face_id)))

    def models() -> set[str]:
        with open_store(settings) as store:
            return {store.collection(name).model for name in (COLLECTION, SCHOOL_COLLECTION)}

    answer = photocall("models", "migrate", "--pack", "standard", "--data", data, "--json")
    (value,) = answer.values
    assert (answer.code, value["faces"], value["switched"], models()) == (1, 3, False, {OLD})
    assert [lost["face_id"] for lost in value["unmigrated"]] == [second.face_id]
    answer = photocall("models", "migrate", "--pack", "standard", "--drop-unmigrated", "--data", data, "--json")
    (value,) = answer.values
    assert (answer.code, value["faces"], value["switched"], models()) == (0, 3, True, {NEW})


def test_known_encodings_keep_a_class_where_it_is_and_are_named(data: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    known.write_text(f'{{"name": ["Ada"], "encoding": [{np.ones(128).tolist()}]}}')
    data_with(data, "--encodings", known)
    answer = photocall("models", "migrate", "--pack", "standard", "--data", data, "--json")
    assert answer.code == 1
    (value,) = answer.values
    assert (value["switched"], value["faces"]) == (False, 2)
    (ada,) = value["unmigrated"]
    assert (ada["name"], ada["reason"]) == ("Ada", "no photo of it was kept")
    assert f"Ada: face {ada['face_id']} cannot be moved: no photo of it was kept" in answer.err
    assert model(data) == OLD
    answer = photocall("models", "migrate", "--pack", "standard", "--drop-unmigrated", "--data", data)
    assert answer.code == 0
    assert everybody(data) == {"Barack Obama": 1, "Joe Biden": 1}


def test_known_encodings_never_join_a_class_of_another_model(demo: Demo, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    known.write_text(f'{{"name": ["Ada"], "encoding": [{np.ones(128).tolist()}]}}')
    data = data_with(tmp_path / "data", demo.enroll, "--pack", "standard")
    for pack in ((), ("--pack", "standard")):
        answer = photocall("enroll", "--encodings", known, *pack, "--data", data)
        assert answer.code == 1
        assert "cannot be compared" in answer.err
    assert "Ada" not in everybody(data)


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        ((), 2, "pack: name the pack to move to: photocall models migrate --pack NAME"),
        (("--pack", "none"), 1, "'none'"),
    ],
)
def test_a_pack_to_move_to_must_be_named(arguments: tuple[str, ...], code: int, problem: str, data: Path) -> None:
    answer = photocall("models", "migrate", *arguments, "--data", data)
    assert (answer.code, answer.out) == (code, "")
    assert problem in answer.problems[0]


def test_without_a_class_there_is_nothing_to_move_but_a_hint(tmp_path: Path) -> None:
    answer = photocall("models", "migrate", "--pack", "standard", "--data", tmp_path)
    assert answer.code == 1
    assert answer.problems == [f"photocall: {tmp_path}: nobody is enrolled; start with: photocall enroll FOLDER"]


def test_commands_that_need_no_photos_load_no_object_store(data: Path) -> None:
    script = (
        "import sys; from photocall.cli import main; "
        f"main(['students', '--data', {str(data)!r}]); sys.exit('obstore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=False).returncode == 0
