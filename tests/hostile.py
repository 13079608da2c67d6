"""A school whose every route can be asked by anybody, as its description says: new routes come by themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np

from photocall.media.images import encode_jpeg
from photocall.roster import Status, Student
from photocall.school import audit, sign_ins
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Mark, RegisterLine, Seen
from photocall.school.records import (
    KEYS,
    Account,
    AuditEntry,
    Consent,
    Course,
    Member,
    Portrait,
    Role,
    SignIn,
    Staff,
)
from servers import Asked, asked

Json = dict[str, Any]

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
NAME = "Ada Secret Lovelace"
"""Of a student whom a stranger must not learn of."""

ACCOUNTS = {
    who: Account(f"{who}-id", who, f"A {who}", role, "no hash", NOW)
    for who, role in {
        "administrator": Role.ADMINISTRATOR,
        "teacher": Role.TEACHER,
        "viewer": Role.VIEWER,
        "stranger": Role.TEACHER,
    }.items()
}
"""The first may everything; teacher and viewer are given the class; the stranger is given another one."""

IDS = {
    "course_id": "7b",
    "student_id": "s-1",
    "lesson_id": "l-1",
    "evidence_id": "e-1",
    "seen_id": "f-1",
    "portrait_id": "p-1",
    "account_id": "viewer-id",
}
"""What there is, by the name of the part of a path; anything else is not there."""

QUERY = {"course": "7b", "student": "s-1", "subject": "s-1"}

PHOTO = encode_jpeg(np.zeros((64, 64, 3), np.uint8))

OPEN = {"GET /v1/school", "POST /v1/school/administrator", "POST /v1/school/sign-in", "DELETE /v1/school/sign-in"}
"""What whoever is not signed in may ask."""

OWN = {"DELETE /v1/school/sign-in", "DELETE /v1/school/sign-ins", "PUT /v1/school/password"}
"""What everybody may change: it is about nobody else."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A route and a method, as OpenAPI describes them."""

    method: str
    path: str
    described: Json
    schemas: Json

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def concerns(self) -> bool:
        """Whether it is about something of a class, so that who has not that class may not do it."""
        parts = {name for name in IDS if f"{{{name}}}" in self.path}
        return bool(parts) or bool({"course", "student"} & self.query.keys())

    @property
    def query(self) -> dict[str, str]:
        """What its query may name."""
        names = [each["name"] for each in self.described.get("parameters", []) if each["in"] == "query"]
        return {name: QUERY[name] for name in names if name in QUERY}

    @property
    def body(self) -> Json | None:
        """The schema of its JSON; None if it takes none."""
        content = self.described.get("requestBody", {}).get("content", {})
        return self.resolved(content["application/json"]["schema"]) if "application/json" in content else None

    @property
    def takes_files(self) -> bool:
        """Whether files are sent to it."""
        return "multipart/form-data" in self.described.get("requestBody", {}).get("content", {})

    def resolved(self, schema: Json) -> Json:
        """A schema that may be a reference to another."""
        found: Json = self.schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        return found

    def address(self, ids: dict[str, str] | None = None) -> str:
        """Its path with ids in it."""
        path = self.path
        for part in [part.partition("}")[0] for part in path.split("{")[1:]]:
            path = path.replace(f"{{{part}}}", quote((IDS | (ids or {})).get(part, "nothing"), safe="%"))
        return path

    def valid(self) -> Json | None:
        """A body that it takes."""
        return None if self.body is None else self._value(self.body)

    def _value(self, schema: Json) -> Any:
        schema = self.resolved(schema)
        for key in ("const", "default", "example"):
            if schema.get(key) is not None:
                return schema[key]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self._value(schema["anyOf"][0])
        if schema.get("type") == "object":
            return {name: self._value(of) for name, of in schema.get("properties", {}).items()}
        if schema.get("type") == "string":
            return {"date-time": "2026-09-01T08:00:00+00:00"}.get(schema.get("format", ""), "s-1")
        if schema.get("type") == "array":
            return [self._value(schema["items"])] * schema.get("minItems", 0)
        return {"boolean": True}.get(schema.get("type", ""), schema.get("minimum", 1))


@dataclass(frozen=True, slots=True)
class Besieged:
    """The school's server and its routes."""

    server: Asked
    data: Path
    operations: tuple[Operation, ...]
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        who: str | None,
        operation: Operation,
        *,
        ids: dict[str, str] | None = None,
        body: Any = None,
        file: tuple[str, bytes, str] | None = None,
    ) -> httpx.Response:
        """Ask a route as somebody; with a body that it takes unless another one is given."""
        sent: Json = {"params": operation.query}
        if operation.takes_files:
            sent["files"] = {"file": file or ("ada.jpg", PHOTO, "image/jpeg")}
        elif operation.body is not None:
            sent["json"] = operation.valid() if body is None else body
        headers = {} if who is None else {"Authorization": f"Bearer {self.token(who)}"}
        answer = self.server.client.request(operation.method, operation.address(ids), headers=headers, **sent)
        if str(operation) in OWN:
            self.tokens.clear()  # it may have ended them
        return answer

    def token(self, who: str) -> str:
        """What somebody is signed in with."""
        store, account = self.server.service.school, ACCOUNTS[who]
        if who not in self.tokens:
            self.tokens[who] = sign_ins.open_sign_in(store, account, account.password, datetime.now(UTC))[1]
        return self.tokens[who]

    def content(self) -> list[object]:
        """Everything that the register keeps, but who is signed in and who looked at what."""
        store = self.server.service.school
        return [store.find(kind) for kind in KEYS if kind not in (SignIn, AuditEntry)]

    def files(self) -> dict[str, bytes]:
        """Every object."""
        return {str(path): path.read_bytes() for path in self.data.rglob("objects/**/*") if path.is_file()}

    def restore(self) -> None:
        """Have everything again that there was, and nothing else."""
        for kind in set(KEYS) - {SignIn, AuditEntry}:
            self.server.service.school.remove(kind)
        fill(self.server)


def fill(server: Asked) -> None:
    """A class with a student, a lesson, and everything that can be about them."""
    seen = Seen("f-1", "l-1", "e-1", "1,2,9,9", 0, "s-1", 99, True, "", "crops/l-1/f-1.jpg", "m", b"\0" * 512, NOW)
    evidence = Evidence("e-1", "l-1", "photo", "a.jpg", "classroom_photos/a.jpg", "j", NOW, "teacher-id", NOW)
    server.service.school.put(
        *ACCOUNTS.values(),
        *(Course("7b", "Class 7b"), Course("8a", "Class 8a"), Student(NAME, {}, "s-1"), Member("7b", "s-1")),
        *(Staff("7b", "teacher-id"), Staff("7b", "viewer-id"), Staff("8a", "stranger-id")),
        Consent("s-1", "a parent", "calling the roll", NOW, "teacher-id"),
        Portrait("p-1", "s-1", "face", "student_photos/s-1.jpg", NOW, "teacher-id"),
        Lesson("l-1", "7b", "Secret lesson", NOW),
        *(seen, replace(evidence, state=EvidenceState.DONE)),
        Mark("l-1", "s-1", Status.PRESENT, "", "teacher-id", NOW),
        RegisterLine("l-1", "s-1", Status.PRESENT, 99.0, "f-1", True, NOW),
    )
    bucket = server.service.bucket(server.service.settings.school_bucket)
    for key in (seen.crop, evidence.key, "student_photos/s-1.jpg"):
        bucket.put(key, PHOTO)


@contextmanager
def besieged(data: Path) -> Iterator[Besieged]:
    """A server with the school, ended at the end."""
    with asked(data, workers_max=0) as server:
        audit.noted(server.service.school, "teacher-id", "student.seen", "s-1", NOW)
        fill(server)
        described = server.client.get("/openapi.json").json()
        schemas = described["components"]["schemas"]
        found = [
            Operation(method.upper(), path, operation, schemas)
            for path, of in described["paths"].items()
            for method, operation in of.items()
            if path.startswith("/v1/school")
        ]
        yield Besieged(server, data, tuple(found))
