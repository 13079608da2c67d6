"""A request as API Gateway and function URLs hand it to a function, and an answer as they want it.

Payloads 1.0 and 2.0: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from photocall.errors import RequestInvalid

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: in capitals.
        path: with the name of the stage before it in payload 2.0.
        body: its bytes.
    """

    method: str
    path: str
    body: bytes


def request_of(event: Json) -> Request:
    """The request that an event is. Raises `RequestInvalid` if it is none."""
    try:
        told = event["requestContext"].get("http") or {"method": event["httpMethod"], "path": event["path"]}
        body = event.get("body") or ""
        data = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(errors="replace")
        return Request(told["method"], told["path"], data)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RequestInvalid("the event is no request of API Gateway or of a function URL") from None


def answer(status: int, content: Json, headers: Mapping[str, str]) -> Json:
    """An answer in JSON."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    headers = {"Content-Type": "application/json", **headers}
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}
