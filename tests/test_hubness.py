"""How the correction of the default pack is fitted: room around faces, and halves of the people for one another."""

import sys
from pathlib import Path

import numpy as np
import pytest

from people import face
from photocall.evaluation.album import Album, Photo, make_album
from photocall.faces import Embedding, FloatArray
from photocall.metric import EUCLIDEAN

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks/ belongs to the repository, not to the package

from dataclasses import replace

from benchmarks import hubness

PEOPLE, DIMENSION = 300, 8


def album() -> Album:
    """Two photos each; the larger somebody's first number, the farther from one another such people lie."""
    random = np.random.default_rng(1)
    places = random.normal(size=(PEOPLE, 1, DIMENSION))
    places[..., 1:] *= np.exp(places[..., :1] / 2)
    vectors = (places + random.normal(size=(PEOPLE, 2, DIMENSION)) / 50).astype(np.float32)
    photos = [
        Photo(f"{person:03}/{number}", replace(face(None), embedding=Embedding(vector, "made-up")))
        for person, both in enumerate(vectors)
        for number, vector in enumerate(both)
    ]
    lost = Photo("300/0", None)
    return make_album([*photos, lost], {photo.name: photo.name[:3] for photo in (*photos, lost)})


def stacked(some: Album) -> FloatArray:
    return np.stack([vector for photo in some.photos if (vector := photo.vector) is not None])


def test_hubness_tells_how_much_room_there_is_around_people_it_was_not_fitted_on() -> None:
    whole = album()
    half = hubness.halves(len(whole.people), 0)
    people = hubness._part(whole, half)
    fitted = hubness.fit_hubness(people)
    assert (stacked(people) @ fitted[:-1] + fitted[-1]).mean() == pytest.approx(0, abs=1e-3)  # the average face
    others = stacked(hubness._part(whole, ~half))
    distances = EUCLIDEAN.distances(others[::2], others[::2])  # one photo a person
    room = np.sort(distances, axis=1)[:, 1 : 1 + hubness.NEIGHBOURS].mean(axis=1)
    told = others[::2] @ fitted[:-1] + fitted[-1]
    assert np.corrcoef(told, room)[0, 1] > 0.5
    assert fitted[0] > 3 * np.abs(fitted[1:-1]).max()


def test_each_half_is_corrected_by_what_was_learned_on_the_other() -> None:
    whole = album()
    crossed = hubness.cross_fitted(whole)
    half = hubness.halves(len(whole.people), hubness._SEED)
    assert half.sum() == len(whole.people) // 2
    learned = {side: hubness.fit_hubness(hubness._part(whole, half != side)) for side in (True, False)}
    vectors, owners = stacked(whole), whole.owners[whole.acquired]
    room = np.array([v @ learned[h][:-1] + learned[h][-1] for v, h in zip(vectors, half[owners], strict=True)])
    expected = np.maximum(EUCLIDEAN.distances(vectors, vectors) - (room[:, None] + room) / 2, 0)
    found = crossed.metric.distances(stacked(crossed), stacked(crossed))
    different = owners[:, None] != owners
    assert found[different] == pytest.approx(expected[different], abs=1e-3)
    assert crossed.failures == whole.failures == 1
