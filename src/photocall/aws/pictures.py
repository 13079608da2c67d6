"""Functions for one picture (S0.1 to S0.4): `encode_face`, `detect_faces`, `compare_faces`, for API Gateway.

What they do is `faceprints`, as behind the routes /encode, /detect and /compare of the HTTP service; answers, limits
and errors are the same. They start quickly, since no web framework, database or AWS SDK is imported. The engine is
loaded with the module, before the first event.
"""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from photocall import faceprints
from photocall.aws import environment
from photocall.aws.gateway import Request, answer, request_of
from photocall.aws.remembered import Remembered
from photocall.engine.face_engine import FaceEngine
from photocall.errors import BucketNotFound, PhotocallError
from photocall.faces import ByteArray
from photocall.media.images import read_image
from photocall.sent_images import MAX_PIXELS, SentImage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from photocall.ports import ObjectStore

MOST_REMEMBERED = 64
"""Answers that an execution environment keeps."""

ANY_ORIGIN: Mapping[str, str] = MappingProxyType(
    {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "retry-after, x-request-id"}
)
"""Pages of any origin may ask; whether a key is needed is API Gateway's affair."""

PREFLIGHT: Mapping[str, str] = MappingProxyType(
    {
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Access-Control-Allow-Headers": "authorization, content-type, x-api-key, x-request-id",
        "Access-Control-Max-Age": "600",
    }
)

Json = dict[str, Any]

_remembered = Remembered(MOST_REMEMBERED)


def encode_face(event: Json, context: "LambdaContext") -> Json:
    """Vector and place of the largest face of a picture."""
    return _answered("encode", _encode, event, context)


def detect_faces(event: Json, context: "LambdaContext") -> Json:
    """Vectors and places of all faces of a picture, the largest first."""
    return _answered("detect", _detect, event, context)


def compare_faces(event: Json, context: "LambdaContext") -> Json:
    """Whether a face is one of the known ones: a match, a distance and a confidence for each."""
    return _answered("compare", _compare, event, context)


def _encode(body: bytes) -> Json:
    return _asked(faceprints.encode, faceprints.read_picture(body))


def _detect(body: bytes) -> Json:
    return _asked(faceprints.detect, faceprints.read_picture(body))


def _compare(body: bytes) -> Json:
    asked = faceprints.read_comparison(body)
    encoding = asked.encoding if asked.image is None else _asked(faceprints.encode, asked.image).get("encoding")
    return faceprints.compare(asked, encoding)


def _asked(verb: Callable[[FaceEngine, ByteArray], Json], image: SentImage) -> Json:
    """What a verb says of a picture, or said of the same one before."""

    def find(data: bytes) -> Json:
        return verb(environment.plain_engine(), read_image(data, name="image_data", max_pixels=MAX_PIXELS))

    return _remembered.answer(verb.__name__, image.read(_bucket), find)


def _bucket(name: str) -> "ObjectStore":
    """A bucket that a request names; the school's is none to it."""
    from photocall.app import open_bucket

    if name == environment.settings().school_bucket:
        raise BucketNotFound(name)
    return open_bucket(environment.settings(), name)


def _answered(route: str, do: Callable[[bytes], Json], event: Json, context: "LambdaContext") -> Json:
    """The answer to an event, counted and told in the log without anything of a face."""
    started, before = time.perf_counter(), _remembered.hits
    status, content, headers = _answer(route, do, request_of(event), context.aws_request_id)
    seconds = time.perf_counter() - started
    told = {"route": f"/{route}", "status": status, "ms": round(1000 * seconds, 1), "again": _remembered.hits > before}
    environment.logger().info("request", extra={"request_id": context.aws_request_id, **told})
    environment.count(len(content.get("encodings", [])) + ("encoding" in content), seconds)
    return answer(status, content, {**ANY_ORIGIN, "X-Request-Id": context.aws_request_id, **headers})


def _answer(
    route: str, do: Callable[[bytes], Json], request: Request, request_id: str
) -> tuple[int, Json, Mapping[str, str]]:
    """Status, content and headers."""
    if request.path.rpartition("/")[2] not in ("", route):
        return 404, _refused(f"Not Found: this function answers /{route}"), {}
    if request.method == "OPTIONS":
        return 200, {}, PREFLIGHT
    if request.method != "POST":
        return 405, _refused("Method Not Allowed"), {"Allow": "POST"}
    try:
        return 200, do(request.body), {}
    except PhotocallError as error:
        status, content = faceprints.failure(error)
        if status >= 500:  # the caller is not told the reason; nor is the log, where it may name an object
            told = {"request_id": request_id, "error": type(error).__name__, "store": getattr(error, "store", None)}
            environment.logger().error("failed", extra=told)
        return status, content, {}


def _refused(message: str) -> Json:
    return {"success": False, "message": message}


# Before the first event, while nobody waits yet.
environment.logger()
environment.metrics()
environment.plain_engine()
