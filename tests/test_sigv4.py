"""Signatures: botocore's own signer signs, and only what it signed, here and now, is taken."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from photocall.keys import Key, KeyKind, Scope
from photocall.server.sigv4 import SKEW, Signed, verify
from photocall.server.wire_errors import WireError

NOW = datetime(2026, 3, 31, 12, 0, 0, tzinfo=UTC)
KEY = Key("AKIAEXAMPLE", "Ada", KeyKind.ACCESS, "a secret", frozenset(Scope), None, NOW)
KEYS = {KEY.key_id: KEY, "pc1": replace(KEY, key_id="pc1", kind=KeyKind.API)}
Sign = Callable[..., Signed]


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch) -> Sign:
    """Gives requests as botocore signs them."""

    def signed(
        *, at: datetime = NOW, key: Key = KEY, region: str = "us-east-1", service: str = "rekognition", path: str = "/"
    ) -> Signed:
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: at.replace(tzinfo=None))
        body = b'{"CollectionId": "class"}'
        headers = {"X-Amz-Target": "RekognitionService.ListFaces", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", f"http://localhost:8000{path}", headers, body)
        SigV4Auth(Credentials(key.key_id, key.secret), service, region).add_auth(request)
        sent = {name.lower(): value for name, value in request.headers.items()}
        return Signed("POST", path, {"host": "localhost:8000", **sent}, body)

    return signed


def verified(request: Signed) -> Key:
    return verify(request, KEYS.get, "us-east-1", NOW)


def refusal(request: Signed) -> str:
    with pytest.raises(WireError) as refused:
        verified(request)
    assert refused.value.status == 400
    assert KEY.secret not in refused.value.message
    return refused.value.code


def without(request: Signed, header: str) -> Signed:
    return replace(request, headers={name: value for name, value in request.headers.items() if name != header})


def having(request: Signed, **headers: str) -> Signed:
    return replace(
        request, headers=dict(request.headers) | {name.replace("_", "-"): text for name, text in headers.items()}
    )


def test_whoever_signed_is_known(sign: Sign) -> None:
    assert verified(sign()) is KEY


def test_headers_that_a_proxy_adds_do_not_count(sign: Sign) -> None:
    assert verified(having(sign(), x_forwarded_for="10.0.0.1", x_amzn_trace_id="Root=1-2")) is KEY


def test_spaces_in_a_header_and_a_path_are_signed_as_the_format_says(sign: Sign) -> None:
    request = sign(path="/a%20b/?z=1&a=%2F")
    assert verified(request) is KEY
    assert verified(having(request, content_type=" application/x-amz-json-1.1  ")) is KEY


@pytest.mark.parametrize("off", [SKEW, -SKEW, timedelta(0)])
def test_a_clock_may_be_off_by_some_minutes(sign: Sign, off: timedelta) -> None:
    assert verified(sign(at=NOW + off)) is KEY


@pytest.mark.parametrize("off", [SKEW + timedelta(seconds=1), -SKEW - timedelta(seconds=1), timedelta(days=365)])
def test_a_signature_is_good_for_some_minutes_only(sign: Sign, off: timedelta) -> None:
    assert refusal(sign(at=NOW + off)) == "InvalidSignatureException"


def test_what_was_changed_on_the_way_is_refused(sign: Sign) -> None:
    request = sign()
    for changed in (
        replace(request, body=request.body.replace(b"class", b"other")),
        replace(request, body=b""),
        replace(request, method="PUT"),
        replace(request, path="/other"),
        replace(request, path="/?more=1"),
        having(request, host="elsewhere:8000"),
        having(request, x_amz_target="RekognitionService.DeleteFaces"),
        having(request, content_type="text/plain"),
        having(request, x_amz_date=(NOW + timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")),
        having(request, x_amz_more="not signed"),
        having(request, x_amz_content_sha256="UNSIGNED-PAYLOAD"),
        without(request, "content-type"),
        without(request, "host"),
    ):
        assert refusal(changed) == "InvalidSignatureException"


def test_a_signature_is_for_one_region_and_one_service(sign: Sign) -> None:
    assert refusal(sign(region="eu-west-1")) == "InvalidSignatureException"
    assert refusal(sign(service="s3")) == "InvalidSignatureException"


def test_a_wrong_secret_is_refused(sign: Sign) -> None:
    assert refusal(sign(key=replace(KEY, secret="another"))) == "InvalidSignatureException"


def test_only_a_good_access_key_counts(sign: Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(sign(key=replace(KEY, key_id="AKIANOBODY"))) == "UnrecognizedClientException"
    assert refusal(sign(key=KEYS["pc1"])) == "UnrecognizedClientException"
    monkeypatch.setitem(KEYS, KEY.key_id, replace(KEY, revoked=NOW))
    assert refusal(sign()) == "UnrecognizedClientException"


def test_a_request_must_be_signed(sign: Sign) -> None:
    assert refusal(without(sign(), "authorization")) == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260331/us-east-1/rekognition/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 " + "a" * 10_000,
        "\0",
    ],
)
def test_half_a_signature_is_refused_with_the_whole_form(sign: Sign, authorization: str) -> None:
    assert refusal(having(sign(), authorization=authorization)) == "IncompleteSignatureException"


@pytest.mark.parametrize("date", ["", "yesterday", "2026-03-31T12:00:00Z", "20261399T000000Z"])
def test_a_request_says_when_it_was_signed(sign: Sign, date: str) -> None:
    assert refusal(having(sign(), x_amz_date=date)) == "IncompleteSignatureException"


def test_the_day_of_the_key_is_the_day_of_the_signature(sign: Sign) -> None:
    request = sign()
    other = request.headers["authorization"].replace("/20260331/", "/20260330/")
    assert refusal(having(request, authorization=other)) == "InvalidSignatureException"
