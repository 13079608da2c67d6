"""How the routes of /v1 are described to machines, and to people at /docs."""

from fastapi import Response

from photocall.server.openapi_parts import KEY, PIXEL, Json, answered, listing, number, refused, text, thing

ERROR = thing("error description", error=text("Its name"), description=text("What is wrong, and what would be right"))
"""Every error of /v1."""

KEY_OR_NONE: list[Json] = [{KEY: []}, {}]
"""Whether a key is needed is for the server's settings to say."""

_FACE_ID = text(format="uuid")
_SHOWN_ID = "11cd1b8a-3f2d-5f0e-9b1c-7f6c3a2e8d10"

_EXAMPLES: dict[int, Json] = {
    400: {"error": "InvalidFilename", "description": "a file name is one printable part of a path"},
    401: {"error": "KeyMissing", "description": "An API key is needed, in the header x-api-key"},
    403: {"error": "KeyRefused", "description": "The key was refused: it was revoked"},
    404: {"error": "ObjectNotFound", "description": "There is no object 'Keanu-Reeves.jpg'"},
    406: {"error": "NoFace", "description": "There is no face in the image; it was not kept"},
    409: {"error": "ObjectReplaced", "description": "'test_000.jpg' was replaced by other content before it was read"},
    413: {"error": "ImageTooLarge", "description": "the image has more than 15 MiB; make it smaller"},
    415: {"error": "UnsupportedMediaType", "description": "the body must be an image, raw or in base64; it is text"},
    429: {
        "error": "TooManyRequests",
        "description": "The usage plan of the key allows 500 requests a day; try again in 60 s",
    },
    500: {"error": "InternalServerError", "description": "The service failed; try again"},
    503: {"error": "StoreUnavailable", "description": "A store of the server cannot be reached; try again"},
    504: {"error": "AnswerLate", "description": "there is no answer after 300 s; GET /v1/jobs/... has it later"},
    507: {"error": "InsufficientStorage", "description": "there is no room for the files; try again later"},
}
_ALWAYS = (401, 403, 429, 500, 503)


def errors_of(*statuses: int) -> dict[int | str, Json]:
    """The responses of these errors, and of those that every route has."""
    return refused(ERROR, {status: _EXAMPLES[status] for status in sorted({*statuses, *_ALWAYS})})


_FILENAME: Json = {
    "name": "filename",
    "in": "path",
    "required": True,
    "description": "One part of a path, percent-encoded; of `Keanu-Reeves.jpg` the name is `Keanu reeves`",
    "schema": text(minLength=1, maxLength=250),
    "example": "Keanu-Reeves.jpg",
}
_METADATA: Json = {
    "name": "x-amz-meta-source",
    "in": "header",
    "required": False,
    "description": "Metadata of the image: any header that begins with `x-amz-meta-`",
    "schema": text(maxLength=200, pattern="^[A-Za-z0-9 ._-]*$"),
    "example": "passport",
}
_IMAGE: Json = {
    "required": True,
    "description": "The image, raw or in base64",
    "content": {
        "image/jpeg": {"schema": text(format="binary")},
        "image/png": {"schema": text(format="binary")},
        "text/plain": {"schema": text(format="byte"), "example": PIXEL},
    },
}
_BOX = thing("Width Height Left Top", Width=number(), Height=number(), Left=number(), Top=number())
_SHOWN_BOX: Json = {"Width": 0.28, "Height": 0.37, "Left": 0.36, "Top": 0.2}
_FACE = {
    "FaceId": _FACE_ID,
    "ImageId": _FACE_ID,
    "ExternalImageId": text("The file name"),
    "BoundingBox": _BOX,
    "Confidence": number(0, 100),
}
_SHOWN_FACE: Json = {
    "FaceId": _SHOWN_ID,
    "ImageId": _SHOWN_ID,
    "ExternalImageId": "Keanu-Reeves.jpg",
    "BoundingBox": _SHOWN_BOX,
    "Confidence": 99.98,
}
_CALL = thing(
    "RequestId HTTPStatusCode",
    RequestId=text(),
    HTTPStatusCode={"type": "integer"},
    HTTPHeaders={"type": "object"},
    RetryAttempts={"type": "integer"},
)
_SHOWN_CALL: Json = {"RequestId": _SHOWN_ID, "HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}

PUT: Json = {
    "response_class": Response,
    "openapi_extra": {"parameters": [_FILENAME, _METADATA], "requestBody": _IMAGE, "security": KEY_OR_NONE},
    "responses": {200: {"description": "It is kept and its faces are indexed; the body is empty"}}
    | errors_of(400, 404, 406, 413, 415),
}

LIST: Json = {
    "openapi_extra": {
        "parameters": [
            {
                "name": "NextToken",
                "in": "query",
                "required": False,
                "description": "What the page before gave",
                "schema": text(maxLength=255),
            }
        ],
        "security": KEY_OR_NONE,
    },
    "responses": {
        200: answered(
            thing(
                "images",
                images=listing(
                    thing("filename name FaceIds", filename=text(), name=text(), FaceIds=listing(_FACE_ID, minItems=1))
                ),
                NextToken=text("Where the next page begins; none on the last one"),
            ),
            {"one": {"images": [{"filename": "Keanu-Reeves.jpg", "name": "Keanu reeves", "FaceIds": [_SHOWN_ID]}]}},
        )
    }
    | errors_of(400),
}

FACES: Json = {
    "openapi_extra": {"parameters": [_FILENAME], "security": KEY_OR_NONE},
    "responses": {
        200: answered(
            thing(
                "filename faces",
                filename=text(),
                faces=listing(
                    thing(
                        "FaceId ImageId ExternalImageId BoundingBox Confidence",
                        **_FACE,
                        bucket=text(),
                        key=text(),
                        metadata={"type": "object", "additionalProperties": text()},
                        model=text("Name of the space that the vector lies in"),
                        vector=listing(number()),
                    )
                ),
            ),
            {
                "one": {
                    "filename": "Keanu-Reeves.jpg",
                    "faces": [
                        {
                            **_SHOWN_FACE,
                            "bucket": "photocall",
                            "key": "Keanu-Reeves.jpg",
                            "metadata": {"source": "passport"},
                            "model": "dlib-face-recognition-resnet-v1",
                            "vector": [-0.09, 0.11, 0.03],
                        }
                    ],
                }
            },
        )
    }
    | errors_of(400, 404),
}

GET: Json = {
    "response_class": Response,
    "openapi_extra": {"parameters": [_FILENAME], "security": KEY_OR_NONE},
    "responses": {
        200: {
            "description": "The image, byte for byte as it was put",
            "content": {kind: {"schema": text(format="binary")} for kind in ("image/jpeg", "image/png")},
        }
    }
    | errors_of(400, 404),
}

DELETE: Json = {
    "response_class": Response,
    "openapi_extra": {"parameters": [_FILENAME], "security": KEY_OR_NONE},
    "responses": {200: {"description": "It is erased, with its faces; the body is empty"}} | errors_of(400, 404),
}

SEARCH: Json = {
    "openapi_extra": {"requestBody": _IMAGE, "security": KEY_OR_NONE},
    "description": "Who the largest face of an image may be. Any method will do, as in the original.",
    "responses": {
        200: answered(
            thing(
                "faces matchedFaces",
                faces=thing(
                    "FaceMatches ResponseMetadata",
                    SearchedFaceBoundingBox=_BOX,
                    SearchedFaceConfidence=number(0, 100),
                    FaceMatches=listing(
                        thing("Similarity Face", Similarity=number(0, 100), Face=thing("FaceId", **_FACE))
                    ),
                    FaceModelVersion=text(),
                    ResponseMetadata=_CALL,
                ),
                matchedFaces=listing(text()),
                message=text("That there is no face, where there is none"),
            ),
            {
                "found": {
                    "faces": {
                        "SearchedFaceBoundingBox": _SHOWN_BOX,
                        "SearchedFaceConfidence": 99.98,
                        "FaceMatches": [{"Similarity": 99.91, "Face": _SHOWN_FACE}],
                        "FaceModelVersion": "1.2718281828",
                        "ResponseMetadata": _SHOWN_CALL,
                    },
                    "matchedFaces": ["Keanu reeves"],
                },
                "no face": {
                    "faces": {"FaceMatches": [], "ResponseMetadata": _SHOWN_CALL},
                    "matchedFaces": [],
                    "message": "No faces found in the image",
                },
            },
        )
    }
    | errors_of(400, 406, 413, 415),
}

INFO: Json = {
    "openapi_extra": {"security": KEY_OR_NONE},
    "description": "The settings of the server, without its secrets. Any method will do, as in the original.",
    "responses": {
        200: answered(
            thing(
                "settings",
                settings=thing(
                    "environment aws_rekognition photocall",
                    environment={"type": "object"},
                    aws_rekognition={"type": "object"},
                    photocall={"type": "object"},
                ),
            ),
            {
                "some": {
                    "settings": {
                        "environment": {"version": "0.1.0", "debug_mode": False},
                        "aws_rekognition": {"aws_rekognition_collection_id": "photocall"},
                        "photocall": {"bucket": "photocall"},
                    }
                }
            },
        )
    }
    | errors_of(),
}
