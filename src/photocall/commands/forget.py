"""The command forget: people leave with everything that is known of them, be it the school's or the class's alone."""

import argparse
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from photocall.app import (
    COLLECTION,
    enrolled_faces,
    everybody,
    is_dynamo,
    open_objects,
    open_people,
    open_places,
    open_queue,
    open_store,
)
from photocall.console import counted, failing, say, say_json
from photocall.erasure import erase_faces, erase_remains
from photocall.errors import RosterInvalid
from photocall.ports import PeopleStore
from photocall.school import erasing
from photocall.school.accounts import COMMAND_LINE
from photocall.settings import Settings, load_settings

Erase = Callable[[str], int]
"""Erases a student by name or id; how many faces that were."""


def forget(options: argparse.Namespace) -> int:
    """Erase students, by name, with everything that is known of them; how many it failed for."""
    settings, failures = load_settings(data=options.data), 0
    with (_from_class if is_dynamo(settings) else _from_school)(settings) as erase:
        for name in options.names:
            with failing() as failed:
                faces = erase(name)
                if options.json:
                    say_json({"name": name, "faces_erased": faces})
                else:
                    say(f"{name}: erased, with {counted(faces, 'face')}")
            failures += failed()
    return failures


@contextmanager
def _from_school(settings: Settings) -> Iterator[Erase]:
    """From the school, then from the class, whose faces keep a student listed until they are gone."""
    with open_store(settings) as store, closing(open_queue(settings)) as queue:
        school = open_places(settings, store)
        both = (school, replace(school, collection_id=COLLECTION))

        def erase(name: str) -> int:
            enrolled = {face.external_image_id for face in school.faces()}
            student_id, faces = _called(store, name, enrolled), 0
            for places in both:
                if erasing.is_known(store, student_id) or places.faces_of(student_id):
                    now = datetime.now(UTC)
                    faces += erasing.erase_student(places, queue, COMMAND_LINE, student_id, now).templates
            return faces

        yield erase
        for places in both:
            erase_remains(store, places.objects, places.collection_id)


@contextmanager
def _from_class(settings: Settings) -> Iterator[Erase]:
    """From a class without a school, of which there are an entry in a list, faces, and their kept photos."""
    objects = open_objects(settings)
    with open_people(settings) as store:

        def erase(name: str) -> int:
            student_id = _called(store, name)
            theirs = [face.face_id for face in enrolled_faces(store) if face.external_image_id == student_id]
            erased = erase_faces(store, objects, COLLECTION, theirs) if theirs else []
            store.delete_student(student_id)  # last: who is still listed can be erased again
            return len(erased)

        yield erase
        erase_remains(store, objects, COLLECTION)


def _called(store: PeopleStore, name: str, others: Collection[str] = ()) -> str:
    """The id of the student of this name, or id. Raises `RosterInvalid` if there is not exactly one.

    Args:
        store: who has the list.
        name: as it was typed.
        others: ids of people who are on no list.
    """
    ids = [student.student_id for student in everybody(store) if name in (student.name, student.student_id)]
    if len(ids) > 1:
        raise RosterInvalid(name, f"that is the name of students {', '.join(ids)}; give the id of one")
    if not ids and name not in others:
        raise RosterInvalid(name or repr(name), "no such student; photocall students lists them")
    return ids[0] if ids else name
