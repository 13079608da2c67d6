"""Commands around the class: enroll, attend, recognize, students."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from photocall import report
from photocall.app import COLLECTION, App, enrolled_faces, everybody, open_app, open_objects, open_people
from photocall.attendance import call_roll
from photocall.commands.pictures import drawings
from photocall.console import complain, counted, failing, progress, say, say_json, show_roll, show_rows
from photocall.encodings import MODEL, PACK, read_encodings
from photocall.enrolment import enroll_encodings, enroll_photo, find_portraits
from photocall.errors import SettingInvalid
from photocall.faces import ByteArray, Identification
from photocall.media.draw import annotate
from photocall.media.files import write_atomically
from photocall.media.images import read_image, write_image
from photocall.ports import ObjectStore, PeopleStore
from photocall.quality_gate import QualityFilter
from photocall.recognition import identify_faces
from photocall.roster import Student
from photocall.school.places import SchoolStore
from photocall.school.records import Member
from photocall.settings import load_settings
from photocall.students import named, read_students


def enroll(options: argparse.Namespace) -> int:
    """Learn a class: its students, their photos, or known encodings of their faces.

    A person is one whatever the case of the letters; the first spelling stays.
    """
    if not (options.folder or options.students or options.encodings):
        raise SettingInvalid("enroll", "nothing to enrol; give a FOLDER of photos, --students or --encodings")
    students = read_students(options.students) if options.students else []
    encodings = read_encodings(options.encodings) if options.encodings else []
    portraits, conflicts = find_portraits(options.folder) if options.folder else ({}, [])
    for conflict in conflicts:
        complain(conflict)
    pack = options.pack or (PACK if encodings else None)  # known encodings make a class of their own model
    settings = load_settings(data=options.data, pack=pack)
    with open_app(settings) as app:
        objects = open_objects(settings) if portraits and settings.keep_photos else None
        app.gallery()  # made if need be, refused if its faces are another model's
        known = {person.name.casefold(): person for person in everybody(app.store)}
        students = [_same(known.setdefault(one.name.casefold(), one), one) for one in students]
        app.store.put_students(students)
        ids = {name: person.student_id for name, person in known.items()}
        photos = [(ids.get(name.casefold(), name), path) for name, paths in portraits.items() for path in paths]
        quality = QualityFilter.NONE if options.accept_poor else settings.quality_filter
        learnt, failures = _learn(app, photos, objects, quality)
        ids = {name.casefold(): name for name in learnt} | ids
        encodings = [(ids.setdefault(name.casefold(), name), vector) for name, vector in encodings]
        learnt.update(enroll_encodings(app.store, COLLECTION, MODEL, encodings))
        size = len(everybody(app.store))
    if options.json:
        say_json({"enrolled": [{"name": name, "photos": count} for name, count in sorted(learnt.items())]})
    else:
        say(f"{counted(len(learnt), 'person', 'people')} enrolled; {counted(size, 'student')} in the class")
    return failures + len(conflicts)


def _same(known: Student, given: Student) -> Student:
    """What a file says of a student, under the name and id that are known already."""
    return Student(known.name, given.fields, known.student_id)


def _learn(
    app: App, photos: Sequence[tuple[str, Path]], objects: ObjectStore | None, quality: QualityFilter
) -> tuple[Counter[str], int]:
    """How many photos of each person were learnt, and how many could not be."""
    learnt: Counter[str] = Counter()
    failures = 0
    for name, path in progress(photos, "enrolling"):
        with failing() as failed:
            enroll_photo(app.engine, app.store, COLLECTION, path, name, objects=objects, quality_filter=quality)
            learnt[name] += 1
        failures += failed()
    return learnt, failures


def attend(options: argparse.Namespace) -> int:
    """Take attendance from photos: a line for everybody, and how many strangers."""
    outputs = drawings(options.draw, options.photos)
    identified: dict[str, list[Identification]] = {}
    failures = 0
    with open_app(load_settings(data=options.data, pack=options.pack)) as app:
        for path, image, found in _identified(app, options.photos):
            failures += image is None
            if image is not None:
                identified[str(path)] = found
                with failing() as failed:
                    if path in outputs:
                        shown = report.labels(named(found, app.store.students()))
                        write_image(outputs[path], annotate(image, shown))
                failures += failed()
        if not identified:  # no picture was readable: no register rather than a false one
            return failures
        roll = call_roll(_the_class(app.store), identified, app.engine.calibration.d80, app.engine.metric)
    with failing() as failed:
        if options.csv:
            write_atomically(options.csv, report.roll_csv(roll).encode(errors="replace"))
    if options.json:
        say_json(report.roll_json(roll))
    else:
        show_roll(roll)
    return failures + failed()


def _the_class(store: PeopleStore) -> list[Student]:
    """Everybody but who is only in a class of the attendance application, which has registers of its own."""
    at_school = {each.student_id for each in store.find(Member)} if isinstance(store, SchoolStore) else set()
    at_school -= {face.external_image_id for face in enrolled_faces(store)}
    return [student for student in everybody(store) if student.student_id not in at_school]


def recognize(options: argparse.Namespace) -> int:
    """Print who is in each picture, a line each."""
    failures = 0
    with open_app(load_settings(data=options.data, pack=options.pack)) as app:
        students = app.store.students()
        for path, image, ids in _identified(app, options.images):
            failures += image is None
            found = named(ids, students)
            if image is not None and options.json:
                say_json({"image": path.name, "names": report.names(found), "faces": len(found)})
            elif image is not None:
                say(report.recognised_line(path.name, found))
    return failures


def _identified(app: App, paths: Sequence[Path]) -> Iterator[tuple[Path, ByteArray | None, list[Identification]]]:
    """Every picture with the people in it; no picture where it could not be read. Raises `NobodyEnrolled`."""
    gallery, target = app.enrolled_gallery(), app.settings.false_positive_target
    for path in progress(paths, "recognising"):
        image, found = None, []
        with failing():
            image = read_image(path)
            faces = app.engine.faces(image)
            found = identify_faces(faces, gallery, app.engine.calibration, target, app.settings.quality_filter)
        yield path, image, found


def students(options: argparse.Namespace) -> int:
    """List the class, and how many faces of each student are enrolled."""
    with open_people(load_settings(data=options.data)) as store:
        faces = Counter(record.external_image_id for record in enrolled_faces(store))
        people = _the_class(store)
    fields = list(dict.fromkeys(field for student in people for field in student.fields))
    rows = [
        {
            "name": student.name,
            **{field: student.fields.get(field, "") for field in fields},
            "faces": faces[student.student_id],
        }
        for student in people
    ]
    if options.json:
        say_json(rows)
    else:
        show_rows(rows)
    return 0
