"""The description of the routes: whole, true, and shown on a page that needs nothing from elsewhere."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from crew import at_work
from photocall.server import jobs, openapi, rest, v1
from photocall.server.school import routes as school
from servers import Asked, asked

Json = dict[str, Any]
EXAMPLES = 15
"""Requests to a route of each kind; a run of ten thousand is for releases."""

IN_DATA = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("data")) as server, at_work(server.service.settings):
        assert server.service.engine  # so that /readyz is ready
        yield server


@pytest.fixture(scope="module")
def document(server: Asked) -> Json:
    found: Json = server.client.get("/openapi.json").json()
    return found


def operations(document: Json) -> dict[tuple[str, str], Json]:
    return {(path, method): each for path, item in document["paths"].items() for method, each in item.items()}


def contents(document: Json) -> Iterator[tuple[str, Json]]:
    """Every body that is described, with where it stands."""
    for (path, method), operation in operations(document).items():
        bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for status, body in bodies.items():
            for content in body.get("content", {}).values():
                yield f"{method} {path} {status}", content


def test_the_description_is_openapi_as_the_page_understands_it(server: Asked, document: Json) -> None:
    assert document["openapi"].startswith("3.0.")
    schemathesis.openapi.from_dict(document).validate()


def test_every_route_is_described(document: Json) -> None:
    ours = [
        route
        for router in (rest.router, v1.router, jobs.router, *school.ROUTERS)
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    ]
    routes = {(route.path_format, method.lower()) for route in ours for method in route.methods or ()}
    assert routes | {("/v1/search", "post"), ("/v1/info", "get"), ("/", "post")} <= set(operations(document))
    assert {("/healthz", "get"), ("/readyz", "get"), ("/metrics", "get")} <= set(operations(document))


def test_every_route_has_a_summary_and_its_errors(document: Json) -> None:
    for (path, method), operation in operations(document).items():
        assert operation["summary"], path
        if path.startswith("/v1") or path in ("/encode", "/detect", "/compare"):
            assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys(), (path, method)
            key = "signIn" if path.startswith("/v1/school") else "apiKey"
            assert {key: []} in operation["security"], (path, method)


def test_every_answer_and_body_of_ours_has_an_example_that_keeps_to_its_schema(document: Json) -> None:
    seen = 0
    for where, content in contents(document):
        if content["schema"].get("format") in ("binary", "byte") or "$ref" in content["schema"] or "/metrics" in where:
            continue
        examples = [each["value"] for each in content.get("examples", {}).values()] or [content.get("example")]
        for example in examples:
            assert example is not None, where
            jsonschema_rs.validate(nullable(content["schema"]), example)
            seen += 1
    assert seen > 50


def nullable(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema, which says in another way that there may be nothing."""
    if isinstance(schema, list):
        return [nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: nullable(each) for name, each in schema.items() if name != "nullable"}
    return {"anyOf": [told, {"type": "null"}]} if schema.get("nullable") is True else told


def test_the_examples_of_face_routes_can_be_sent_as_they_stand(server: Asked, document: Json) -> None:
    for path in ("/encode", "/detect", "/compare"):
        examples = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        for name, example in examples.items():
            answer = server.client.post(path, json=example["value"])
            assert answer.status_code == (404 if name == "object" else 200), (path, name, answer.text)


@schemathesis.serializer("application/x-amz-json-1.1")  # type: ignore[untyped-decorator, unused-ignore]
def amazons_json(_: object, value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("mode", IN_DATA, ids=lambda mode: mode.name.lower())
def test_whatever_is_sent_the_answer_is_as_described_and_never_500(
    server: Asked, mode: schemathesis.GenerationMode
) -> None:
    """Wrong requests are refused; of right ones some are, since most texts and bytes are no image."""
    seen: Counter[str] = Counter()
    for found in schemathesis.openapi.from_url(f"{server.url}/openapi.json").get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # the description is right, as was tested
        if mode is schemathesis.GenerationMode.NEGATIVE and not can_be_wrong(operation):
            continue
        if operation.path.startswith("/v1/school"):  # those are for somebody who has signed in: test_school_openapi.py
            continue

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            answer = case.call(timeout=60)
            seen[case.operation.label] += 1
            assert answer.status_code < 500
            case.validate_response(answer, excluded_checks=[positive_data_acceptance])

        send()
    assert len(seen) >= (4 if mode is schemathesis.GenerationMode.NEGATIVE else 12)


def can_be_wrong(operation: Any) -> bool:
    """Whether a wrong request is quickly made: bytes keep to every schema, and long names and vectors take minutes."""
    described = operation.definition.raw
    body = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    return (
        bool(described.get("parameters") or body)
        and "{" not in operation.path
        and "encoding" not in body.get("schema", {}).get("properties", {})
    )


# --- the page


def test_the_page_and_all_it_loads_come_from_this_server(server: Asked) -> None:
    page = server.client.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "//" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert set(loaded) == {f"docs/{name}" for name in (*openapi.FILES, "start.js")}
    for name in loaded:
        part = server.client.get(f"/{name}")
        assert part.status_code == 200 and part.content
    assert "swagger" in server.client.get("/docs/swagger-ui-bundle.js").text.lower()


def test_the_page_runs_no_script_of_its_own_text(server: Asked) -> None:
    page = server.client.get("/docs")
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page.text) == ["", ""]
    assert not re.search(r"\son\w+=|javascript:", page.text)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    start = server.client.get("/docs/start.js")
    assert "javascript" in start.headers["Content-Type"] and "openapi.json" in start.text


@pytest.mark.parametrize(
    "file", ["index.html", "oauth2-redirect.html", "..%2F..%2F__init__.py", "swagger-ui.js.map", ""]
)
def test_nothing_else_of_its_folder_is_served(server: Asked, file: str) -> None:
    assert server.client.get(f"/docs/{file}").status_code in (404, 307)


def test_whoever_opens_the_address_is_shown_the_attendance_application(server: Asked) -> None:
    answer = server.client.get("/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/school/start")
