"""Rekognition's operations on faces: detect, compare, index, list, delete, search."""

from collections.abc import Sequence

from photocall.erasure import erase_faces
from photocall.errors import FaceNotFound, NoFace
from photocall.faces import Face, FaceRecord, FloatArray, largest_first
from photocall.gallery import Gallery
from photocall.indexing import MOST_FACES, index_faces
from photocall.quality_gate import QualityFilter, Reason, Use, reasons
from photocall.recognition import search_faces, stacked
from photocall.server.images import RequestImage, read_request_image
from photocall.server.paging import DEFAULT_PAGE, page_start, page_token
from photocall.server.service import Service
from photocall.server.wire_nouns import (
    Json,
    box_json,
    described,
    face_json,
    match_json,
    model_version,
    percent,
    unindexed_json,
)

THRESHOLD = 80.0
"""Least similarity where a request does not say."""


def detect_faces(service: Service, request: Json) -> Json:
    """Find the largest faces of a picture; Attributes cannot bring more than is known of each."""
    image = read_request_image(service, request["Image"])
    faces = found_faces(service, image)
    return {"FaceDetails": [described(face, image.size) for face in faces]}


def compare_faces(service: Service, request: Json) -> Json:
    """Compare the largest face of one picture with every face of another."""
    engine, calibration = service.engine, service.engine.calibration
    least = request.get("SimilarityThreshold", THRESHOLD)
    source, target = (read_request_image(service, request[name], name) for name in ("SourceImage", "TargetImage"))
    face = largest_passing(service, source, request)
    others = [other for other, why in judged(service, target, request) if not why]
    if face is None or not others:
        raise NoFace("image")
    probe, others = engine.embed(source.pixels, [face]), engine.embed(target.pixels, others)
    distances = engine.metric.distances(stacked(probe), stacked(others))[0]
    compared = [
        (percent(calibration.similarity(float(distance)) / 100), described(face, target.size))
        for distance, face in zip(distances, others, strict=True)
    ]
    compared.sort(key=lambda each: each[0], reverse=True)
    return {
        "SourceImageFace": {
            "BoundingBox": box_json(face.box, source.size),
            "Confidence": percent(face.score),
        },
        "FaceMatches": [
            {"Similarity": similarity, "Face": face} for similarity, face in compared if similarity >= least
        ],
        "UnmatchedFaces": [face for similarity, face in compared if similarity < least],
    }


def index(service: Service, request: Json) -> Json:
    """Put the faces of a picture into a collection."""
    image = read_request_image(service, request["Image"])
    indexed = index_faces(
        service.engine,
        service.store,
        request["CollectionId"],
        image.pixels,
        image_id=image.image_id,
        external_image_id=request.get("ExternalImageId", ""),
        max_faces=request.get("MaxFaces", MOST_FACES),
        quality_filter=QualityFilter(request.get("QualityFilter", QualityFilter.AUTO)),
        source=image.source,
        objects=service.objects if service.settings.keep_photos else None,
    )
    service.metrics.faces.labels("found").inc(len(indexed.faces) + len(indexed.unindexed))
    service.metrics.faces.labels("indexed").inc(len(indexed.faces))
    return {
        "FaceRecords": [
            {"Face": face_json(record), "FaceDetail": described(face, image.size)} for face, record in indexed.faces
        ],
        "UnindexedFaces": [unindexed_json(face, why, image.size) for face, why in indexed.unindexed],
        "FaceModelVersion": model_version(service.engine.model),
    }


def list_faces(service: Service, request: Json) -> Json:
    """List faces in the order of indexing: all, those of a user, or those of these ids."""
    collection = service.store.collection(request["CollectionId"])
    limit, user_id = request.get("MaxResults") or DEFAULT_PAGE, request.get("UserId")
    listing = ("ListFaces", collection.collection_id, user_id or "", *request.get("FaceIds", ()))
    start = page_start(listing, request.get("NextToken"), int) or 0
    if "FaceIds" in request:
        faces, after = _chosen(service, collection.collection_id, request["FaceIds"], user_id, start, limit)
    else:
        faces, after = service.store.face_page(collection.collection_id, after=start, limit=limit, user_id=user_id)
    answer: Json = {
        "Faces": [face_json(face) for face in faces],
        "FaceModelVersion": model_version(collection.model),
    }
    if after is not None:
        answer["NextToken"] = page_token(listing, after)
    return answer


def _chosen(
    service: Service, collection_id: str, face_ids: Sequence[str], user_id: str | None, start: int, limit: int
) -> tuple[list[FaceRecord], int | None]:
    """A page of the faces of these ids: from the one at `start` on; ids of no face are passed over."""
    wanted = list(dict.fromkeys(face_ids))
    page = service.store.faces_by_id(collection_id, wanted[start : start + limit])
    faces = [face for face in page if user_id in (None, face.user_id)]
    return faces, start + limit if start + limit < len(wanted) else None


def delete_faces(service: Service, request: Json) -> Json:
    """Erase faces with everything that was kept of them; those of a user stay until they are disassociated."""
    collection_id, wanted = request["CollectionId"], list(dict.fromkeys(request["FaceIds"]))
    found = {face.face_id: face for face in service.store.faces_by_id(collection_id, wanted)}
    free = [face_id for face_id in wanted if face_id in found and found[face_id].user_id is None]
    deleted = erase_faces(service.store, service.objects, collection_id, free)
    failed: list[Json] = [
        {"FaceId": face_id, "UserId": found[face_id].user_id, "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]}
        for face_id in wanted
        if face_id in found and face_id not in free
    ]
    failed += [
        {"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]}
        for face_id in wanted
        if face_id not in found or (face_id in free and face_id not in deleted)
    ]
    # The service model allows a list of deleted faces without a face in it no more than in the request.
    return {**({"DeletedFaces": deleted} if deleted else {}), "UnsuccessfulFaceDeletions": failed}


def search_by_face(service: Service, request: Json) -> Json:
    """The faces that an indexed face may be."""
    collection_id, face_id = request["CollectionId"], request["FaceId"]
    faces = service.store.faces_by_id(collection_id, [face_id])
    if not faces:
        raise FaceNotFound(collection_id, face_id)
    matches = _matches(service, request, service.gallery(collection_id), faces[0].embedding.vector)
    return {"SearchedFaceId": face_id, "FaceMatches": matches, "FaceModelVersion": model_version(service.engine.model)}


def search_by_image(service: Service, request: Json) -> Json:
    """The faces that the largest face of a picture may be."""
    gallery = service.gallery(request["CollectionId"])  # first: there may be none
    image = read_request_image(service, request["Image"])
    face = largest_passing(service, image, request)
    if face is None:
        raise NoFace("image")
    return {
        "SearchedFaceBoundingBox": box_json(face.box, image.size),
        "SearchedFaceConfidence": percent(face.score),
        "FaceMatches": _matches(service, request, gallery, stacked(service.engine.embed(image.pixels, [face]))[0]),
        "FaceModelVersion": model_version(service.engine.model),
    }


def _matches(service: Service, request: Json, gallery: Gallery, probe: FloatArray) -> list[Json]:
    """The faces of the request's collection that a probe, float32 of shape (d,), may be; never the one asked about."""
    service.metrics.faces.labels("searched").inc()
    matches = search_faces(
        service.store,
        request["CollectionId"],
        gallery,
        service.engine.calibration,
        probe,
        limit=request.get("MaxFaces", DEFAULT_PAGE),
        least_similarity=request.get("FaceMatchThreshold", THRESHOLD),
        without=request.get("FaceId"),
    )
    if matches:
        service.metrics.best_distance.observe(matches[0].distance)
    return [match_json(match) for match in matches]


def found_faces(service: Service, image: RequestImage) -> list[Face]:
    """The largest faces of a picture, the largest one first, without embeddings."""
    faces = largest_first(service.engine.detect(image.pixels))[:MOST_FACES]
    service.metrics.faces.labels("found").inc(len(faces))
    return faces


def judged(service: Service, image: RequestImage, request: Json) -> list[tuple[Face, tuple[Reason, ...]]]:
    """The faces of a picture, largest first, each with the reasons why it is too poor for the request's filter."""
    return [(face, reasons(face, Use.IDENTIFICATION, _filter(request))) for face in found_faces(service, image)]


def largest_passing(service: Service, image: RequestImage, request: Json) -> Face | None:
    """The largest face of a picture that is good enough for the request's filter."""
    face = service.engine.detect_largest(image.pixels)
    if face is not None and reasons(face, Use.IDENTIFICATION, _filter(request)):
        return next((other for other, why in judged(service, image, request) if not why), None)
    service.metrics.faces.labels("found").inc(face is not None)
    return face


def _filter(request: Json) -> QualityFilter:
    return QualityFilter(request.get("QualityFilter", QualityFilter.NONE))
