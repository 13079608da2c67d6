"""Two processes of `photocall serve` on one PostgreSQL: what one of them does, the other knows at its next request."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import uuid4

import httpx
import pytest

from photocall.access import create_access_key, create_api_key, revoke_key
from photocall.faces import ByteArray
from photocall.keys import Plan, Scope
from photocall.media.images import encode_jpeg
from photocall.stores.sql import SqlStore
from postgres import PostgresServer
from serving import Served, served
from wire.clients import Client, client

ROUNDS = 5
"""Of requests that both servers get at the same moment."""

GAUGE = "photocall_gallery_faces "

Both = tuple[Client, Client]


@pytest.fixture(scope="module")
def url(postgres: PostgresServer) -> str:
    """The database that the servers share."""
    return postgres.new_database()


@pytest.fixture(scope="module")
def store(url: str) -> Iterator[SqlStore]:
    """The same, for keys."""
    with SqlStore(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def servers(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """Two servers that need keys."""
    folder = tmp_path_factory.mktemp("two")
    shared: dict[str, Any] = {"database": url, "objects": (folder / "objects").as_uri(), "auth": "on"}
    with served(folder / "a", **shared) as one, served(folder / "b", **shared) as other:
        yield one, other


@pytest.fixture(scope="module")
def both(servers: tuple[Served, Served], store: SqlStore) -> Both:
    """boto3's client for each server, with the same key."""
    key, secret = create_access_key(store, "two", frozenset(Scope), None, datetime.now(UTC))
    one, other = (client(server.url, key=key.key_id, secret=secret) for server in servers)
    return one, other


@pytest.fixture(scope="module")
def jpegs(portraits: Mapping[str, ByteArray]) -> dict[str, bytes]:
    """The portraits as JPEG files."""
    return {name: encode_jpeg(image) for name, image in portraits.items()}


@pytest.fixture
def collection(both: Both) -> str:
    """A new collection, empty."""
    name = f"test-{uuid4().hex}"
    both[0].create_collection(CollectionId=name)
    return name


def indexed(asked: Client, collection: str, photo: bytes, name: str = "Ada") -> str:
    """The id of the only face of a photo."""
    (record,) = asked.index_faces(CollectionId=collection, Image={"Bytes": photo}, ExternalImageId=name)["FaceRecords"]
    return str(record["Face"]["FaceId"])


def found(asked: Client, collection: str, photo: bytes) -> set[str]:
    """Every face of a collection, however little it is like the photo's."""
    answer = asked.search_faces_by_image(CollectionId=collection, Image={"Bytes": photo}, FaceMatchThreshold=0)
    return {match["Face"]["FaceId"] for match in answer["FaceMatches"]}


def listed(asked: Client, collection: str) -> set[str]:
    return {face["FaceId"] for face in asked.list_faces(CollectionId=collection)["Faces"]}


def at_once(both: Both, operation: str, *requests: dict[str, Any]) -> list[Any]:
    """What each server answers to its request, sent at the same moment; of a refusal its code."""
    start = Barrier(2)

    def ask(asked: Client, request: dict[str, Any]) -> Any:
        start.wait()
        try:
            return getattr(asked, operation)(**request)
        except asked.exceptions.ClientError as refused:
            return refused.response["Error"]["Code"]

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(ask, both, requests))


def only_one(answers: list[Any], refusal: str) -> bool:
    """Whether one was answered, and the other refused."""
    return isinstance(answers[answers[0] == refusal], dict) and refusal in answers


# --- one after the other


def test_a_collection_is_everywhere_and_then_nowhere(both: Both, collection: str) -> None:
    one, other = both
    assert other.describe_collection(CollectionId=collection)["FaceCount"] == 0
    other.delete_collection(CollectionId=collection)
    assert collection not in one.list_collections(MaxResults=4096)["CollectionIds"]


def test_a_face_is_found_and_deleted_on_either_server(both: Both, collection: str, jpegs: dict[str, bytes]) -> None:
    for _ in range(2):
        for one, other in (both, both[::-1]):
            face_id = indexed(one, collection, jpegs["obama"])
            assert found(other, collection, jpegs["obama2"]) == found(one, collection, jpegs["obama2"]) == {face_id}
            assert other.delete_faces(CollectionId=collection, FaceIds=[face_id])["DeletedFaces"] == [face_id]
            assert found(one, collection, jpegs["obama2"]) == found(other, collection, jpegs["obama2"]) == set()
            assert listed(one, collection) == set()


def test_a_deleted_face_leaves_the_memory_of_a_server_that_nobody_asks(
    servers: tuple[Served, Served], both: Both, collection: str, jpegs: dict[str, bytes]
) -> None:
    one, other = both

    def held() -> int:
        (line,) = (line for line in httpx.get(servers[1].url + "/metrics").text.splitlines() if line.startswith(GAUGE))
        return int(float(line.split()[1]))

    before = held()
    face_id = indexed(one, collection, jpegs["obama"])
    found(other, collection, jpegs["obama"])
    assert held() == before + 1
    one.delete_faces(CollectionId=collection, FaceIds=[face_id])
    while held() > before:
        pass


def test_a_collection_that_is_made_again_has_nothing_of_the_old_one(
    both: Both, collection: str, jpegs: dict[str, bytes]
) -> None:
    one, other = both
    indexed(one, collection, jpegs["obama"])
    assert len(found(other, collection, jpegs["obama"])) == 1
    one.delete_collection(CollectionId=collection)
    one.create_collection(CollectionId=collection)
    biden = indexed(one, collection, jpegs["biden"])
    assert found(other, collection, jpegs["obama"]) == found(one, collection, jpegs["obama"]) == {biden}


def test_users_and_their_faces_are_the_same_on_both(both: Both, collection: str, jpegs: dict[str, bytes]) -> None:
    one, other = both
    face_id = indexed(one, collection, jpegs["obama"])
    one.create_user(CollectionId=collection, UserId="ada")
    assert other.list_users(CollectionId=collection)["Users"] == [{"UserId": "ada", "UserStatus": "CREATED"}]
    assert _users(one, collection, jpegs["obama2"]) == _users(other, collection, jpegs["obama2"]) == []
    other.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[face_id])
    assert _users(one, collection, jpegs["obama2"]) == _users(other, collection, jpegs["obama2"]) == ["ada"]
    one.delete_user(CollectionId=collection, UserId="ada")
    assert _users(one, collection, jpegs["obama2"]) == _users(other, collection, jpegs["obama2"]) == []
    assert other.list_users(CollectionId=collection)["Users"] == []


def _users(asked: Client, collection: str, photo: bytes) -> list[str]:
    matches = asked.search_users_by_image(CollectionId=collection, Image={"Bytes": photo})["UserMatches"]
    return [match["User"]["UserId"] for match in matches]


# --- at the same moment


def test_the_same_picture_sent_to_both_at_once_is_one_face(
    both: Both, collection: str, jpegs: dict[str, bytes]
) -> None:
    for photo in ("obama", "obama2", "biden", "astronaut"):
        request = {"CollectionId": collection, "Image": {"Bytes": jpegs[photo]}}
        records = [answer["FaceRecords"] for answer in at_once(both, "index_faces", request, request)]
        assert records[0] == records[1]
        assert len(records[0]) == 1
    assert both[0].describe_collection(CollectionId=collection)["FaceCount"] == 4
    assert listed(both[0], collection) == listed(both[1], collection) == found(both[1], collection, jpegs["obama"])


def test_only_one_can_make_a_collection(both: Both) -> None:
    for _ in range(ROUNDS):
        request = {"CollectionId": f"test-{uuid4().hex}"}
        assert only_one(at_once(both, "create_collection", request, request), "ResourceAlreadyExistsException")


def test_only_one_can_make_a_user(both: Both, collection: str) -> None:
    for number in range(ROUNDS):
        request = {"CollectionId": collection, "UserId": f"user-{number}"}
        assert only_one(at_once(both, "create_user", request, request), "ConflictException")
    assert len(both[0].list_users(CollectionId=collection)["Users"]) == ROUNDS


def test_a_face_goes_to_one_of_two_users(both: Both, collection: str, jpegs: dict[str, bytes]) -> None:
    face_id = indexed(both[0], collection, jpegs["obama"])
    for user in ("0", "1"):
        both[0].create_user(CollectionId=collection, UserId=user)
    for _ in range(ROUNDS):
        request = {"CollectionId": collection, "FaceIds": [face_id]}
        answers = at_once(both, "associate_faces", {**request, "UserId": "0"}, {**request, "UserId": "1"})
        (winner,) = (user for user, answer in enumerate(answers) if answer["AssociatedFaces"])
        (refusal,) = answers[1 - winner]["UnsuccessfulFaceAssociations"]
        assert refusal == {
            "FaceId": face_id,
            "UserId": str(winner),
            "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"],
        }
        (face,) = both[0].list_faces(CollectionId=collection, UserId=str(winner))["Faces"]
        assert face["FaceId"] == face_id
        both[0].disassociate_faces(UserId=str(winner), **request)


# --- keys


def test_a_days_uses_are_counted_over_both(servers: tuple[Served, Served], store: SqlStore) -> None:
    key = create_api_key(store, "search page", frozenset({Scope.READ}), Plan(per_day=5), datetime.now(UTC))[1]
    answers = [httpx.get(servers[turn % 2].url + "/v1/info", headers={"x-api-key": key}) for turn in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert 0 < int(answers[-1].headers["retry-after"]) <= 24 * 3600


def test_a_revoked_key_opens_neither(servers: tuple[Served, Served], store: SqlStore) -> None:
    key, text = create_api_key(store, "lost", frozenset({Scope.READ}), None, datetime.now(UTC))
    access, secret = create_access_key(store, "lost", frozenset({Scope.READ}), None, datetime.now(UTC))
    asking = [client(server.url, key=access.key_id, secret=secret) for server in servers]
    for server, asked in zip(servers, asking, strict=True):
        assert httpx.get(server.url + "/v1/info", headers={"x-api-key": text}).status_code == 200
        asked.list_collections()
    revoke_key(store, key.key_id, datetime.now(UTC))
    revoke_key(store, access.key_id, datetime.now(UTC))
    for server, asked in zip(servers, asking, strict=True):
        assert httpx.get(server.url + "/v1/info", headers={"x-api-key": text}).status_code == 403
        with pytest.raises(asked.exceptions.ClientError, match="UnrecognizedClientException"):
            asked.list_collections()
