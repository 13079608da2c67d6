"""The whole HTTP service as a function, in the real runtime: the archive (S3.1 to S3.4), Rekognition, keys."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from aws_account import opened_account
from dynamo import items, make_tables
from photocall.access import create_access_key, create_api_key
from photocall.app import open_people
from photocall.faces import ByteArray
from photocall.keys import Scope
from photocall.settings import Settings
from requested import content, function_url, http_api, rest_api, said
from runtime_api import Environment
from servers import in_base64, jpeg
from wire.answers import check_answer

Json = dict[str, Any]

WEB = "photocall.aws.web.handler"
EVENTS = [rest_api, http_api, function_url]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def web(settings: Settings) -> Iterator[Environment]:
    """The service behind keys of API Gateway, with none of its own."""
    with Environment(WEB, settings.data / "web.log", variables(settings, auth="off")) as environment:
        yield environment


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Environment]:
    """The service with keys of its own, as it is unless something else is said."""
    with Environment(WEB, settings.data / "guarded.log", variables(settings)) as environment:
        yield environment


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    return {name: jpeg(image) for name, image in portraits.items()}


def variables(settings: Settings, **more: str) -> dict[str, str]:
    told = {"data": str(settings.data), "threads": "1", **more}
    return {f"PHOTOCALL_{name.upper()}": value for name, value in told.items()}


# --- the archive


@pytest.mark.parametrize("as_event", EVENTS)
def test_an_image_is_put_found_given_back_and_erased(web: Environment, photos: dict[str, bytes], as_event: Any) -> None:
    name = "/v1/index/Barack-Obama ä.jpg"
    put = web.invoke(as_event("PUT", name, photos["obama"], x_amz_meta_class="7b"))
    assert (put["statusCode"], content(put)) == (200, b"")
    status, found = said(web.invoke(as_event("POST", "/v1/search", photos["obama2"])))
    assert status == 200 and found["matchedFaces"] == ["Barack obama ä"]
    assert content(web.invoke(as_event("GET", name))) == photos["obama"]
    (face,) = said(web.invoke(as_event("GET", f"{name}/faces")))[1]["faces"]
    assert face["metadata"] == {"class": "7b"}
    assert web.invoke(as_event("DELETE", name))["statusCode"] == 200
    assert said(web.invoke(as_event("GET", name)))[0] == 404


def test_an_image_may_come_in_base64_and_a_search_by_any_method(web: Environment, photos: dict[str, bytes]) -> None:
    text = in_base64(photos["biden"]).encode()
    assert web.invoke(rest_api("PUT", "/v1/index/Joe-Biden.jpg", text))["statusCode"] == 200
    for method in ("POST", "PUT", "DELETE"):
        found = said(web.invoke(rest_api(method, "/v1/search", text)))[1]
        assert found["matchedFaces"] == ["Joe biden"]
    assert web.invoke(rest_api("DELETE", "/v1/index/Joe-Biden.jpg"))["statusCode"] == 200


@pytest.mark.parametrize("as_event", EVENTS)
def test_settings_are_told_by_any_method(web: Environment, as_event: Any) -> None:
    for method in ("GET", "POST"):
        status, told = said(web.invoke(as_event(method, "/v1/info")))
        assert status == 200 and told["settings"]["photocall"]["threads"] == 1


def test_what_is_wrong_is_said_as_by_the_server(web: Environment) -> None:
    assert said(web.invoke(rest_api("PUT", "/v1/index/a.jpg")))[1]["error"] == "EmptyBody"
    assert said(web.invoke(rest_api("POST", "/v1/search", b"hello")))[0] == 415
    assert said(web.invoke(rest_api("GET", "/v2")))[0] == 404
    assert said(web.invoke(http_api("GET", "/encode")))[0] == 405


def test_an_answer_larger_than_a_function_may_give_is_refused_by_itself(
    web: Environment, photos: dict[str, bytes]
) -> None:
    large = photos["obama"] + bytes(5 * 2**20)
    assert web.invoke(rest_api("PUT", "/v1/index/large.jpg", large))["statusCode"] == 200
    status, told = said(web.invoke(rest_api("GET", "/v1/index/large.jpg")))
    assert (status, told["error"]) == (413, "AnswerTooLarge")
    assert web.invoke(rest_api("DELETE", "/v1/index/large.jpg"))["statusCode"] == 200


def test_on_dynamodb_and_s3_the_archive_is_the_same(photos: dict[str, bytes], tmp_path: Path) -> None:
    with opened_account(tmp_path / "tmp", database="dynamodb://faces", auth="off", face_table="faces-faces") as account:
        make_tables("faces")
        with Environment(WEB, tmp_path / "log", account.variables) as one:
            put = one.invoke(rest_api("PUT", "/v1/index/Joe-Biden.jpg", photos["biden"], x_amz_meta_class="7b"))
            assert put["statusCode"] == 200, put
            assert said(one.invoke(rest_api("POST", "/v1/search", photos["biden"])))[1]["matchedFaces"] == ["Joe biden"]
            assert content(one.invoke(rest_api("GET", "/v1/index/Joe-Biden.jpg"))) == photos["biden"]
        assert account.objects("photocall") == {"Joe-Biden.jpg": photos["biden"]}
        (face,) = items("faces-faces")
        assert (face["bucket"], face["key"]) == ({"S": "photocall"}, {"S": "Joe-Biden.jpg"})


# --- Rekognition's protocol


def client(environment: Environment, key: str = "any", secret: str = "any") -> Any:
    """An unchanged client of boto3, whose requests reach the function as a function URL hands them over."""
    made = boto3.client(
        "rekognition",
        endpoint_url="https://abcdefghij.lambda-url.us-east-1.on.aws",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = {name.lower(): text(value) for name, value in request.headers.items()}
        headers["host"] = "abcdefghij.lambda-url.us-east-1.on.aws"
        answer = environment.invoke(function_url("POST", "/", request.body, **headers))
        return AWSResponse(request.url, answer["statusCode"], answer["headers"], Streamed(content(answer)))

    def check(operation_model: Any, response_dict: Json, **_: object) -> None:
        check_answer(operation_model, response_dict["status_code"], response_dict["body"])

    made.meta.events.register("before-send.rekognition", send)
    made.meta.events.register("before-parse.rekognition", check)
    return made


def text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


class Streamed(io.BytesIO):
    """A body as botocore reads one."""

    def stream(self, *_: object) -> Iterator[bytes]:
        yield self.read()


def test_an_unchanged_client_of_rekognition_works_at_the_url_of_the_function(
    web: Environment, photos: dict[str, bytes]
) -> None:
    rekognition = client(web)
    rekognition.create_collection(CollectionId="class")
    rekognition.index_faces(CollectionId="class", Image={"Bytes": photos["obama"]}, ExternalImageId="obama")
    found = rekognition.search_faces_by_image(CollectionId="class", Image={"Bytes": photos["obama2"]})
    assert [match["Face"]["ExternalImageId"] for match in found["FaceMatches"]] == ["obama"]
    with pytest.raises(rekognition.exceptions.ResourceNotFoundException):
        rekognition.describe_collection(CollectionId="another")


def test_a_face_that_was_erased_while_the_function_slept_is_not_found_any_more(
    web: Environment, settings: Settings, photos: dict[str, bytes]
) -> None:
    rekognition = client(web)
    rekognition.create_collection(CollectionId="asleep")
    rekognition.index_faces(CollectionId="asleep", Image={"Bytes": photos["biden"]})
    asked = {"CollectionId": "asleep", "Image": {"Bytes": photos["biden"]}}
    assert len(rekognition.search_faces_by_image(**asked)["FaceMatches"]) == 1
    with open_people(settings) as store:
        store.delete_faces("asleep", [face.face_id for face in store.faces("asleep")])
    assert rekognition.search_faces_by_image(**asked)["FaceMatches"] == []


# --- keys


def test_without_a_key_nobody_gets_anything_unless_keys_are_switched_off(guarded: Environment) -> None:
    for as_event in EVENTS:
        assert said(guarded.invoke(as_event("GET", "/v1/info")))[0] == 401
        assert said(guarded.invoke(as_event("POST", "/encode", b"{}")))[0] == 401
    rekognition = client(guarded)
    with pytest.raises(rekognition.exceptions.ClientError, match="UnrecognizedClientException"):
        rekognition.list_collections()


def test_an_api_key_and_a_signature_open_it(guarded: Environment, settings: Settings) -> None:
    with open_people(settings) as store:
        _, api_key = create_api_key(store, "Ada", frozenset(Scope), None, datetime.now(UTC))
        access, secret = create_access_key(store, "Ada", frozenset(Scope), None, datetime.now(UTC))
    assert said(guarded.invoke(rest_api("GET", "/v1/info", X_Api_Key=api_key)))[0] == 200
    assert said(guarded.invoke(http_api("GET", "/v1/info", x_api_key=api_key)))[0] == 200
    assert isinstance(client(guarded, access.key_id, secret).list_collections()["CollectionIds"], list)


# --- around the answers


def test_a_request_has_lambdas_own_id_or_the_callers_and_is_counted(web: Environment) -> None:
    told = web.invoke(rest_api("GET", "/v1/info"))
    (*_, request, counted) = [json.loads(line) for line in web.log.read_text().splitlines()]
    assert request["request_id"] == told["headers"]["x-request-id"] and request["route"] == "/v1/info"
    assert counted["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "photocall" and counted["Faces"] == [0]
    for named in (rest_api("GET", "/v1/info", X_Request_Id="mine"), http_api("GET", "/v1/info", x_request_id="mine")):
        assert web.invoke(named)["headers"]["x-request-id"] == "mine"


def test_the_application_goes_on_from_one_event_to_the_next(web: Environment) -> None:
    for _ in range(3):
        assert said(web.invoke(rest_api("GET", "/readyz")))[0] == 200
