"""What a queue in NATS notes of its messages, since the server does not tell it.

A stream per queue, with subjects `seen.NUMBER` and `delay.NUMBER.DUE`; a message's number is that in the jobs' stream.
Losing notes costs little: a message counts one receive more, or as waiting while it is delayed.
"""

import json
import time
from collections.abc import Awaitable
from typing import NamedTuple

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg, RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError

_KEPT_SECONDS = 7 * 86400  # a note is of no use when its message is long done


class Note(NamedTuple):
    """What is known of a message that came again.

    Attributes:
        delivered: the number of its latest delivery, as the server counts.
        unseen: how many of these reached no receiver, since the message was not due.
    """

    delivered: int = 0
    unseen: int = 0


class Notes:
    """The notes of one queue.

    Attributes:
        stream: the name of the stream they are in.
        config: how that stream is made.
    """

    def __init__(self, name: str) -> None:
        """Name the queue."""
        self.stream, self._subject = f"photocall_notes_{name}", f"photocall.notes.{name}"
        self.config = StreamConfig(
            subjects=[f"{self._subject}.>"],
            retention=RetentionPolicy.LIMITS,
            max_msgs_per_subject=1,
            max_age=_KEPT_SECONDS,
        )

    async def of(self, js: JetStreamContext, number: int) -> Note:
        """The note of a message."""
        note = await if_there(js.get_last_msg(self.stream, f"{self._subject}.seen.{number}"))
        return Note(*json.loads(note.data or b"[]")) if note else Note()

    async def write(self, js: JetStreamContext, number: int, note: Note) -> None:
        """Replace the note of a message."""
        await js.publish(f"{self._subject}.seen.{number}", json.dumps(note).encode())

    async def forget(self, js: JetStreamContext, number: int) -> None:
        """Remove the note of a message that is done or dead."""
        await js.purge_stream(self.stream, subject=f"{self._subject}.seen.{number}")

    async def delay(self, js: JetStreamContext, number: int, seconds: float) -> None:
        """Note until when a message is delayed: in the subject, since a list of subjects can be had at once."""
        due = int(1000 * (time.time() + seconds))
        await js.publish(f"{self._subject}.delay.{number}.{due}", b"")

    async def delays(self, js: JetStreamContext) -> list[tuple[int, float]]:
        """The numbers of messages that are or were delayed, and until when, in seconds since 1970."""
        told = await js.stream_info(self.stream, subjects_filter=f"{self._subject}.delay.>")
        pairs = [subject.split(".")[-2:] for subject in told.state.subjects or {}]
        return [(int(number), int(due) / 1000) for number, due in pairs]

    async def forget_delay(self, js: JetStreamContext, number: int) -> None:
        """Remove the note of a delay that is over."""
        await js.purge_stream(self.stream, subject=f"{self._subject}.delay.{number}.*")


async def if_there(message: Awaitable[RawStreamMsg]) -> RawStreamMsg | None:
    """A message of a stream, or None if it is not there."""
    try:
        return await message
    except NotFoundError:
        return None
