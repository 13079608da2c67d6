"""Requests to functions: recorded events of API Gateway and of function URLs, with another method, path and body."""

import base64
import json
from typing import Any

from recorded import recorded

Json = dict[str, Any]


def rest_api(method: str, path: str, body: bytes = b"", **headers: str) -> Json:
    """Of a REST API with the stage `prod` (payload 1.0); headers by name with underscores for hyphens."""
    event = recorded("rest-api")
    named = _named(headers)
    event["headers"] |= named
    event["multiValueHeaders"] |= {name: [value] for name, value in named.items()}
    event["requestContext"] |= {"path": f"/prod{path}", "httpMethod": method}
    return {**event, "path": path, "httpMethod": method, **_body(body)}


def http_api(method: str, path: str, body: bytes = b"", **headers: str) -> Json:
    """Of an HTTP API with the stage `prod` (payload 2.0), whose name stands before the path."""
    return _second("http-api", method, f"/prod{path}", body, headers)


def function_url(method: str, path: str, body: bytes = b"", **headers: str) -> Json:
    """Of a function URL (payload 2.0)."""
    return _second("function-url", method, path, body, headers)


def said(answer: Json) -> tuple[int, Any]:
    """Status of an answer, and what its body says as JSON."""
    return answer["statusCode"], json.loads(content(answer))


def content(answer: Json) -> bytes:
    """The bytes of an answer's body."""
    body: str = answer["body"]
    return base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()


def _second(event_name: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> Json:
    event = recorded(event_name)
    event["headers"] |= _named(headers)
    event["requestContext"]["http"] |= {"method": method, "path": path}
    return {**event, "rawPath": path, **_body(body)}


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _body(body: bytes) -> Json:
    """As gateways send it: text as it is, everything else in base64."""
    try:
        return {"body": body.decode() or None, "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
