"""The operations of Amazon Rekognition that are answered, each by one function from request to answer.

Adding an operation is adding a row. Requests have been read by `shapes.read_request`, so they keep to the service
model; answers are dictionaries in its words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from photocall.app import SCHOOL_COLLECTION
from photocall.errors import CollectionNotFound
from photocall.keys import Scope
from photocall.server import collection_operations as collections
from photocall.server import face_operations as faces
from photocall.server import user_operations as users
from photocall.server import video_operations as videos
from photocall.server.service import Service
from photocall.server.wire_nouns import Json


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        answer: from a service and a request to an answer; raises `PhotocallError` or `WireError`.
        scope: what a key must be for.
    """

    answer: Callable[[Service, Json], Json]
    scope: Scope


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "CreateCollection": Operation(collections.create_collection, Scope.WRITE),
        "DescribeCollection": Operation(collections.describe_collection, Scope.READ),
        "ListCollections": Operation(collections.list_collections, Scope.READ),
        "DeleteCollection": Operation(collections.delete_collection, Scope.WRITE),
        "TagResource": Operation(collections.tag_resource, Scope.WRITE),
        "UntagResource": Operation(collections.untag_resource, Scope.WRITE),
        "ListTagsForResource": Operation(collections.list_tags_for_resource, Scope.READ),
        "DetectFaces": Operation(faces.detect_faces, Scope.READ),
        "CompareFaces": Operation(faces.compare_faces, Scope.READ),
        "IndexFaces": Operation(faces.index, Scope.WRITE),
        "ListFaces": Operation(faces.list_faces, Scope.READ),
        "DeleteFaces": Operation(faces.delete_faces, Scope.WRITE),
        "SearchFaces": Operation(faces.search_by_face, Scope.READ),
        "SearchFacesByImage": Operation(faces.search_by_image, Scope.READ),
        "CreateUser": Operation(users.create_user, Scope.WRITE),
        "DeleteUser": Operation(users.delete_user, Scope.WRITE),
        "ListUsers": Operation(users.list_users, Scope.READ),
        "AssociateFaces": Operation(users.associate, Scope.WRITE),
        "DisassociateFaces": Operation(users.disassociate, Scope.WRITE),
        "SearchUsers": Operation(users.search_by_user, Scope.READ),
        "SearchUsersByImage": Operation(users.search_users_by_image, Scope.READ),
        "StartFaceDetection": Operation(videos.start_face_detection, Scope.WRITE),
        "GetFaceDetection": Operation(videos.get_face_detection, Scope.READ),
        "StartFaceSearch": Operation(videos.start_face_search, Scope.WRITE),
        "GetFaceSearch": Operation(videos.get_face_search, Scope.READ),
    }
)


def answer(service: Service, operation: str, request: Json) -> Json:
    """The answer to a request: of the engine here, or of Amazon's own service where the settings say so.

    Args:
        service: that answers.
        operation: one of `OPERATIONS`.
        request: as the service model says it, with blobs as bytes.

    Raises:
        PhotocallError, WireError: it cannot be answered; the latter in Rekognition's words.
    """
    if service.amazon is not None:
        return service.amazon.answer(operation, request)
    if request.get("CollectionId") == SCHOOL_COLLECTION and operation != "CreateCollection":
        raise CollectionNotFound(SCHOOL_COLLECTION)
    return OPERATIONS[operation].answer(service, request)
