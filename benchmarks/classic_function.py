"""The function that people write today: encode-face with face_recognition. The baseline of `benchmarks.cold_lambda`."""

import base64
import io
import json
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its models package imports pkg_resources
    import face_recognition


def encode_face(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Vector and place of the largest face of a picture in a data URL."""
    try:
        data = base64.b64decode(json.loads(event["body"])["image_data"].partition(",")[2])
    except (KeyError, TypeError, ValueError):
        return answer(400, {"success": False, "message": "Invalid request format"})
    image = face_recognition.load_image_file(io.BytesIO(data))
    places = face_recognition.face_locations(image)
    if not places:
        return answer(200, {"success": False, "message": "No faces found in the image"})
    largest = max(places, key=lambda place: (place[2] - place[0]) * (place[1] - place[3]))
    (encoding,) = face_recognition.face_encodings(image, [largest])
    return answer(200, {"success": True, "encoding": encoding.tolist(), "face_location": list(largest)})


def answer(status: int, content: dict[str, Any]) -> dict[str, Any]:
    """As API Gateway wants it, for pages of any origin."""
    headers = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(content)}
