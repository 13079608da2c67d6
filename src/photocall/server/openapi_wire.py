"""How `POST /` is described: Rekognition's own protocol, and forms for the web tier, at one address."""

from photocall.server.openapi_parts import Json, text, thing
from photocall.server.openapi_v1 import KEY_OR_NONE, errors_of

_AMAZON = "application/x-amz-json-1.1"

_FORM: Json = {
    "schema": thing("inputFile", inputFile=text("A photo, with its file name", format="binary")),
    "example": {"inputFile": "the bytes of test_000.jpg"},
}

_ANSWERED: Json = {
    "description": "The operation's answer, or who is in the photo",
    "content": {
        _AMAZON: {
            "schema": {"type": "object"},
            "example": {"CollectionIds": ["students"], "FaceModelVersions": ["1.2718281828"]},
        },
        "text/plain": {"schema": text(), "example": "test_000:Paul"},
    },
}


def _refused() -> Json:
    """The errors: in Amazon's form 400 and 500, in that of /v1 others, too."""
    responses = {str(status): each for status, each in errors_of(400, 404, 409, 413, 504, 507).items()}
    for status, name, message in (
        ("400", "ResourceNotFoundException", "There is no collection 'a'"),
        ("500", "InternalServerError", "The service failed; try again"),
    ):
        responses[status]["content"][_AMAZON] = {
            "schema": thing("__type Message", __type=text("Its name"), Message=text()),
            "example": {"__type": name, "Message": message},
        }
    return responses


ROOT: Json = {
    "post": {
        "tags": ["Rekognition", "Web tier"],
        "summary": "Amazon Rekognition's own protocol; who is in a photo",
        "operationId": "rekognition",
        "description": "JSON 1.1, signed with Signature Version 4 by an access key. The header `X-Amz-Target` names "
        "the operation; request, answer and errors are those of Amazon's service model, so use an Amazon client: "
        '`boto3.client("rekognition", endpoint_url=...)`.\n\nA form with a photo in the field `inputFile` is answered '
        "with its file name and who is in it, as text, once a worker has recognised it.",
        "parameters": [
            {
                "name": "X-Amz-Target",
                "in": "header",
                "required": False,
                "description": "`RekognitionService.` and an operation; only Rekognition's protocol needs it",
                "schema": text(),
                "example": "RekognitionService.ListCollections",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                _AMAZON: {"schema": {"type": "object"}, "example": {"MaxResults": 10}},
                "multipart/form-data": _FORM,
            },
        },
        "responses": {"200": _ANSWERED, **_refused()},
        "security": KEY_OR_NONE,
    }
}
"""The path."""
