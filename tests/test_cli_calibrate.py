"""The command calibrate: what it says, and that thresholds follow it."""

from pathlib import Path

import pytest

from commandline import photocall
from photocall.app import COLLECTION, open_store
from photocall.engine.packs import load_pack
from photocall.faces import Embedding, FaceRecord
from photocall.gallery import Gallery
from photocall.settings import load_settings
from test_local_calibration import people

STANDARD = load_pack("standard")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A class of 40, who are closer together than any people are."""
    with open_store(load_settings(data=tmp_path)) as store:
        store.create_collection(COLLECTION, STANDARD.model)
        store.put_faces(COLLECTION, [_enrolled(record) for record in people(40, photos=2, spread=0.4)])
    return tmp_path


def _enrolled(record: FaceRecord) -> FaceRecord:
    embedding = Embedding(record.embedding.vector, STANDARD.model)
    return FaceRecord(record.face_id, COLLECTION, "i", record.external_image_id, None, 0, 0, 1.0, embedding)


def operating_point(data: Path) -> float:
    with open_store(load_settings(data=data)) as store:
        gallery = Gallery(store, COLLECTION, STANDARD.model, STANDARD.metric)
        return gallery.operating_point(STANDARD.calibration, 0.01)


def test_thresholds_follow_only_when_asked_to_and_go_back(data: Path) -> None:
    before = STANDARD.calibration.operating_point(40, 0.01)
    told = photocall("calibrate", "--data", data)
    assert told.code == 0
    assert "closer together" in told.out and "photocall calibrate --apply" in told.out
    assert operating_point(data) == before
    (applied,) = photocall("calibrate", "--apply", "--json", "--data", data).values
    assert applied["applied"] and applied["sure"] < 0
    assert operating_point(data) == pytest.approx(before + applied["sure"], abs=1e-3)
    assert applied["threshold"]["own"] == pytest.approx(before + applied["sure"], abs=1e-3)
    assert photocall("calibrate", "--reset", "--data", data).code == 0
    assert operating_point(data) == before


def test_machines_get_every_figure(data: Path) -> None:
    (told,) = photocall("calibrate", "--json", "--data", data).values
    assert (told["people"], told["faces"], told["pairs"], told["same_pairs"]) == (40, 80, 80 * 78 // 2, 40)
    assert told["interval"][0] <= told["shift"] <= told["interval"][1]
    assert 0 <= told["not_named"] <= 1
    assert not told["applied"]


def test_a_class_that_is_too_small_or_of_another_model_is_told_what_to_do(data: Path, tmp_path: Path) -> None:
    (line,) = photocall("calibrate", "--data", tmp_path / "nobody").problems
    assert "nobody is enrolled" in line
    (line,) = photocall("calibrate", "--pack", "dlib-mtcnn", "--data", data).problems
    assert "photocall models migrate" in line
    with open_store(load_settings(data=data)) as store:
        store.delete_faces(COLLECTION, [face.face_id for face in store.faces(COLLECTION)[20:]])
    (line,) = photocall("calibrate", "--data", data).problems
    assert "10 people are enrolled, and 20 are needed" in line
