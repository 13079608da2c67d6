"""The archive behind /v1: images kept by file name, with the faces that they show in one collection.

Everything about faces goes through Rekognition's operations, so that with Amazon's service as engine the same calls
go to Amazon. An image and its faces change together, as far as one process can see to it: two servers that replace the
same image in the same moment may leave the faces of one and the image of the other, until it is put again.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Lock
from typing import Any

from photocall.app import ARCHIVE
from photocall.errors import (
    AmazonRefused,
    BucketNotFound,
    CollectionExists,
    CollectionNotFound,
    NoFace,
    ObjectNotFound,
    ObjectTooLarge,
)
from photocall.faces import FaceRecord
from photocall.handlers import MOST_INDEXED
from photocall.ports import ObjectStore
from photocall.server.images import MAX_OBJECT_BYTES
from photocall.server.operations import answer
from photocall.server.problems import BadRequest
from photocall.server.service import Service
from photocall.server.wire_nouns import face_json, plain_name, wire_name

COLLECTION = ARCHIVE
"""The collection of the archive's faces."""

MAX_FACES = MOST_INDEXED
"""Faces of an image that are indexed, and matches of a search: the original's setting."""

THRESHOLD = 10.0
"""Least similarity of a match: the original's setting."""

QUALITY = "AUTO"
"""How good faces must be: the original's setting."""

PAGE = 1000
"""Faces of a page of the list."""

_LOCKS = 64
_BATCH = 4096  # faces that one DeleteFaces takes
_ATTACHED = "ASSOCIATED_TO_AN_EXISTING_USER"

Json = dict[str, Any]


class Archive:
    """The archive of a service; safe to share between threads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._locks = [Lock() for _ in range(_LOCKS)]  # an image's own, by its name

    def put(self, name: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Keep an image and index its faces, in place of what was there by this name; the same again changes nothing.

        Raises:
            BadRequest: it shows no face that is good enough; everything is as it was before.
            PhotocallError, WireError: it is no such image, or a store failed; the same.
            ObjectTooLarge: what is kept by this name is no image of the archive's; it stays.
        """
        bucket = self._bucket()
        with self._lock(name):
            before = self._kept(name)
            if data != before:
                bucket.put(name, data)
            try:
                indexed = self._index(name, metadata)
            except BaseException:  # whatever it was, no image stays whose faces are not indexed
                if before is None:
                    bucket.delete(name)
                    self._erase(self._face_ids(name))  # a worker, told of the image by its bucket, may have been faster
                elif data != before:
                    bucket.put(name, before)
                raise
            self._erase(set(self._face_ids(name)) - set(indexed))

    def image(self, name: str) -> bytes:
        """The image of this name, byte for byte. Raises `ObjectNotFound`, `ObjectTooLarge`."""
        data = self._kept(name)
        if data is None:
            raise ObjectNotFound(name)
        return data

    def faces(self, name: str) -> list[Json]:
        """The faces of an image with all that is known of them. Raises `ObjectNotFound`."""
        self.image(name)
        if self._service.amazon is not None:
            return [{**face, "ExternalImageId": name} for face in self._listed() if _name(face) == name]
        return [_faceprint(record) for record in self._records(name)]

    def delete(self, name: str) -> None:
        """Erase an image and its faces. Raises `ObjectNotFound` if there is neither."""
        with self._lock(name):
            was_there = self._is_kept(name)
            self._bucket().delete(
                name
            )  # first: a worker that indexes it now sees that it is gone, or its faces are here
            faces = self._face_ids(name)
            self._erase(faces)
        if not was_there and not faces:
            raise ObjectNotFound(name)

    def page(self, token: str | None) -> Json:
        """Some of the images, in the order of indexing, with the ids of their faces, and where the next page begins."""
        request = {"CollectionId": COLLECTION, "MaxResults": PAGE, **({"NextToken": token} if token else {})}
        found = self._ask("ListFaces", request)
        names, images = self._names(found["Faces"]), dict[str, list[str]]()
        for face in found["Faces"]:
            if face["FaceId"] in names:
                images.setdefault(names[face["FaceId"]], []).append(face["FaceId"])
        listed = [{"filename": name, "name": person(name), "FaceIds": ids} for name, ids in images.items()]
        return {"images": listed, **({"NextToken": found["NextToken"]} if found.get("NextToken") else {})}

    def search(self, data: bytes) -> tuple[Json, list[str]] | None:
        """Rekognition's answer for the largest face of an image, and the names of its matches; None without a face."""
        request = {
            "CollectionId": COLLECTION,
            "Image": {"Bytes": data},
            "MaxFaces": MAX_FACES,
            "FaceMatchThreshold": THRESHOLD,
            "QualityFilter": QUALITY,
        }
        try:
            found = self._ask("SearchFacesByImage", request)
        except NoFace:
            return None
        except AmazonRefused as error:
            if "no faces" not in error.reason.lower():
                raise
            return None
        faces = [match["Face"] for match in found["FaceMatches"]]
        names = self._names(faces)
        return found, [person(names[face["FaceId"]]) for face in faces if face["FaceId"] in names]

    def _index(self, name: str, metadata: Mapping[str, str]) -> list[str]:
        """The ids of the faces that were indexed, one at least."""
        place: Json = {"Bucket": self._service.settings.bucket, "Name": name}
        local = self._service.amazon is None
        if local and metadata:  # Amazon finds it at its own object
            place["Metadata"] = dict(metadata)
        request = {
            "CollectionId": COLLECTION,
            "Image": {"S3Object": place},
            "ExternalImageId": name if local else wire_name(name),
            "MaxFaces": MAX_FACES,
            "QualityFilter": QUALITY,
        }
        found = self._ask("IndexFaces", request)
        if not found["FaceRecords"]:
            raise BadRequest(406, "NoFace", _no_face(found.get("UnindexedFaces", [])))
        return [record["Face"]["FaceId"] for record in found["FaceRecords"]]

    def _ask(self, operation: str, request: Json) -> Json:
        """The answer of an operation; the collection is made when it is first missed."""
        try:
            return answer(self._service, operation, request)
        except CollectionNotFound:
            pass
        except AmazonRefused as error:
            if error.code != "ResourceNotFoundException":
                raise
        self._create()
        return answer(self._service, operation, request)

    def _create(self) -> None:
        try:
            answer(self._service, "CreateCollection", {"CollectionId": COLLECTION})
        except CollectionExists:  # another thread or server was quicker
            pass
        except AmazonRefused as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    def _erase(self, face_ids: Iterable[str]) -> None:
        """Erase faces, also those that somebody has associated with a user."""
        wanted = sorted(face_ids)
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            left = self._delete(batch)
            for user_id in {face["UserId"] for face in left}:
                theirs = [face["FaceId"] for face in left if face["UserId"] == user_id]
                self._ask("DisassociateFaces", {"CollectionId": COLLECTION, "UserId": user_id, "FaceIds": theirs})
            if left:
                self._delete([face["FaceId"] for face in left])

    def _delete(self, face_ids: list[str]) -> list[Json]:
        """Delete faces; those that could not be, since they are a user's."""
        failed = self._ask("DeleteFaces", {"CollectionId": COLLECTION, "FaceIds": face_ids})
        return [face for face in failed.get("UnsuccessfulFaceDeletions", []) if _ATTACHED in face["Reasons"]]

    def _face_ids(self, name: str) -> list[str]:
        if self._service.amazon is not None:
            return [face["FaceId"] for face in self._listed() if _name(face) == name]
        return [record.face_id for record in self._records(name)]

    def _records(self, name: str) -> list[FaceRecord]:
        with suppress(CollectionNotFound):
            return self._service.store.faces_of_object(COLLECTION, self._service.settings.bucket, name)
        return []

    def _listed(self) -> Iterable[Json]:
        """Every face of the collection, page by page: Amazon cannot be asked for those of one image."""
        request: Json = {"CollectionId": COLLECTION, "MaxResults": PAGE}
        while True:
            found = self._ask("ListFaces", request)
            yield from found["Faces"]
            if not found.get("NextToken"):
                return
            request["NextToken"] = found["NextToken"]

    def _names(self, faces: list[Json]) -> dict[str, str]:
        """The file names of faces by their ids; of those that come from an archived image."""
        if self._service.amazon is not None:
            return {face["FaceId"]: _name(face) for face in faces if "ExternalImageId" in face}
        if not faces:
            return {}
        records = self._service.store.faces_by_id(COLLECTION, [face["FaceId"] for face in faces])
        bucket = self._service.settings.bucket
        return {each.face_id: each.source.key for each in records if each.source and each.source.bucket == bucket}

    def _kept(self, name: str) -> bytes | None:
        with suppress(ObjectNotFound, BucketNotFound):
            return self._bucket().get(name, MAX_OBJECT_BYTES)
        return None

    def _is_kept(self, name: str) -> bool:
        try:
            return self._kept(name) is not None
        except ObjectTooLarge:  # put there by other means
            return True

    def _bucket(self) -> ObjectStore:
        return self._service.callers_bucket(self._service.settings.bucket)

    def _lock(self, name: str) -> Lock:
        return self._locks[hash(name) % _LOCKS]


def person(filename: str) -> str:
    """Who an image shows by its file name, as the original has it: "Keanu-Reeves.jpg" is "Keanu reeves"."""
    stem, dot, ending = filename.rpartition(".")
    known = dot and ending.lower() in ("jpg", "jpeg", "png")
    return (stem if known else filename).replace("-", " ").replace("_", " ").capitalize()


def _name(face: Json) -> str:
    return plain_name(face.get("ExternalImageId", ""))


def _faceprint(record: FaceRecord) -> Json:
    """All that is known of a face."""
    source = record.source
    return {
        **face_json(record),
        "ExternalImageId": record.external_image_id,
        "bucket": source.bucket if source else "",
        "key": source.key if source else "",
        "metadata": dict(source.metadata) if source else {},
        "model": record.embedding.model,
        "vector": record.embedding.vector.tolist(),
    }


def _no_face(unindexed: list[Json]) -> str:
    reasons = sorted({reason for face in unindexed for reason in face["Reasons"]})
    if not reasons:
        return "There is no face in the image; it was not kept"
    return f"No face in the image is good enough ({', '.join(reasons)}); it was not kept"
