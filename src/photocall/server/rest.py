"""The routes of the attendance system's face work (S0.1 to S0.4): /encode, /detect and /compare.

What they do is `faceprints`; here is who may ask, and which engine and buckets answer.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from photocall import faceprints, keys
from photocall.engine.face_engine import FaceEngine
from photocall.faceprints import Json
from photocall.faces import ByteArray
from photocall.media.images import read_image
from photocall.sent_images import MAX_PIXELS, SentImage
from photocall.server import openapi_rest as documented
from photocall.server.api_keys import needs_key, needs_own_page
from photocall.server.problems import BadRequest, RestRoute
from photocall.server.service import Service
from photocall.server.uploads import read_body

Body = Annotated[bytes, Depends(read_body)]

router = APIRouter(route_class=RestRoute, dependencies=[Depends(needs_key(keys.Scope.READ))], tags=["Faces"])


@router.post("/encode", summary="The largest face of a picture, as a vector", **documented.ENCODE)
def encode(request: Request, body: Body) -> JSONResponse:
    """Vector and place of the largest face of a picture."""
    found = _encoded(request, faceprints.read_picture(body))
    _count(request, int(found["success"]))
    return JSONResponse(found)


@router.post("/detect", summary="Every face of a picture, as vectors", **documented.DETECT)
def detect(request: Request, body: Body) -> JSONResponse:
    """Vectors and places of all faces of a picture, the largest first."""
    picture, engine = faceprints.read_picture(body), _engine(request)
    found = faceprints.detect(engine, _pixels(request, picture))
    _count(request, len(found["encodings"]))
    return JSONResponse(found)


@router.post("/compare", summary="A face against known vectors", **documented.COMPARE)
def compare(request: Request, body: Body) -> JSONResponse:
    """Whether a face is one of the known ones: a match, a distance and a confidence for each."""
    asked = faceprints.read_comparison(body)
    encoding = asked.encoding if asked.image is None else _encoded(request, asked.image).get("encoding")
    return JSONResponse(faceprints.compare(asked, encoding))


def add_to(http: FastAPI) -> None:
    """Add the routes, for pages of any origin."""
    http.include_router(router)
    http.add_middleware(
        AnyOrigin, paths=frozenset(route.path for route in router.routes if isinstance(route, RestRoute))
    )


class AnyOrigin:
    """CORS for some paths alone: pages of other origins must not reach the rest of a server that needs no key."""

    def __init__(self, app: ASGIApp, paths: frozenset[str]) -> None:
        self._app, self._paths = app, paths
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["POST", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=["retry-after", "x-request-id"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        here = scope["type"] == "http" and scope["path"] in self._paths
        await (self._open if here else self._app)(scope, receive, send)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _count(request: Request, faces: int) -> None:
    _service(request).metrics.faces.labels("found").inc(faces)


def _encoded(request: Request, image: SentImage) -> Json:
    engine = _engine(request)
    return faceprints.encode(engine, _pixels(request, image))


def _engine(request: Request) -> FaceEngine:
    service = _service(request)
    if service.amazon is not None:
        why = "Amazon's service gives no vectors; PHOTOCALL_ENGINE=local does"
        raise BadRequest(501, "Not available with Amazon Rekognition", why)
    return service.plain_engine


def _pixels(request: Request, image: SentImage) -> ByteArray:
    """The picture of a request; without keys, pages of other origins get no face out of what is kept in buckets."""
    if image.is_object:
        needs_own_page(request)
    return read_image(image.read(_service(request).callers_bucket), name="image_data", max_pixels=MAX_PIXELS)
