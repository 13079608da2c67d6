"""A JobQueue in NATS JetStream, for the workers of several machines.

A queue is three streams. `photocall_jobs_NAME` has the messages; its consumer `workers` leases them, and for ever:
giving up is done here. `photocall_dead_NAME` has the dead letters. `photocall_notes_NAME` has what the server does not
tell of a message: who received it last (it only counts), and until when it is delayed. Only messages that were delayed
or came again have notes.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import uuid4

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NoAnswer
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, Header, RawStreamMsg, RetentionPolicy, StreamConfig
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from photocall.ports import MAX_DELAY, DeadLetter, Delivery, Depth
from photocall.stores.lost import lost
from photocall.stores.nats_connection import ANSWER_SECONDS, NatsConnection
from photocall.stores.nats_notes import Note, Notes, if_there

PULL_SECONDS = 5.0
"""The longest that one question for a message waits; a longer wait asks again."""

CONSUMER = "workers"

_REPEATED = 3600  # seconds in which a dead letter that is written once more is known to be the same
_GRACE_SECONDS = 0.5  # a message that comes in the moment in which a wait ends may leave it without any answer
_LOOK_SECONDS = 0.5  # how often whoever waits looks whether the connection still is the same
_NANOSECONDS = 10**9
_DELAY, _REASON, _RECEIVES = "Photocall-Delay", "Photocall-Reason", "Photocall-Receives"

Answer = TypeVar("Answer")


class _Server(NamedTuple):
    client: Client
    js: JetStreamContext


class NatsQueue:
    """Safe to share between threads; each process opens its own, and none survives a fork."""

    def __init__(self, url: str, name: str, *, lease: float, max_receives: int) -> None:
        """Open the queue of this name; its streams are made where they are missing.

        Args:
            url: such as nats://user:password@host:4222; tls:// for an encrypted connection.
            name: of the queue: letters, digits, - and _.
            lease: seconds that a receiver has a message for; the last one who opens the queue decides for all.
            max_receives: how often a message is received before it is given up.

        Raises:
            StoreUnavailable: it is no such address, or the server cannot be used.
        """
        self.lease, self.max_receives = lease, max_receives
        self._jobs, self._dead = f"photocall_jobs_{name}", f"photocall_dead_{name}"
        self._subjects = {self._jobs: f"photocall.jobs.{name}", self._dead: f"photocall.dead.{name}"}
        self._notes = Notes(name)
        self._is_made = False
        self._connection = NatsConnection(url)
        try:
            self._run(lambda _: asyncio.sleep(0))
        except BaseException:
            self.close()
            raise

    def send(self, body: str, delay: float = 0) -> None:
        """Add a message; the server has it afterwards."""
        headers = {Header.MSG_ID.value: uuid4().hex, **({_DELAY: repr(delay)} if delay > 0 else {})}

        async def publish(server: _Server) -> None:
            added = await server.js.publish(self._subjects[self._jobs], body.encode(), headers=headers)
            if delay > 0:
                await self._notes.delay(server.js, added.seq, delay)

        self._run(publish)

    def receive(self, limit: int = 1, wait: float = 0) -> list[Delivery]:
        """Lease messages; waits for the first one."""
        deadline = time.monotonic() + wait
        while True:
            left = max(0.0, min(deadline - time.monotonic(), PULL_SECONDS))
            found = self._run(partial(self._take, limit=limit, until=time.monotonic() + left), left)
            if found or time.monotonic() >= deadline:
                return found

    def extend(self, delivery: Delivery) -> bool:
        """Begin the lease anew; False if it had ended and the message is somebody else's, done or dead."""

        async def extend(server: _Server) -> bool:
            holds = await self._holds(server, delivery)
            if holds:
                await self._tell(server, delivery, Msg.Ack.Progress)
            return holds

        return self._run(extend)

    def delete(self, delivery: Delivery) -> None:
        """Remove a message that was done; also after the lease has ended, since done is done."""
        self._run(lambda server: self._acknowledge(server, delivery))

    def release(self, delivery: Delivery, reason: str, delay: float = 0) -> None:
        """Give a message back before its lease ends, or give it up if it had its last receive."""
        if delivery.receives >= self.max_receives:
            self.bury(delivery, reason)
            return

        async def release(server: _Server) -> None:
            if await self._holds(server, delivery):
                if delay > 0:
                    await self._notes.delay(server.js, _sequence(delivery.receipt), delay)
                await self._tell(server, delivery, _nak(delay))

        self._run(release)

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Give a message up that will never succeed. Nothing happens if the lease has ended."""

        async def bury(server: _Server) -> None:
            if await self._holds(server, delivery):
                await self._bury(server, delivery, reason)

        self._run(bury)

    def depth(self) -> Depth:
        """How many messages there are, of each kind."""
        return self._run(self._depth)

    def dead(self, limit: int) -> list[DeadLetter]:
        """Some of the dead letters, oldest first."""

        async def read(server: _Server) -> list[DeadLetter]:
            letters: list[DeadLetter] = []
            sequence = 1
            while len(letters) < limit and (raw := await self._next_letter(server, sequence)):
                letters.append(_letter(raw))
                sequence = (raw.seq or 0) + 1
            return letters

        return self._run(read)

    def retry(self, letter_id: str) -> bool:
        """Send a dead letter once more, as if it were new; False if there is none of this id."""

        async def retry(server: _Server) -> bool:
            found = await self._letter(server, letter_id)
            if found is None:
                return False
            same = {Header.MSG_ID.value: f"{letter_id} {found.time}"}
            await server.js.publish(self._subjects[self._jobs], found.data or b"", headers=same)
            return await self._drop(server, letter_id)

        return self._run(retry)

    def drop(self, letter_id: str) -> bool:
        """Remove a dead letter for good; False if there is none of this id."""
        return self._run(lambda server: self._drop(server, letter_id))

    def close(self) -> None:
        """Cut the connection."""
        self._connection.close()

    # --- what is there

    def _run(self, work: Callable[[_Server], Awaitable[Answer]], wait: float = 0) -> Answer:
        async def on(client: Client) -> Answer:
            server = _Server(client, client.jetstream(timeout=ANSWER_SECONDS))
            try:
                if not self._is_made:
                    await self._make(server)
                    self._is_made = True
                return await work(server)
            except (NotFoundError, NoStreamResponseError, NoRespondersError):
                self._is_made = False  # somebody removed it, or the server lost it
                raise

        return self._connection.run(on, wait)

    async def _make(self, server: _Server) -> None:
        """Make what is missing; streams that an operator has made or changed stay as they are."""
        forever = StreamConfig(retention=RetentionPolicy.LIMITS)
        kinds = {
            self._jobs: forever.evolve(retention=RetentionPolicy.WORK_QUEUE, subjects=[self._subjects[self._jobs]]),
            self._dead: forever.evolve(duplicate_window=_REPEATED, subjects=[self._subjects[self._dead]]),
            self._notes.stream: self._notes.config,
        }
        for stream, config in kinds.items():
            try:
                await server.js.stream_info(stream)
            except NotFoundError:
                await server.js.add_stream(config, name=stream)
        await self._make_consumer(server)

    async def _make_consumer(self, server: _Server) -> None:
        wanted = ConsumerConfig(
            durable_name=CONSUMER,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.lease,
            max_deliver=-1,
            max_ack_pending=-1,  # delayed messages count as pending and must not keep others back
        )
        try:
            found = (await server.js.consumer_info(self._jobs, CONSUMER)).config
            if found.ack_wait != self.lease:
                await server.js.add_consumer(self._jobs, found, ack_wait=self.lease)
        except NotFoundError:
            await server.js.add_consumer(self._jobs, wanted)

    async def _depth(self, server: _Server) -> Depth:
        workers = await server.js.consumer_info(self._jobs, CONSUMER)
        dead = await server.js.stream_info(self._dead)
        delays = await self._notes.delays(server.js)
        seen, now = workers.delivered.stream_seq if workers.delivered else 0, time.time()
        new = sum(sequence > seen and due > now for sequence, due in delays)
        again = sum(sequence <= seen and due > now for sequence, due in delays)
        out = max(0, (workers.num_ack_pending or 0) - again)
        ready = min(out, sum(sequence <= seen and due <= now for sequence, due in delays))
        waiting = max(0, (workers.num_pending or 0) - new) + ready
        return Depth(waiting, new + again, out - ready, dead.state.messages)

    # --- messages

    async def _take(self, server: _Server, limit: int, until: float) -> list[Delivery]:
        """Lease what is due; what is not, or has to be given up, is put away."""
        while True:
            messages = await self._pull(server, limit, 0)
            left = until - time.monotonic()
            if not messages and left > 0:
                messages = await self._pull(server, 1, left)
            found = [delivery for message in messages if (delivery := await self._look(server, message))]
            if found or not messages:
                return found

    async def _pull(self, server: _Server, limit: int, seconds: float) -> list[Msg]:
        """Ask for messages: those that are there, or for some seconds until there is one.

        See https://docs.nats.io/reference/reference-protocols/nats_api_reference, $JS.API.CONSUMER.MSG.NEXT.
        """
        found: list[Msg] = []
        wish = {"batch": limit, **({"expires": int(seconds * _NANOSECONDS)} if seconds else {"no_wait": True})}
        inbox = server.client.new_inbox()
        answers = await server.client.subscribe(inbox)
        try:
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._jobs}.{CONSUMER}"
            await server.client.publish(subject, json.dumps(wish).encode(), reply=inbox)
            while len(found) < limit:
                message = await _next(server.client, answers, seconds + (_GRACE_SECONDS if seconds else ANSWER_SECONDS))
                status = (message.headers or {}).get(Header.STATUS.value)
                if status == "503":
                    raise NoRespondersError
                if status:  # there is no more
                    break
                found.append(message)
        except (NoAnswer, ConnectionError):
            if not found and not seconds:
                raise
        finally:
            with suppress(Error):
                await answers.unsubscribe()
        return found

    async def _look(self, server: _Server, message: Msg) -> Delivery | None:
        """What a receiver gets of a message; None if it is not due, or was received too often."""
        told, delay = message.metadata, _seconds((message.headers or {}).get(_DELAY, ""))
        sequence, delivered = told.sequence.stream, told.num_delivered
        note = await self._notes.of(server.js, sequence) if delivered > 1 else Note()
        if delay and delivered == 1:  # later on, the server has counted the seconds
            early = min(delay, told.timestamp.timestamp() + delay - time.time())
            if early > 0:
                await self._notes.write(server.js, sequence, Note(delivered, note.unseen + 1))
                await server.client.request(message.reply, _nak(early), timeout=ANSWER_SECONDS)
                return None
        if delivered > 1:
            await self._notes.write(server.js, sequence, Note(delivered, note.unseen))
        if delay or delivered > 1:
            await self._notes.forget_delay(server.js, sequence)
        receipt = f"{sequence} {delivered} {message.reply}"
        delivery = Delivery(message.data.decode(errors="replace"), receipt, delivered - note.unseen)
        if delivery.receives <= self.max_receives:
            return delivery
        gone = Delivery(delivery.body, delivery.receipt, self.max_receives)
        await self._bury(server, gone, lost(self.max_receives))
        return None

    async def _bury(self, server: _Server, delivery: Delivery, reason: str) -> None:
        headers = {
            Header.MSG_ID.value: str(_sequence(delivery.receipt)),
            _REASON: json.dumps(reason),
            _RECEIVES: str(delivery.receives),
        }
        await server.js.publish(self._subjects[self._dead], delivery.body.encode(), headers=headers)
        await self._acknowledge(server, delivery)

    async def _acknowledge(self, server: _Server, delivery: Delivery) -> None:
        await self._tell(server, delivery, Msg.Ack.Ack)
        if _delivered(delivery.receipt) > 1:
            await self._notes.forget(server.js, _sequence(delivery.receipt))

    async def _tell(self, server: _Server, delivery: Delivery, what: bytes) -> None:
        """Say something of a delivery, and know that the server has heard it."""
        await server.client.request(delivery.receipt.split(" ")[2], what, timeout=ANSWER_SECONDS)

    async def _holds(self, server: _Server, delivery: Delivery) -> bool:
        """Whether the message is there and was received by nobody since."""
        sequence = _sequence(delivery.receipt)
        if (await self._notes.of(server.js, sequence)).delivered > _delivered(delivery.receipt):
            return False
        return await if_there(server.js.get_msg(self._jobs, sequence)) is not None

    # --- dead letters

    async def _next_letter(self, server: _Server, sequence: int) -> RawStreamMsg | None:
        subject = self._subjects[self._dead]
        return await if_there(server.js.get_msg(self._dead, sequence, subject=subject, next=True))

    async def _letter(self, server: _Server, letter_id: str) -> RawStreamMsg | None:
        if not (letter_id.isascii() and letter_id.isdecimal() and 0 < int(letter_id) < 2**63):
            return None
        return await if_there(server.js.get_msg(self._dead, int(letter_id)))

    async def _drop(self, server: _Server, letter_id: str) -> bool:
        if await self._letter(server, letter_id) is None:
            return False
        try:
            return await server.js.delete_msg(self._dead, int(letter_id))
        except APIError:
            if await self._letter(server, letter_id) is not None:
                raise
            return False  # somebody else was quicker


async def _next(client: Client, answers: Subscription, seconds: float) -> Msg:
    """The next answer; a question that was asked before the connection broke gets none."""
    deadline, reconnects = time.monotonic() + seconds, client.stats["reconnects"]
    while True:
        try:
            return await answers.next_msg(min(seconds, _LOOK_SECONDS))
        except NoAnswer:
            if time.monotonic() >= deadline:
                raise
            if client.stats["reconnects"] != reconnects or not client.is_connected:
                raise ConnectionError from None


def _letter(found: RawStreamMsg) -> DeadLetter:
    headers = found.headers or {}
    body, reason = (found.data or b"").decode(errors="replace"), json.loads(headers.get(_REASON, '""'))
    died = datetime.fromisoformat(str(found.time))
    return DeadLetter(str(found.seq), body, reason, int(headers.get(_RECEIVES, 0)), died.astimezone(UTC))


def _seconds(delay: str) -> float:
    """What the header of a delay says; 0 where somebody else has written something there."""
    try:
        seconds = float(delay or 0)
    except ValueError:
        return 0
    return seconds if 0 < seconds <= MAX_DELAY else 0


def _nak(delay: float) -> bytes:
    """Giving back, after some seconds."""
    return Msg.Ack.Nak + (b" " + json.dumps({"delay": int(delay * _NANOSECONDS)}).encode() if delay > 0 else b"")


def _sequence(receipt: str) -> int:
    """Where a message stands in its stream."""
    return int(receipt.split(" ")[0])


def _delivered(receipt: str) -> int:
    """How often a message had been delivered when this receipt was given."""
    return int(receipt.split(" ")[1])
