"""The image archive with search (S3.1 to S3.4, S3.7): put an image, search by a face, get everything back.

Paths, answers and names are those of the service that these routes replace; so are the statuses of its errors.
"""

import platform
import re
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from photocall import __version__
from photocall.keys import Scope
from photocall.media import signatures
from photocall.server import archive, openapi_v1
from photocall.server.api_keys import needs_key
from photocall.server.archive import Archive
from photocall.server.images import MAX_OBJECT_BYTES
from photocall.server.problems import BadRequest, V1Route
from photocall.server.service import Service
from photocall.server.uploads import image_in_body, is_filename, read_body
from photocall.server.wire_nouns import Json, wire_name

MAX_NAME = 250
"""Characters of a file name as an ExternalImageId, which has at most 255; each byte of other than plain letters takes
three. The rest is for what a file system appends while it writes."""

MAX_METADATA_BYTES = 2048
"""Of all names and values: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html"""

META = "x-amz-meta-"

ANY = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]
"""What the original's API Gateway calls ANY."""

MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "BMP": "image/bmp", "TIFF": "image/tiff"}
MEDIA_TYPES |= {"WebP": "image/webp", "PPM": "image/x-portable-pixmap", "AVIF": "image/avif"}

_ADDRESS = re.compile(r"(?P<user>\w[\w+]*://(?:[^:/@]*(?=[:@]))?)(?::[^@]*(?=@))?(?P<place>[^?]*).*", re.DOTALL)
"""Where a password ends is for the next @ to say: it may hold question marks and slashes."""

READ, WRITE = Depends(needs_key(Scope.READ)), Depends(needs_key(Scope.WRITE))
Body = Annotated[bytes, Depends(read_body)]

router = APIRouter(prefix="/v1", route_class=V1Route, tags=["Archive"])


@router.put(
    "/index/{filename:path}", summary="Keep an image and index its faces", dependencies=[WRITE], **openapi_v1.PUT
)
def put_image(request: Request, body: Body) -> Response:
    """Keep an image, raw or in base64, and index its faces; another one of the same name is replaced."""
    name, data = _filename(request), image_in_body(body)
    if len(data) > MAX_OBJECT_BYTES:
        too_large = f"the image has more than {MAX_OBJECT_BYTES // 2**20} MiB; make it smaller"
        raise BadRequest(413, "ImageTooLarge", too_large)
    _archive(request).put(name, data, _metadata(request))
    return Response()


@router.get("/index", summary="List the archive", dependencies=[READ], **openapi_v1.LIST)
def list_images(request: Request) -> JSONResponse:
    """List the images in the order of indexing, with the ids of their faces."""
    return JSONResponse(_archive(request).page(request.query_params.get("NextToken")))


@router.get("/index/{filename}/faces", summary="The faces of an image", dependencies=[READ], **openapi_v1.FACES)
def get_faces(request: Request) -> JSONResponse:
    """All that is known of the faces of an image, with their vectors."""
    name = _filename(request)
    return JSONResponse({"filename": name, "faces": _archive(request).faces(name)})


@router.get("/index/{filename:path}", summary="Download an image", dependencies=[READ], **openapi_v1.GET)
def get_image(request: Request) -> Response:
    """An image, byte for byte as it was put."""
    data = _archive(request).image(_filename(request))
    kind = signatures.kind(data[: signatures.HEAD]) or ""
    # What callers have sent is never shown as a page of this server's.
    safe = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return Response(data, media_type=MEDIA_TYPES.get(kind, "application/octet-stream"), headers=safe)


@router.delete("/index/{filename:path}", summary="Erase an image", dependencies=[WRITE], **openapi_v1.DELETE)
def delete_image(request: Request) -> Response:
    """Erase an image and its faces."""
    _archive(request).delete(_filename(request))
    return Response()


def search(request: Request, body: Body) -> JSONResponse:
    """Who the largest face of an image may be: matches in Rekognition's words, and their names."""
    found = _archive(request).search(image_in_body(body))
    if found is None:
        faces = {"FaceMatches": [], "ResponseMetadata": _metadata_of(request)}
        return JSONResponse({"faces": faces, "matchedFaces": [], "message": "No faces found in the image"})
    faces, names = found
    return JSONResponse({"faces": {"ResponseMetadata": _metadata_of(request), **faces}, "matchedFaces": names})


def info(request: Request) -> JSONResponse:
    """The settings of the server, without its secrets."""
    service = _service(request)
    settings = service.settings.model_dump(mode="json")
    settings |= {name: _without_password(settings[name]) for name in ("database", "objects")}
    told = {
        "environment": {
            "version": __version__,
            "python_version": platform.python_version(),
            "system": platform.system(),
            "is_using_aws_rekognition": service.amazon is not None,
            "debug_mode": service.settings.debug,
        },
        "aws_rekognition": {
            "aws_rekognition_collection_id": archive.COLLECTION,
            "aws_rekognition_face_detect_max_faces_count": archive.MAX_FACES,
            "aws_rekognition_face_detect_attributes": "DEFAULT",
            "aws_rekognition_face_detect_quality_filter": archive.QUALITY,
            "aws_rekognition_face_detect_threshold": archive.THRESHOLD,
        },
        "photocall": settings,
    }
    return JSONResponse({"settings": told})


# Any method will do, and one is enough for the description.
for path, answer, methods, described in (
    ("/search", search, ["POST"], openapi_v1.SEARCH),
    ("/info", info, ["GET"], openapi_v1.INFO),
):
    shown = {"summary": (answer.__doc__ or "").partition(":")[0].rstrip("."), **described}
    router.add_api_route(path, answer, methods=methods, dependencies=[READ], **shown)
    others = [method for method in ANY if method not in methods]
    router.add_api_route(path, answer, methods=others, dependencies=[READ], include_in_schema=False)


def add_to(http: FastAPI) -> None:
    """Add the routes to an application whose `state.service` is there."""
    http.state.archive = Archive(http.state.service)
    http.include_router(router)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _archive(request: Request) -> Archive:
    found: Archive = request.app.state.archive
    return found


def _filename(request: Request) -> str:
    name: str = request.path_params["filename"]
    if not is_filename(name):
        raise BadRequest(
            400, "InvalidFilename", "a file name is one printable part of a path, such as Keanu-Reeves.jpg"
        )
    if len(wire_name(name)) > MAX_NAME:
        raise BadRequest(400, "InvalidFilename", f"the file name is too long; {MAX_NAME} plain characters are the most")
    return name


def _metadata(request: Request) -> dict[str, str]:
    """What the headers `x-amz-meta-*` say of an image, by their names without that."""
    found = {name[len(META) :]: value for name, value in request.headers.items() if name.startswith(META)}
    if sum(len(name) + len(value) for name, value in found.items()) > MAX_METADATA_BYTES:
        raise BadRequest(400, "MetadataTooLarge", f"{META}* may have {MAX_METADATA_BYTES} bytes together")
    return found


def _metadata_of(request: Request) -> Json:
    """What boto3 adds to every answer of Rekognition's."""
    request_id = getattr(request.state, "request_id", None) or str(uuid4())
    headers = {"x-amzn-requestid": request_id, "content-type": "application/x-amz-json-1.1"}
    return {"RequestId": request_id, "HTTPStatusCode": 200, "HTTPHeaders": headers, "RetryAttempts": 0}


def _without_password(address: str) -> str:
    """An address without its password, and without the parameters that may hold one."""
    return _ADDRESS.sub(r"\g<user>\g<place>", address)
