"""Rekognition's operations on users: make, list, delete, associate, search."""

import numpy as np

from photocall.errors import FaceNotFound, UserExists, UserNotFound
from photocall.faces import FloatArray
from photocall.recognition import stacked
from photocall.server.face_operations import THRESHOLD, judged
from photocall.server.images import read_request_image
from photocall.server.paging import page_start, page_token
from photocall.server.request_tokens import once
from photocall.server.service import Service
from photocall.server.wire_errors import INVALID, WireError
from photocall.server.wire_nouns import Json, described, model_version, percent, refusal_json
from photocall.users import associate_faces, disassociate_faces, user_faces, vectors_of

ASSOCIATION_THRESHOLD = 75.0
"""Least similarity of a face to its user where a request does not say."""

MOST_USERS = 500
"""Users of an answer, also where a request does not say."""


def create_user(service: Service, request: Json) -> Json:
    """Make a user."""
    with once(service, "CreateUser", request) as claim:
        try:
            service.store.add_user(request["CollectionId"], request["UserId"])
        except UserExists:
            if not claim.again:
                raise
    return {}


def delete_user(service: Service, request: Json) -> Json:
    """Remove a user; the faces stay."""
    with once(service, "DeleteUser", request) as claim:
        try:
            service.store.delete_user(request["CollectionId"], request["UserId"])
        except UserNotFound:
            if not claim.again:
                raise
    return {}


def list_users(service: Service, request: Json) -> Json:
    """List users by id."""
    collection_id, limit = request["CollectionId"], request.get("MaxResults", MOST_USERS)
    listing = ("ListUsers", collection_id)
    start = page_start(listing, request.get("NextToken"), str) or ""
    users = service.store.users(collection_id, after=start, limit=limit + 1)
    answer: Json = {"Users": [{"UserId": user.user_id, "UserStatus": _status(user.faces)} for user in users[:limit]]}
    if len(users) > limit:
        answer["NextToken"] = page_token(listing, users[limit - 1].user_id)
    return answer


def associate(service: Service, request: Json) -> Json:
    """Associate faces with a user."""
    engine = service.engine_of(request["CollectionId"])
    with once(service, "AssociateFaces", request):
        done, refusals = associate_faces(
            service.store,
            request["CollectionId"],
            request["UserId"],
            request["FaceIds"],
            metric=engine.metric,
            calibration=engine.calibration,
            least_similarity=request.get("UserMatchThreshold", ASSOCIATION_THRESHOLD),
        )
    return {
        "AssociatedFaces": [{"FaceId": face_id} for face_id in done],
        "UnsuccessfulFaceAssociations": [refusal_json(refusal) for refusal in refusals],
        "UserStatus": _user_status(service, request),
    }


def disassociate(service: Service, request: Json) -> Json:
    """Take faces from a user."""
    with once(service, "DisassociateFaces", request) as claim:
        done, refusals = disassociate_faces(
            service.store, request["CollectionId"], request["UserId"], request["FaceIds"], again=claim.again
        )
    return {
        "DisassociatedFaces": [{"FaceId": face_id} for face_id in done],
        "UnsuccessfulFaceDisassociations": [refusal_json(refusal) for refusal in refusals],
        "UserStatus": _user_status(service, request),
    }


def search_by_user(service: Service, request: Json) -> Json:
    """The users that a user or a face may be."""
    if ("UserId" in request) == ("FaceId" in request):
        raise WireError(INVALID, "The request must have either UserId or FaceId")
    collection_id = request["CollectionId"]
    if "FaceId" in request:
        faces = service.store.faces_by_id(collection_id, [request["FaceId"]])
        if not faces:
            raise FaceNotFound(collection_id, request["FaceId"])
        searched: Json = {"SearchedFace": {"FaceId": request["FaceId"]}}
    else:
        faces = user_faces(service.store, collection_id, request["UserId"])
        searched = {"SearchedUser": {"UserId": request["UserId"]}}
    matches = _matches(service, request, vectors_of(faces)) if faces else []
    return {"UserMatches": matches, "FaceModelVersion": model_version(service.engine.model), **searched}


def search_users_by_image(service: Service, request: Json) -> Json:
    """The users that the largest face of a picture may be; none for a picture without a face."""
    service.store.collection(request["CollectionId"])
    image = read_request_image(service, request["Image"])
    faces = judged(service, image, request)
    chosen = next((face for face, why in faces if not why), None)
    others = [(face, why or ("FACE_NOT_LARGEST",)) for face, why in faces if face is not chosen]
    answer: Json = {
        "UserMatches": [],
        "FaceModelVersion": model_version(service.engine.model),
        "UnsearchedFaces": [{"FaceDetails": described(face, image.size), "Reasons": list(why)} for face, why in others],
    }
    if chosen is not None:
        probe = stacked(service.engine.embed(image.pixels, [chosen]))
        answer["UserMatches"] = _matches(service, request, probe)
        answer["SearchedFace"] = {"FaceDetail": described(chosen, image.size)}
    return answer


def _matches(service: Service, request: Json, probes: FloatArray) -> list[Json]:
    """The users that a person may be, the most similar first.

    Args:
        service: whose users.
        request: of the search.
        probes: float32, shape (n, d): faces of the person.
    """
    service.metrics.faces.labels("searched").inc()
    users, every = service.gallery(request["CollectionId"]).compared_with_users(probes)
    distances, calibration = every.mean(axis=0), service.engine.calibration
    least, limit = request.get("UserMatchThreshold", THRESHOLD), request.get("MaxUsers", MOST_USERS)
    farthest = calibration.farthest(least)
    nearest = [index for index in np.argsort(distances, kind="stable") if distances[index] <= farthest]
    if nearest:
        service.metrics.best_distance.observe(float(distances[nearest[0]]))
    return [
        {
            "Similarity": percent(calibration.similarity(float(distances[index])) / 100),
            "User": {"UserId": users[index], "UserStatus": "ACTIVE"},
        }
        for index in nearest
        if users[index] != request.get("UserId")
    ][:limit]


def _status(faces: int) -> str:
    return "ACTIVE" if faces else "CREATED"


def _user_status(service: Service, request: Json) -> str:
    return _status(service.store.user(request["CollectionId"], request["UserId"]).faces)
