"""What every JobQueue does, wherever its messages lie.

An adapter's test inherits `JobQueueContract` and gives it a fixture `url`; where queues must be made before they are
used, `new_name` does it.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest

from photocall.ports import MAX_MESSAGE_BYTES, Delivery, Depth, JobQueue
from photocall.stores.queues import open_queue

LONG = 60
"""Seconds of a lease that does not end during a test."""

PATIENCE = 30
"""Seconds after which something that must happen has not."""

BODIES = [
    "",
    " ",
    "two\nlines\r\n\t",
    '{"a": [1, "é"]}',
    "\x00\x01\x7f",
    "李\U0001f600\u2028\ufffe\uffff",
    "<&>'\"\\%00",
]

CHILD = """
import sys, time
from photocall.stores.queues import open_queue
url, name, lease, what = sys.argv[1:]
queue = open_queue(url, name, lease=float(lease), max_receives=3)
if what == "drain":
    while found := queue.receive(10, wait=1):
        for delivery in found:
            queue.delete(delivery)
            print(delivery.body)
else:
    print(queue.receive(wait=10)[0].body, flush=True)
    time.sleep(600)
"""

Opener = Callable[..., JobQueue]
T = TypeVar("T")


def until(look: Callable[[], list[T]]) -> list[T]:
    """What `look` gives, once it gives something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def one(queue: JobQueue) -> Delivery:
    """The next message, which comes before long."""
    (delivery,) = until(lambda: queue.receive(wait=1))
    return delivery


def received_at(queue: JobQueue) -> list[float]:
    """A moment before a message was received, if there was one."""
    began = time.monotonic()
    return [began] if queue.receive() else []


def child(url: str, name: str, lease: float, what: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, url, name, str(lease), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class JobQueueContract:
    """Needs a fixture `url`."""

    short = 0.3
    """Seconds of a lease that ends during a test."""

    many = 500
    """Messages to be drained by several."""

    processes = 3

    def new_name(self, url: str) -> str:
        """The name of a queue that nobody else uses."""
        return f"queue-{uuid4().hex}"

    @pytest.fixture
    def name(self, url: str) -> str:
        return self.new_name(url)

    @pytest.fixture
    def opened(self, url: str, name: str) -> Iterator[Opener]:
        """Opens the queue once more; all are closed at the end."""
        with ExitStack() as stack:

            def open_one(lease: float = LONG, max_receives: int = 3, name: str = name) -> JobQueue:
                return stack.enter_context(closing(open_queue(url, name, lease=lease, max_receives=max_receives)))

            yield open_one

    @pytest.fixture
    def queue(self, opened: Opener) -> JobQueue:
        return opened()

    # --- sending and receiving

    @pytest.mark.parametrize("body", BODIES)
    def test_what_was_sent_is_received_exactly(self, queue: JobQueue, body: str) -> None:
        queue.send(body)
        delivery = one(queue)
        assert (delivery.body, delivery.receives) == (body, 1)

    def test_the_largest_message_comes_back(self, queue: JobQueue) -> None:
        body = "é" * (MAX_MESSAGE_BYTES // 2)
        queue.send(body)
        assert one(queue).body == body

    def test_an_empty_queue_gives_nothing(self, queue: JobQueue) -> None:
        assert queue.receive() == []
        assert queue.receive(10, wait=0.05) == []

    def test_a_receive_gives_no_more_than_its_limit_and_does_not_wait_for_more(self, queue: JobQueue) -> None:
        for number in range(5):
            queue.send(str(number))
        first = queue.receive(3, wait=PATIENCE)
        rest = queue.receive(10, wait=PATIENCE)
        assert len(first) <= 3
        bodies = [each.body for each in [*first, *rest]]
        while len(bodies) < 5:
            bodies.append(one(queue).body)
        assert sorted(bodies) == ["0", "1", "2", "3", "4"]

    def test_a_receiver_that_waits_wakes_up_for_a_message(self, opened: Opener) -> None:
        receiver, sender = opened(), opened()
        with ThreadPoolExecutor(1) as threads:
            began = time.monotonic()
            waiting = threads.submit(receiver.receive, wait=PATIENCE)
            time.sleep(0.3)
            assert not waiting.done()
            sender.send("1")
            assert [each.body for each in waiting.result()] == ["1"]
        assert time.monotonic() - began < PATIENCE / 2

    def test_a_delayed_message_comes_later(self, queue: JobQueue) -> None:
        began = time.monotonic()
        queue.send("later", delay=1)
        (delivery,) = until(queue.receive)
        assert time.monotonic() - began >= 0.9
        assert (delivery.body, delivery.receives) == ("later", 1)

    def test_a_delayed_message_lets_others_pass(self, queue: JobQueue) -> None:
        queue.send("later", delay=60)
        queue.send("now")
        assert one(queue).body == "now"
        assert queue.receive() == []

    def test_two_names_are_two_queues(self, url: str, opened: Opener) -> None:
        mine, other = opened(), opened(name=self.new_name(url))
        mine.send("mine")
        mine.bury(one(mine), "bad")
        mine.send("mine too")
        assert other.receive() == []
        assert other.depth() == Depth(0, 0, 0, 0)
        assert other.dead(10) == []
        assert one(mine).body == "mine too"

    # --- leases

    def test_a_lease_hides_a_message_from_everybody(self, opened: Opener) -> None:
        queue, other = opened(), opened()
        queue.send("1")
        one(queue)
        assert queue.receive() == []
        assert other.receive(10) == []

    def test_after_its_lease_a_message_comes_again(self, opened: Opener) -> None:
        queue = opened(lease=self.short)
        queue.send("1")
        assert one(queue).receives == 1
        again = one(queue)
        assert (again.body, again.receives) == ("1", 2)

    def test_an_extended_lease_lasts_longer(self, opened: Opener) -> None:
        queue, other = opened(lease=3), opened(lease=3)
        queue.send("abandoned")
        assert one(queue).body == "abandoned"
        queue.send("kept")
        kept, found = one(queue), list[Delivery]()
        while not found:  # the lease that began first ends; the other one would soon after
            assert queue.extend(kept)
            found = other.receive(wait=0.2)
        assert [delivery.body for delivery in found] == ["abandoned"]
        assert other.receive(wait=1) == []

    def test_a_lease_that_somebody_else_has_now_is_not_extended(self, opened: Opener) -> None:
        queue, other = opened(lease=self.short), opened(lease=self.short)
        queue.send("1")
        lost = one(queue)
        until(lambda: other.receive(wait=1))
        time.sleep(2 * self.short)  # an adapter may know the end of a lease by its own clock alone
        assert not queue.extend(lost)

    def test_a_message_that_is_done_or_dead_has_no_lease(self, queue: JobQueue) -> None:
        queue.send("1")
        queue.send("2")
        done, dead = one(queue), one(queue)
        queue.delete(done)
        queue.bury(dead, "bad")
        assert not queue.extend(done)
        assert not queue.extend(dead)

    def test_a_deleted_message_is_gone(self, opened: Opener) -> None:
        queue = opened(lease=self.short)
        queue.send("1")
        delivery = one(queue)
        queue.delete(delivery)
        queue.delete(delivery)
        time.sleep(2 * self.short)
        assert queue.receive() == []
        assert queue.depth() == Depth(0, 0, 0, 0)

    def test_a_message_may_be_deleted_after_its_lease_has_ended(self, opened: Opener) -> None:
        queue, other = opened(lease=self.short), opened(lease=self.short)
        queue.send("1")
        late = one(queue)
        until(lambda: other.receive(wait=1))
        queue.delete(late)
        time.sleep(2 * self.short)
        assert other.receive() == []

    # --- giving back and giving up

    def test_a_released_message_comes_again_at_once(self, queue: JobQueue) -> None:
        queue.send("1")
        queue.release(one(queue), "busy")
        again = one(queue)
        assert (again.body, again.receives) == ("1", 2)

    def test_a_message_released_with_a_delay_comes_later(self, queue: JobQueue) -> None:
        queue.send("1")
        delivery = one(queue)
        began = time.monotonic()
        queue.release(delivery, "busy", delay=1)
        assert until(queue.receive)[0].receives == 2
        assert time.monotonic() - began >= 0.9

    def test_a_message_released_by_another_process_comes_again(self, opened: Opener) -> None:
        queue, other = opened(), opened()
        queue.send("1")
        other.release(one(queue), "its worker was killed")
        assert one(queue).receives == 2

    def test_a_message_released_at_its_last_receive_is_dead_for_that_reason(self, opened: Opener) -> None:
        queue = opened(max_receives=2)
        queue.send("poison")
        queue.release(one(queue), "first time")
        queue.release(one(queue), "Zoë's photo\nis broken", delay=30)
        (letter,) = until(lambda: queue.dead(10))
        assert (letter.body, letter.reason, letter.receives) == ("poison", "Zoë's photo\nis broken", 2)
        assert abs(datetime.now(UTC) - letter.died) < timedelta(minutes=1)
        assert queue.receive() == []

    def test_a_buried_message_is_dead_at_once(self, queue: JobQueue) -> None:
        for body in BODIES:
            queue.send(body)
        for _ in BODIES:
            queue.bury(one(queue), "not an image")
        letters = queue.dead(100)
        assert sorted(each.body for each in letters) == sorted(BODIES)
        assert {(each.reason, each.receives) for each in letters} == {("not an image", 1)}
        assert len(queue.dead(2)) == 2

    def test_a_message_whose_workers_all_die_ends_among_the_dead(self, opened: Opener) -> None:
        queue = opened(lease=self.short, max_receives=2)
        queue.send("poison")
        queue.send("good", delay=1)
        bodies = []
        while not queue.dead(1):
            bodies += [each.body for each in queue.receive(wait=1)]
            assert len(bodies) < 20
        assert bodies.count("poison") == 2
        letter = next(each for each in queue.dead(10) if each.body == "poison")
        assert letter.receives == 2
        assert "received 2 times" in letter.reason

    def test_a_message_to_be_given_up_does_not_hide_one_that_waits(self, opened: Opener) -> None:
        queue = opened(lease=self.short, max_receives=1)
        queue.send("poison")
        one(queue)
        queue.send("good")
        assert one(queue).body == "good"

    def test_whoever_has_lost_the_lease_can_neither_release_nor_bury(self, opened: Opener) -> None:
        queue, other = opened(lease=4, max_receives=1000), opened(lease=4, max_receives=1000)
        queue.send("1")
        lost, took = one(queue), 4.0
        while took > 3:  # else the other lease may have ended, too
            (began,) = until(lambda: received_at(other))
            time.sleep(1)  # an adapter may know the end of a lease by its own clock alone
            queue.release(lost, "late")
            queue.bury(lost, "late")
            found = queue.receive(), queue.depth()
            took = time.monotonic() - began
        assert found == ([], Depth(0, 0, 1, 0))
        assert queue.dead(10) == []

    # --- dead letters

    def test_a_dead_letter_that_is_sent_once_more_is_as_new(self, queue: JobQueue) -> None:
        queue.send("1")
        queue.bury(one(queue), "bad")
        (letter,) = queue.dead(10)
        assert queue.retry(letter.letter_id)
        assert not queue.retry(letter.letter_id)
        assert queue.dead(10) == []
        again = one(queue)
        assert (again.body, again.receives) == ("1", 1)

    def test_a_dead_letter_that_is_dropped_is_gone(self, queue: JobQueue) -> None:
        for body in "12":
            queue.send(body)
            queue.bury(one(queue), "bad")
        first = next(each for each in queue.dead(10) if each.body == "1")
        assert queue.drop(first.letter_id)
        assert not queue.drop(first.letter_id)
        assert [each.body for each in queue.dead(10)] == ["2"]
        assert queue.receive() == []

    @pytest.mark.parametrize("letter_id", ["", "0", "17", "-1", "no such", "é/../*", "9" * 40])
    def test_a_dead_letter_that_is_not_there_is_told(self, queue: JobQueue, letter_id: str) -> None:
        assert not queue.retry(letter_id)
        assert not queue.drop(letter_id)

    # --- depth

    def test_the_depth_counts_each_kind(self, queue: JobQueue) -> None:
        assert queue.depth() == Depth(0, 0, 0, 0)
        for number in range(4):
            queue.send(str(number))
        queue.send("later", delay=60)
        one(queue)
        queue.bury(one(queue), "bad")
        assert queue.depth() == Depth(waiting=2, delayed=1, leased=1, dead=1)
        for _ in range(2):
            queue.delete(one(queue))
        assert queue.receive() == []
        assert queue.depth() == Depth(waiting=0, delayed=1, leased=1, dead=1)

    def test_a_message_released_with_a_delay_still_counts(self, queue: JobQueue) -> None:
        queue.send("1")
        queue.release(one(queue), "busy", delay=60)
        depth = queue.depth()
        assert (depth.waiting, depth.delayed + depth.leased, depth.dead) == (0, 1, 0)

    # --- many at once

    def test_threads_drain_a_queue_each_message_once(self, queue: JobQueue) -> None:
        wanted = sorted(f"message {number}" for number in range(self.many))

        def drain(_: int) -> list[str]:
            bodies = []
            while found := queue.receive(3, wait=1):
                for delivery in found:
                    queue.delete(delivery)
                    bodies.append(delivery.body)
            return bodies

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(queue.send, wanted))
            drained = [body for bodies in threads.map(drain, range(6)) for body in bodies]
        assert sorted(drained) == wanted
        assert queue.depth() == Depth(0, 0, 0, 0)

    def test_processes_drain_a_queue_each_message_once(self, url: str, name: str, queue: JobQueue) -> None:
        children = [child(url, name, LONG, "drain") for _ in range(self.processes)]
        wanted = sorted(f"message {number}" for number in range(self.many))
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(queue.send, wanted))
        drained = [each.communicate(timeout=60)[0].splitlines() for each in children]
        while left := queue.receive(wait=1):  # children that were quick had nothing to wait for
            drained.append([each.body for each in left])
            queue.delete(left[0])
        assert sorted(body for bodies in drained for body in bodies) == wanted
        assert queue.depth() == Depth(0, 0, 0, 0)

    def test_a_killed_receiver_loses_nothing(self, url: str, name: str, opened: Opener) -> None:
        queue = opened(lease=self.short)
        queue.send("1")
        with child(url, name, self.short, "hold") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"
            process.kill()
        again = one(queue)
        assert (again.body, again.receives) == ("1", 2)
