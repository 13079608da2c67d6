"""What photocall asks of the systems around it. Adapters live in `stores/` and are chosen by URL in `app.py`.

Every method may raise `StoreUnavailable`. Writes are transactions: once it returned, a write survives `kill -9`;
before, it leaves no trace. Writing the same thing twice is the same as writing it once, but for sending to a queue.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from photocall.faces import Collection, FaceChanges, FaceRecord, User, VectorChanges
from photocall.keys import Key
from photocall.roster import Student
from photocall.school.register import SchoolRegister

MAX_MESSAGE_BYTES = 256 * 2**10
"""Of a message in a queue; every service of the kind takes as much, and a job with a face in it needs a tenth."""

MAX_DELAY = 900
"""Seconds; the most of SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing says of an object.

    Attributes:
        key: names it, parts separated by slashes.
        written: when it was last put, with a time zone.
    """

    key: str
    written: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that its receiver has until the lease ends, and then somebody else may.

    Attributes:
        body: the message, as it was sent.
        receipt: how the queue knows this delivery; it means nothing to others.
        receives: how often the message has been received, this time included.
    """

    body: str
    receipt: str
    receives: int


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages a queue has.

    Attributes:
        waiting: could be received now.
        delayed: will be later.
        leased: have been received and neither deleted nor given back. Where the queue does not tell, those whose lease
            ended a moment ago count as leased.
        dead: were given up.
    """

    waiting: int
    delayed: int
    leased: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up.

    Attributes:
        letter_id: names it among the dead letters of its queue.
        body: the message, as it was sent.
        reason: why it was given up.
        receives: how often it had been received.
        died: when it was given up, with a time zone.
    """

    letter_id: str
    body: str
    reason: str
    receives: int
    died: datetime


class ObjectStore(Protocol):
    """Files by name: kept photos, results, and images and videos in buckets.

    Keys are at most 1,024 bytes of UTF-8: parts separated by slashes, none of them empty, "." or "..", without
    backslashes and what cannot be printed. Every method raises `ObjectKeyInvalid` for others.
    """

    def put(self, key: str, data: bytes) -> None:
        """Write an object, or replace it; nobody ever sees half of one."""
        ...

    def upload(self, key: str, file: BinaryIO) -> None:
        """Write an object as `put` does, from an open file, a piece at a time: from where it stands to its end."""
        ...

    def get(self, key: str, max_bytes: int | None = None) -> bytes:
        """The content of an object.

        Args:
            key: names it.
            max_bytes: how large it may be; any size without it.

        Raises:
            ObjectNotFound: there is none.
            ObjectTooLarge: it is larger; nothing of it was read.
        """
        ...

    def download(self, key: str, path: Path, max_bytes: int) -> None:
        """Write the content of an object into a file, a piece at a time.

        Raises:
            ObjectNotFound: there is none.
            ObjectTooLarge: it has more than `max_bytes`; nothing of it was read.
            OutputUnwritable: the file cannot be written.
        """
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object below `prefix`, which is whole parts of a key: "faces/a" does not find "faces/ab/1"."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        ...


class JobQueue(Protocol):
    """Messages that are each received until somebody has done them: at least once, in no certain order.

    Whoever receives a message has it for the time of the lease, and again for as long whenever it is extended; then it
    is received again. After a number of receives it is given up and lies among the dead letters.

    Attributes:
        lease: seconds that a receiver has a message for.
        max_receives: how often a message is received before it is given up.
    """

    lease: float
    max_receives: int

    def send(self, body: str, delay: float = 0) -> None:
        """Add a message.

        Args:
            body: at most `MAX_MESSAGE_BYTES` of UTF-8.
            delay: seconds until it may be received, 0 to `MAX_DELAY`.
        """
        ...

    def receive(self, limit: int = 1, wait: float = 0) -> list[Delivery]:
        """Lease messages; waits for the first one, and then for no other.

        Args:
            limit: how many at most, 1 to 10.
            wait: seconds to wait for a message while there is none.
        """
        ...

    def extend(self, delivery: Delivery) -> bool:
        """Begin the lease anew; False if it had ended and the message is somebody else's, done or dead."""
        ...

    def delete(self, delivery: Delivery) -> None:
        """Remove a message that was done; also after the lease has ended, since done is done."""
        ...

    def release(self, delivery: Delivery, reason: str, delay: float = 0) -> None:
        """Give a message back before its lease ends, or give it up for this reason if it had its last receive.

        Nothing happens if the lease has ended.
        """
        ...

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Give a message up that will never succeed. Nothing happens if the lease has ended."""
        ...

    def depth(self) -> Depth:
        """How many messages there are, of each kind."""
        ...

    def dead(self, limit: int) -> list[DeadLetter]:
        """Some of the dead letters, oldest first as far as the queue keeps an order."""
        ...

    def retry(self, letter_id: str) -> bool:
        """Send a dead letter once more, as if it were new; False if there is none of this id."""
        ...

    def drop(self, letter_id: str) -> bool:
        """Remove a dead letter for good; False if there is none of this id."""
        ...

    def close(self) -> None:
        """Let go of what is open; leases go on."""
        ...


class FaceStore(Protocol):
    """Collections, their faces, and the users that faces are associated with."""

    def collections(self) -> list[Collection]:
        """Every collection, by its id."""
        ...

    def create_collection(self, collection_id: str, model: str) -> Collection:
        """The collection, made if it is not there yet. Raises `ModelMismatch` if it is there with another model."""
        ...

    def add_collection(self, collection_id: str, model: str, tags: Mapping[str, str]) -> Collection:
        """A new collection with its tags. Raises `CollectionExists` if there is one of that name."""
        ...

    def collection(self, collection_id: str) -> Collection:
        """The collection. Raises `CollectionNotFound`."""
        ...

    def delete_collection(self, collection_id: str) -> None:
        """Remove it with all its faces. Raises `CollectionNotFound`."""
        ...

    def put_faces(self, collection_id: str, faces: Sequence[FaceRecord]) -> None:
        """Add or replace by face_id, all or none. Raises `CollectionNotFound`, `ModelMismatch`."""
        ...

    def delete_faces(self, collection_id: str, face_ids: Iterable[str]) -> list[str]:
        """Remove faces; the ids that were there. Raises `CollectionNotFound`."""
        ...

    def faces(self, collection_id: str) -> list[FaceRecord]:
        """Every face, oldest first. Raises `CollectionNotFound`."""
        ...

    def changes(self, collection_id: str, since: int) -> FaceChanges:
        """What changed after version `since`; 0 for all that is there. Raises `CollectionNotFound`."""
        ...

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        """What changed after version `since`, as far as searching needs it. Raises `CollectionNotFound`."""
        ...

    def counts(self, collection_id: str) -> tuple[int, int]:
        """How many faces and how many users a collection has. Raises `CollectionNotFound`."""
        ...

    def faces_by_id(self, collection_id: str, face_ids: Sequence[str]) -> list[FaceRecord]:
        """The faces of these ids that are there, in the order given. Raises `CollectionNotFound`."""
        ...

    def face_page(
        self, collection_id: str, *, after: int = 0, limit: int, user_id: str | None = None
    ) -> tuple[list[FaceRecord], int | None]:
        """At most `limit` faces in the order of enrolment, and where the next page begins; None for the last one.

        Args:
            collection_id: which collection.
            after: 0, or what the page before gave.
            limit: 1 or more.
            user_id: only faces that are associated with this user.

        Raises:
            CollectionNotFound: there is no such collection.
            UserNotFound: `user_id` names nobody.
        """
        ...

    def faces_of_object(self, collection_id: str, bucket: str, key: str) -> list[FaceRecord]:
        """The faces whose image is kept as this object, oldest first. Raises `CollectionNotFound`."""
        ...

    def tags(self, collection_id: str) -> dict[str, str]:
        """The tags of a collection, by key. Raises `CollectionNotFound`."""
        ...

    def put_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        """Add or replace tags, all or none. Raises `CollectionNotFound`, `TooManyTags` above `limit` of them."""
        ...

    def delete_tags(self, collection_id: str, keys: Iterable[str]) -> None:
        """Remove tags, those that are there. Raises `CollectionNotFound`."""
        ...

    def add_user(self, collection_id: str, user_id: str) -> None:
        """A new user without faces. Raises `CollectionNotFound`, `UserExists`."""
        ...

    def delete_user(self, collection_id: str, user_id: str) -> None:
        """Remove a user; the faces stay, with nobody. Raises `CollectionNotFound`, `UserNotFound`."""
        ...

    def user(self, collection_id: str, user_id: str) -> User:
        """The user. Raises `CollectionNotFound`, `UserNotFound`."""
        ...

    def users(self, collection_id: str, *, after: str = "", limit: int) -> list[User]:
        """At most `limit` users whose id is greater than `after`, by id. Raises `CollectionNotFound`."""
        ...

    def associate_faces(self, collection_id: str, user_id: str, face_ids: Sequence[str], limit: int) -> list[str]:
        """Associate faces with a user, those that are there and have no other user; doing it again changes nothing.

        Returns:
            The ids that are associated with the user now, in the order given.

        Raises:
            CollectionNotFound, UserNotFound: one of them is not there.
            UserFull: the user would have more than `limit` faces; nothing was done.
        """
        ...

    def disassociate_faces(self, collection_id: str, user_id: str, face_ids: Sequence[str]) -> list[str]:
        """Take faces from a user; the ids that were the user's. Raises `CollectionNotFound`, `UserNotFound`."""
        ...

    def shift_threshold(self, collection_id: str, shift: float) -> None:
        """Set the collection's `threshold_shift`. Raises `CollectionNotFound`."""
        ...

    def adopt_faces(self, collection_id: str, other: str, version: int) -> bool:
        """Let a collection have the model and the faces of another one instead of its own, in one step.

        Its `threshold_shift` is 0 again, and the other collection is gone afterwards. Whoever follows the changes
        learns of every face that came or went.

        Args:
            collection_id: the collection that goes on under its name.
            other: whose model and faces it takes over.
            version: of `collection_id`, as `changes` gave it.

        Returns:
            False if the collection has changed since `version`; nothing was done.

        Raises:
            CollectionNotFound: one of them is not there.
        """
        ...


class PeopleRegister(Protocol):
    """Who belongs to the class, and who may ask."""

    def put_students(self, students: Sequence[Student]) -> None:
        """Add or replace by `student_id`, all or none."""
        ...

    def students(self) -> list[Student]:
        """Every student, by name."""
        ...

    def delete_student(self, student_id: str) -> bool:
        """Remove a student; False if there was none. The faces are the FaceStore's."""
        ...

    def put_key(self, key: Key) -> None:
        """Add a key, or replace the one with its `key_id`."""
        ...

    def key(self, key_id: str) -> Key | None:
        """The key of this id, revoked or not."""
        ...

    def keys(self) -> list[Key]:
        """Every key, oldest first."""
        ...

    def count_use(self, key_id: str, day: date) -> int:
        """Count one use of a key on a day; how many that makes, over every process that uses the register."""
        ...

    def claim_token(self, token: str, fingerprint: str, now: datetime, expired: datetime) -> str:
        """Claim a request token for a request; the fingerprint of the request that has it, the first one's.

        Tokens claimed before `expired` are forgotten.
        """
        ...

    def release_token(self, token: str) -> None:
        """Forget a request token; nothing happens if there is none."""
        ...


class Register(SchoolRegister, PeopleRegister, Protocol):
    """Who belongs to the class, who was there, and who may ask."""


class PeopleStore(FaceStore, PeopleRegister, Protocol):
    """Faces, students and keys in one database: all that a deployment without the attendance application keeps."""
