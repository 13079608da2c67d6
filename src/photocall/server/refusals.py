"""Refusals that come from no route: in the protocol of whoever asked."""

from dataclasses import dataclass

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from photocall.server.rekognition import error_json, wire_response
from photocall.server.wire_errors import WireError

FACE_ROUTES = ("/encode", "/detect", "/compare")
"""They say `{"success": false, "message": ...}`; all others but the wire say `{"error": ..., "description": ...}`."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered.

    Attributes:
        status: of HTTP.
        error: its name.
        description: what would be right.
        wire: its name in Rekognition's protocol.
        wire_status: its status there.
        retry_after: seconds until it may be tried again.
    """

    status: int
    error: str
    description: str
    wire: str
    wire_status: int
    retry_after: int | None = None

    def answer(self, scope: Scope) -> Response:
        """The answer to the request of `scope`, in its protocol."""
        response = self._answer(scope)
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response

    def _answer(self, scope: Scope) -> Response:
        if is_wire(scope):
            request_id = scope["state"]["request_id"]
            return wire_response(
                self.wire_status, error_json(WireError(self.wire, self.description), request_id), request_id
            )
        if scope["path"] in FACE_ROUTES:
            return JSONResponse({"success": False, "message": self.description}, self.status)
        return JSONResponse({"error": self.error, "description": self.description}, self.status)


UNEXPECTED = Refusal(
    500, "InternalServerError", "The service failed; its log has the reason", "InternalServerError", 500
)


def is_wire(scope: Scope) -> bool:
    """Whether a request is in Rekognition's protocol."""
    return bool(scope["method"] == "POST" and scope["path"] == "/") and not is_form(scope)


def is_form(scope: Scope) -> bool:
    """Whether a request carries files, as multipart/form-data, and is none of Rekognition's."""
    headers = Headers(scope=scope)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "multipart/form-data" and "x-amz-target" not in headers
