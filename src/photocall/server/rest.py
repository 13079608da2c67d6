"""The face work of the attendance system (S0.1 to S0.4): encode a face, detect faces, compare vectors.

Answers are those of the Lambda functions that these routes replace. Vectors are dlib's own 128 numbers, compared at
Euclidean distance, so that they go together with those that applications have kept from the face_recognition library.
"""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from photocall import keys
from photocall.encodings import PACK
from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import load_pack
from photocall.faces import BoundingBox, ByteArray, Face
from photocall.recognition import largest_first
from photocall.server import openapi_rest as documented
from photocall.server.api_keys import needs_key, needs_own_page
from photocall.server.problems import INVALID_REQUEST, BadRequest, RestRoute
from photocall.server.service import Service
from photocall.server.uploads import BUCKET, image_in_json, read_body

MAX_KNOWN = 10_000
"""Vectors that one request may compare with: as many as fit into a body."""

NO_FACE = "No faces found in the image"
"""Word for word the original's."""

Number = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Vector = Annotated[list[Number], Field(min_length=128, max_length=128)]
"""dlib's; its numbers are smaller than 1, and with -10..10 no sum of squares overflows."""

Body = Annotated[bytes, Depends(read_body)]
Json = dict[str, Any]


class Picture(BaseModel):
    """What /encode and /detect are sent."""

    model_config = ConfigDict(strict=True)

    image_data: str
    bucket: Annotated[str, Field(pattern=BUCKET)] | None = None


class Comparison(BaseModel):
    """What /compare is sent: a vector or a picture, and the vectors to compare it with."""

    model_config = ConfigDict(strict=True)

    known_encodings: Annotated[list[Vector], Field(max_length=MAX_KNOWN)]
    encoding: Vector | None = None
    image_data: str | None = None
    bucket: Annotated[str, Field(pattern=BUCKET)] | None = None
    tolerance: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.6


router = APIRouter(route_class=RestRoute, dependencies=[Depends(needs_key(keys.Scope.READ))], tags=["Faces"])


@router.post("/encode", summary="The largest face of a picture, as a vector", **documented.ENCODE)
def encode(request: Request, body: Body) -> JSONResponse:
    """Vector and place of the largest face of a picture."""
    picture, engine = _read(Picture, body), _engine(request)
    image = _image(request, picture.image_data, picture.bucket)
    face = engine.detect_largest(image)
    if face is None:
        return JSONResponse({"success": False, "message": NO_FACE})
    found = {"encoding": _vectors(engine, image, [face])[0], "face_location": _location(face.box, image)}
    _count(request, 1)
    return JSONResponse({"success": True, **found})


@router.post("/detect", summary="Every face of a picture, as vectors", **documented.DETECT)
def detect(request: Request, body: Body) -> JSONResponse:
    """Vectors and places of all faces of a picture, the largest first."""
    picture, engine = _read(Picture, body), _engine(request)
    image = _image(request, picture.image_data, picture.bucket)
    faces = largest_first(engine.detect(image))
    _count(request, len(faces))
    found = {
        "face_locations": [_location(face.box, image) for face in faces],
        "encodings": _vectors(engine, image, faces),
    }
    if not faces:
        return JSONResponse({"success": False, "message": NO_FACE, **found})
    return JSONResponse({"success": True, **found})


@router.post("/compare", summary="A face against known vectors", **documented.COMPARE)
def compare(request: Request, body: Body) -> JSONResponse:
    """Whether a face is one of the known ones: a match, a distance and a confidence for each."""
    asked: Comparison = _read(Comparison, body)
    if (asked.encoding is None) == (asked.image_data is None):
        raise BadRequest(400, INVALID_REQUEST, "give either encoding or image_data")
    probe = asked.encoding
    if asked.image_data is not None:
        engine = _engine(request)
        image = _image(request, asked.image_data, asked.bucket)
        face = engine.detect_largest(image)
        if face is None:
            return JSONResponse({"success": False, "message": NO_FACE, **_nobody()})
        probe = _vectors(engine, image, [face])[0]
    known = np.asarray(asked.known_encodings, np.float64).reshape(-1, 128)
    return JSONResponse({"success": True, **compared(known, np.asarray(probe, np.float64), asked.tolerance)})


def compared(known: NDArray[np.float64], probe: NDArray[np.float64], tolerance: float) -> Json:
    """The comparison of one vector with several.

    Args:
        known: float64, shape (n, 128).
        probe: float64, shape (128,).
        tolerance: largest distance of a match; 0.6 is customary.

    Returns:
        For each a match, the Euclidean distance, and as confidence 0..1 the model's calibrated similarity; and the
        nearest one's index, match and confidence.
    """
    if not len(known):
        return _nobody()
    similarity = load_pack(PACK).calibration.similarity
    distances = np.linalg.norm(known - probe, axis=1).tolist()
    results = [
        {
            "match": distance <= tolerance,
            "distance": round(distance, 6),
            "confidence": round(similarity(distance) / 100, 4),
        }
        for distance in distances
    ]
    best = int(np.argmin(distances))
    nearest = {"matched": results[best]["match"], "confidence": results[best]["confidence"], "best": best}
    return {**nearest, "results": results}


def _nobody() -> Json:
    return {"matched": False, "confidence": 0.0, "best": None, "results": []}


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


def _engine(request: Request) -> FaceEngine:
    service = _service(request)
    if service.amazon is not None:
        why = "Amazon's service gives no vectors; PHOTOCALL_ENGINE=local does"
        raise BadRequest(501, "Not available with Amazon Rekognition", why)
    return service.plain_engine


def _image(request: Request, image_data: str, bucket: str | None) -> ByteArray:
    """The picture of a request; without keys, pages of other origins get no face out of what is kept in buckets."""
    if bucket is not None and not image_data.startswith("data:"):
        needs_own_page(request)
    return image_in_json(_service(request), image_data, bucket)


def _read(model: type[Any], body: bytes) -> Any:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise BadRequest(400, INVALID_REQUEST, f"{where}: {first['msg']}") from None


def _vectors(engine: FaceEngine, image: ByteArray, faces: list[Face]) -> list[list[float]]:
    vectors: list[list[float]] = engine.embed_chips(engine.chips(image, faces)).tolist() if faces else []
    return vectors


def _location(box: BoundingBox, image: ByteArray) -> list[int]:
    """Top, right, bottom and left in whole pixels, within the picture; the order is that of face_recognition."""
    height, width, _ = image.shape
    edges = ((box.top, height), (box.right, width), (box.bottom, height), (box.left, width))
    return [min(max(round(edge), 0), most) for edge, most in edges]
