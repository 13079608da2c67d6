"""Enrolment: from a folder of portraits to faces in the store."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from photocall.engine.face_engine import FaceEngine
from photocall.errors import ImageUnreadable, RosterInvalid
from photocall.faces import Embedding, FaceRecord, FloatArray
from photocall.media.files import read_file, reason
from photocall.media.images import MAX_FILE_BYTES, read_image
from photocall.ports import FaceStore, ObjectStore
from photocall.quality_gate import QualityFilter
from photocall.recognition import derive_face_id, derive_image_id, index_face
from photocall.students import clean_name

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
"""Endings of files that are taken for photos; what is not readable, HEIC for one, is named with the reason."""


def find_portraits(folder: Path) -> tuple[dict[str, list[Path]], list[RosterInvalid]]:
    """The photos of every student: `<name>.jpg`, or `<name>/` with any number of photos.

    Args:
        folder: what holds them; other files in it are left alone.

    Returns:
        Photos by name, and one error for every name that is none, or cannot be told from another; those are left out.

    Raises:
        RosterInvalid: it is no folder, cannot be read, or holds no photo.
    """
    claims: dict[str, list[tuple[str, Path, list[Path]]]] = {}
    wrong: list[RosterInvalid] = []
    for place in _visible(folder):
        try:
            photos = [file for file in (_visible(place) if place.is_dir() else [place]) if _is_photo(file)]
            if photos:
                name = clean_name(place.name if place.is_dir() else place.stem)
                claims.setdefault(name.casefold(), []).append((name, place, photos))
        except RosterInvalid as error:
            wrong.append(error)
        except ValueError as error:
            wrong.append(RosterInvalid(str(place), f"{error}; rename it to the student's name"))
    if not claims and not wrong:
        raise RosterInvalid(str(folder), "no photos in it; put <name>.jpg files or <name>/ folders of photos there")
    good = {claim[0][0]: claim[0][2] for claim in claims.values() if len(claim) == 1}
    return good, wrong + [_conflict(folder, claim) for claim in claims.values() if len(claim) > 1]


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, by name, hidden files aside. Raises `RosterInvalid`."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        right = "give a folder with <name>.jpg files or <name>/ folders"
        raise RosterInvalid(str(folder), f"{reason(error)}; {right}") from error


def enroll_photo(
    engine: FaceEngine,
    store: FaceStore,
    collection_id: str,
    path: Path,
    name: str,
    *,
    objects: ObjectStore | None = None,
    quality_filter: QualityFilter = QualityFilter.AUTO,
) -> FaceRecord:
    """Enrol the one person that a photo file shows, under a name; doing it again changes nothing.

    Args:
        engine: what finds and embeds.
        store: where the face goes.
        collection_id: the collection, which must be there.
        path: the photo.
        name: the person's.
        objects: where to keep of the photo what another model needs; without it nothing is kept.
        quality_filter: how good the face must be; NONE takes one that is too small, dark, blurred or turned, too.

    Raises:
        ImageUnreadable, ImageTooLarge: the file is no usable picture.
        NoFace, SeveralFaces: it does not show exactly one person.
        PoorFace: the face is too poor for enrolment.
        CollectionNotFound, ModelMismatch: the collection cannot take the face.
        StoreUnavailable: face or photo could not be written.
    """
    try:
        data = read_file(path, MAX_FILE_BYTES)
    except OSError as error:
        raise ImageUnreadable(str(path), reason(error)) from error
    image = read_image(data, name=str(path))
    image_id = derive_image_id(data)
    return index_face(
        engine,
        store,
        collection_id,
        image,
        name=name,
        image_id=image_id,
        source=str(path),
        objects=objects,
        quality_filter=quality_filter,
    )


def enroll_encodings(
    store: FaceStore, collection_id: str, model: str, encodings: Sequence[tuple[str, FloatArray]]
) -> Counter[str]:
    """Enrol known face encodings, all or none; doing it again changes nothing.

    Args:
        store: where the faces go.
        collection_id: the collection, which must be there.
        model: the embedding space of the encodings.
        encodings: names and float32 vectors, as `read_encodings` gives them.

    Returns:
        How many encodings each name has.

    Raises:
        CollectionNotFound, ModelMismatch: the collection cannot take the faces.
    """
    records = []
    for name, vector in encodings:
        image_id = derive_image_id(vector.tobytes())  # there is no picture: the vector stands for it
        face_id = derive_face_id(collection_id, image_id, name, None)
        embedding = Embedding(vector, model)
        records.append(FaceRecord(face_id, collection_id, image_id, name, None, 0, 0, 1.0, embedding))
    store.put_faces(collection_id, records)
    return Counter(name for name, _ in encodings)


def _is_photo(file: Path) -> bool:
    return file.suffix.lower() in PHOTO_SUFFIXES


def _conflict(folder: Path, claim: list[tuple[str, Path, list[Path]]]) -> RosterInvalid:
    places = " and ".join(place.name for _, place, _ in claim)
    return RosterInvalid(
        str(folder), f"two students with one name: {places}; rename one, or put photos of one student in one folder"
    )
