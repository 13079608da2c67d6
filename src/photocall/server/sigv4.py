"""AWS Signature Version 4, from the server's side: who signed a request, and is it the one that arrived?

The signature is computed anew with botocore's own signer from what arrived. Format and rules:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from photocall.keys import Key, KeyKind
from photocall.server.wire_errors import WireError

SERVICE = "rekognition"
"""The signing name of the service."""

SKEW = timedelta(minutes=5)
"""How far a client's clock may be off, and how long a signature can be replayed; Amazon's own limit."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/, ]+)/(\d{8})/([^/, ]+)/([^/, ]+)/aws4_request, *"
    r"SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it arrived.

    Attributes:
        method: of HTTP.
        path: as sent, with its query.
        headers: by name in small letters.
        body: all of it.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def verify(request: Signed, find_key: Callable[[str], Key | None], region: str, now: datetime) -> Key:
    """The access key that signed a request.

    Args:
        request: as it arrived.
        find_key: gives the key of an id.
        region: that the signature must be for.
        now: with a time zone.

    Raises:
        WireError: it was signed by nobody known, for another service or region, too long ago, or not as it arrived.
    """
    authorization = request.headers.get("authorization")
    if not authorization:
        raise WireError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    if match is None:
        expected = (
            "AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/rekognition/aws4_request, SignedHeaders=..., Signature=..."
        )
        raise WireError("IncompleteSignatureException", f"Authorization header must be: {expected}")
    key_id, day, scoped_region, scoped_service, signed_headers, signature = match.groups()
    key = find_key(key_id)
    if key is None or key.kind is not KeyKind.ACCESS or key.revoked:
        raise WireError("UnrecognizedClientException", "The security token included in the request is invalid.")
    _check_scope(scoped_region, scoped_service, region)
    timestamp = _timestamp(request.headers, day, now)
    expected = _signature(request, signed_headers.split(";"), key, region, timestamp)
    if not hmac.compare_digest(expected, signature):
        raise WireError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your secret access "
            "key and signing method.",
        )
    return key


def _check_scope(region: str, service: str, expected: str) -> None:
    if region != expected:
        raise WireError("InvalidSignatureException", f"Credential should be scoped to a valid region: {expected}")
    if service != SERVICE:
        raise WireError("InvalidSignatureException", f"Credential should be scoped to correct service: '{SERVICE}'")


def _timestamp(headers: Mapping[str, str], day: str, now: datetime) -> str:
    """When it was signed, if that is now."""
    text = headers.get("x-amz-date", "")
    try:
        signed = datetime.strptime(text, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise WireError("IncompleteSignatureException", "x-amz-date must be a time such as 20300131T235959Z") from None
    if text[:8] != day:
        raise WireError("InvalidSignatureException", "Date in Credential scope does not match the date of x-amz-date")
    if abs(now - signed) > SKEW:
        when = "expired" if signed < now else "not yet current"
        raise WireError(
            "InvalidSignatureException", f"Signature {when}: {text}, while the time is {now.strftime(SIGV4_TIMESTAMP)}"
        )
    return text


def _signature(request: Signed, names: list[str], key: Key, region: str, timestamp: str) -> str:
    """What the signature must be."""
    digest = hashlib.sha256(request.body).hexdigest()
    claimed = request.headers.get("x-amz-content-sha256", digest)
    needed = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
    if claimed != digest or not needed <= set(names) <= set(request.headers):
        raise WireError(
            "InvalidSignatureException",
            "The signature must cover host, every x-amz- header and the body, as they were sent.",
        )
    again = AWSRequest(request.method, f"http://localhost{request.path}", data=request.body)
    for name in names:
        again.headers[name] = request.headers[name]
    again.context["timestamp"] = timestamp
    signer = _Signer(Credentials(key.key_id, key.secret), SERVICE, region)
    canonical = signer.canonical_request(again)
    signature: str = signer.signature(signer.string_to_sign(again, canonical), again)
    return signature


class _Signer(SigV4Auth):  # type: ignore[misc]
    """Signs exactly the headers that it is given: which those are, the client has said."""

    def headers_to_sign(self, request: AWSRequest) -> Mapping[str, str]:
        """All of them, by name in small letters."""
        headers: Mapping[str, str] = request.headers
        return headers
