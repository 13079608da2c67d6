"""How /encode, /detect and /compare are described to machines, and to people at /docs."""

from photocall.server.openapi_parts import KEY, PIXEL, Json, answered, listing, number, refused, sent, text, thing

_VECTOR = listing(number(-10, 10), minItems=128, maxItems=128)
_LOCATION = {
    **listing({"type": "integer", "minimum": 0}, minItems=4, maxItems=4),
    "description": "Top, right, bottom, left, in pixels",
}
_IMAGE = text("A data URL, base64, or with `bucket` the key of an object; JPEG, PNG, GIF, BMP, TIFF, WebP, PPM or AVIF")
_BUCKET = text(
    "Where the object is that `image_data` names",
    pattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    minLength=3,
    maxLength=63,
    nullable=True,
)
_FLAG = {"type": "boolean"}
_PICTURE = thing("image_data", image_data=_IMAGE, bucket=_BUCKET)
_SHOWN: Json = {
    "data URL": {"image_data": f"data:image/png;base64,{PIXEL}"},
    "base64": {"image_data": PIXEL},
    "object": {"image_data": "student_photos/17.jpg", "bucket": "photocall"},
}
_ADA = [round(0.1 - (place % 7) * 0.03, 2) for place in range(128)]  # nobody's vector, but one as they look
_NO_FACE: Json = {"success": False, "message": "No faces found in the image"}

_ERROR = thing(
    "success message",
    success={"type": "boolean", "enum": [False]},
    message=text(),
    detail=text("What is wrong with the request"),
)


def _failed(message: str, detail: str = "") -> Json:
    return {"success": False, "message": message, **({"detail": detail} if detail else {})}


_ERRORS = refused(
    _ERROR,
    {
        400: _failed("Invalid request format", "image_data: Field required"),
        401: _failed("An API key is needed, in the header x-api-key; photocall keys create NAME makes one"),
        403: _failed("The key was refused: there is no such key"),
        404: _failed("There is no object 'student_photos/17.jpg'"),
        413: _failed("ImageTooLarge", "the image has more than 20 MiB; make it smaller"),
        429: _failed("The usage plan of the key allows 10 requests a second, 25 at once; try again in 1 s"),
        500: _failed("The service failed; try again"),
        501: _failed("Not available with Amazon Rekognition", "Amazon's service gives no vectors"),
        503: _failed("A store of the server cannot be reached; try again"),
    },
)


def _described(body: Json, answer: Json) -> Json:
    """Arguments of a route."""
    return {
        "openapi_extra": {"requestBody": body, "security": [{KEY: []}, {}]},
        "responses": {200: answer, **_ERRORS},
    }


ENCODE = _described(
    sent(_PICTURE, _SHOWN),
    answered(
        thing("success", success=_FLAG, encoding=_VECTOR, face_location=_LOCATION, message=text()),
        {"face": {"success": True, "encoding": _ADA, "face_location": [142, 617, 409, 349]}, "no face": _NO_FACE},
    ),
)

DETECT = _described(
    sent(_PICTURE, _SHOWN),
    answered(
        thing(
            "success face_locations encodings",
            success=_FLAG,
            face_locations=listing(_LOCATION),
            encodings=listing(_VECTOR),
            message=text(),
        ),
        {
            "faces": {"success": True, "face_locations": [[142, 617, 409, 349]], "encodings": [_ADA]},
            "no face": {**_NO_FACE, "face_locations": [], "encodings": []},
        },
    ),
)

COMPARE = _described(
    sent(
        thing(
            "known_encodings",
            known_encodings=listing(_VECTOR, maxItems=10_000),
            encoding={**_VECTOR, "nullable": True, "description": "Either this or `image_data`"},
            image_data={**_IMAGE, "nullable": True},
            bucket=_BUCKET,
            tolerance={**number(0, 100), "default": 0.6},
        ),
        {
            "vector": {"encoding": _ADA, "known_encodings": [_ADA, [0.0] * 128], "tolerance": 0.6},
            "picture": {"image_data": f"data:image/png;base64,{PIXEL}", "known_encodings": [_ADA]},
        },
    ),
    answered(
        thing(
            "success matched confidence results",
            success=_FLAG,
            matched={**_FLAG, "description": "Whether the nearest one is a match"},
            confidence=number(0, 1),
            best={"type": "integer", "minimum": 0, "nullable": True, "description": "Which one is the nearest"},
            results=listing(
                thing("match distance confidence", match=_FLAG, distance=number(0), confidence=number(0, 1))
            ),
            message=text(),
        ),
        {
            "compared": {
                "success": True,
                "matched": True,
                "confidence": 0.9984,
                "best": 0,
                "results": [
                    {"match": True, "distance": 0.327, "confidence": 0.9984},
                    {"match": False, "distance": 0.812, "confidence": 0.0004},
                ],
            },
            "no face": {**_NO_FACE, "matched": False, "confidence": 0.0, "best": None, "results": []},
        },
    ),
)
