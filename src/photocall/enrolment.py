"""Enrolment: from a folder of portraits to faces in the store."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from photocall.encodings import read_encodings
from photocall.engine.face_engine import FaceEngine
from photocall.errors import ImageUnreadable, RosterInvalid
from photocall.faces import Embedding, FaceRecord
from photocall.media.files import read_file, reason
from photocall.media.images import MAX_FILE_BYTES, read_image
from photocall.ports import FaceStore
from photocall.recognition import derive_face_id, derive_image_id, index_face

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})


def find_portraits(folder: Path) -> tuple[dict[str, list[Path]], list[RosterInvalid]]:
    """The photos of every student: `<name>.jpg`, or `<name>/` with any number of photos.

    Args:
        folder: what holds them; other files in it are left alone.

    Returns:
        Photos by name, and one error for every name that cannot be told apart from another; those are left out.

    Raises:
        RosterInvalid: it is no folder, or holds no photo.
    """
    if not folder.is_dir():
        raise RosterInvalid(str(folder), "not a folder; give one with <name>.jpg files or <name>/ folders")
    claims: dict[str, list[tuple[str, Path, list[Path]]]] = {}
    for name, place, photos in _portraits(folder):
        claims.setdefault(name.casefold(), []).append((name, place, photos))
    if not claims:
        raise RosterInvalid(str(folder), "no photos in it; put <name>.jpg files or <name>/ folders of photos there")
    good = {claim[0][0]: claim[0][2] for claim in claims.values() if len(claim) == 1}
    return good, [_conflict(folder, claim) for claim in claims.values() if len(claim) > 1]


def enroll_photo(engine: FaceEngine, store: FaceStore, collection_id: str, path: Path, name: str) -> FaceRecord:
    """Enrol the one person that a photo file shows, under a name; doing it again changes nothing.

    Raises:
        ImageUnreadable, ImageTooLarge: the file is no usable picture.
        NoFace, SeveralFaces: it does not show exactly one person.
        CollectionNotFound, ModelMismatch: the collection cannot take the face.
    """
    try:
        data = read_file(path, MAX_FILE_BYTES)
    except OSError as error:
        raise ImageUnreadable(str(path), reason(error)) from error
    image = read_image(data, name=str(path))
    image_id = derive_image_id(data)
    return index_face(engine, store, collection_id, image, name=name, image_id=image_id, source=str(path))


def enroll_encodings(store: FaceStore, collection_id: str, model: str, source: Path) -> Counter[str]:
    """Enrol known face encodings, made by the face_recognition library; doing it again changes nothing.

    Returns:
        How many encodings each name has.

    Raises:
        EncodingsUnreadable: the file is none of encodings, or holds more than plain data.
        CollectionNotFound, ModelMismatch: the collection cannot take the faces.
    """
    encodings = read_encodings(source)
    records = []
    for name, vector in encodings:
        image_id = derive_image_id(vector.tobytes())  # there is no picture: the vector stands for it
        face_id = derive_face_id(collection_id, image_id, name, None)
        embedding = Embedding(vector, model)
        records.append(FaceRecord(face_id, collection_id, image_id, name, None, 0, 0, 1.0, embedding))
    store.put_faces(collection_id, records)
    return Counter(name for name, _ in encodings)


def _portraits(folder: Path) -> Iterator[tuple[str, Path, list[Path]]]:
    """Name, place and photos of everything in the folder that bears photos, in order of name."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            photos = sorted(file for file in entry.iterdir() if _is_photo(file))
            if photos:
                yield unicodedata.normalize("NFC", entry.name.strip()), entry, photos
        elif _is_photo(entry):
            yield unicodedata.normalize("NFC", entry.stem.strip()), entry, [entry]


def _is_photo(file: Path) -> bool:
    return file.suffix.lower() in PHOTO_SUFFIXES and not file.name.startswith(".")


def _conflict(folder: Path, claim: list[tuple[str, Path, list[Path]]]) -> RosterInvalid:
    places = " and ".join(place.name for _, place, _ in claim)
    return RosterInvalid(
        str(folder), f"two students with one name: {places}; rename one, or put photos of one student in one folder"
    )
