"""Rekognition's operations on collections and their tags."""

import hashlib
import re

from photocall.app import SCHOOL_COLLECTION
from photocall.erasure import erase_collection
from photocall.errors import CollectionNotFound
from photocall.faces import Collection
from photocall.migration import SIDE
from photocall.server.paging import DEFAULT_PAGE, page_start, page_token
from photocall.server.service import Service
from photocall.server.wire_errors import INVALID, WireError
from photocall.server.wire_nouns import Json, model_version

MOST_TAGS = 200
"""Of a collection; the service model allows so many in one request."""

_ARN = re.compile(r"(?:arn:)?aws:rekognition:([a-z0-9-]*):(\d*):collection/(.+)")


def create_collection(service: Service, request: Json) -> Json:
    """Make a collection; it takes faces of this server's model."""
    if request["CollectionId"] == SCHOOL_COLLECTION:
        raise WireError(INVALID, f"{SCHOOL_COLLECTION} is the attendance application's; choose another CollectionId")
    model = service.engine.model
    made = service.store.add_collection(request["CollectionId"], model, request.get("Tags", {}))
    return {
        "StatusCode": 200,
        "CollectionArn": _arn(service, made.collection_id),
        "FaceModelVersion": model_version(model),
    }


def describe_collection(service: Service, request: Json) -> Json:
    """Count a collection's faces and users."""
    found = service.store.collection(request["CollectionId"])
    faces, users = service.store.counts(found.collection_id)
    return {
        "FaceCount": faces,
        "UserCount": users,
        "FaceModelVersion": model_version(found.model),
        "CollectionARN": _arn(service, found.collection_id),
        "CreationTimestamp": found.created,
    }


def list_collections(service: Service, request: Json) -> Json:
    """List collections, oldest first."""
    listing, limit = ("ListCollections",), request.get("MaxResults") or DEFAULT_PAGE
    start = page_start(listing, request.get("NextToken"), str)
    # A migration's half-done copy is no collection of anybody's; the wire could not carry its name either.
    found = (each for each in service.store.collections() if each.collection_id != SCHOOL_COLLECTION)
    every = [each for each in found if SIDE not in each.collection_id]
    rest = [each for each in sorted(every, key=_place) if start is None or _place(each) > start]
    page = rest[:limit]
    answer: Json = {
        "CollectionIds": [each.collection_id for each in page],
        "FaceModelVersions": [model_version(each.model) for each in page],
    }
    if len(rest) > limit:
        answer["NextToken"] = page_token(listing, _place(page[-1]))
    return answer


def _place(collection: Collection) -> str:
    """Where it stands in the list; not its id, which may be too long for a token."""
    return f"{collection.created.isoformat()} {hashlib.sha256(collection.collection_id.encode()).hexdigest()[:16]}"


def delete_collection(service: Service, request: Json) -> Json:
    """Erase a collection with everything that was kept of its faces."""
    erase_collection(service.store, service.objects, request["CollectionId"])
    return {"StatusCode": 200}


def tag_resource(service: Service, request: Json) -> Json:
    """Add tags to a collection, or replace them."""
    service.store.put_tags(_tagged(service, request), request["Tags"], MOST_TAGS)
    return {}


def untag_resource(service: Service, request: Json) -> Json:
    """Remove tags of a collection."""
    service.store.delete_tags(_tagged(service, request), request["TagKeys"])
    return {}


def list_tags_for_resource(service: Service, request: Json) -> Json:
    """The tags of a collection."""
    return {"Tags": service.store.tags(_tagged(service, request))}


def _arn(service: Service, collection_id: str) -> str:
    return f"arn:aws:rekognition:{service.settings.region}:{service.settings.account}:collection/{collection_id}"


def _tagged(service: Service, request: Json) -> str:
    """The id of the collection whose ARN a request names."""
    match = _ARN.fullmatch(request["ResourceArn"])
    if match is None:
        expected = _arn(service, "COLLECTION_ID")
        raise WireError(INVALID, f"ResourceArn must be that of a collection, such as {expected}")
    region, account, collection_id = match.groups()
    is_here = (region, account) == (service.settings.region, service.settings.account)
    if not is_here or collection_id == SCHOOL_COLLECTION:
        raise CollectionNotFound(collection_id)
    return collection_id
