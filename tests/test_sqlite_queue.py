"""The queue in an SQLite file: the contract, then what only a file can suffer."""

import os
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest

from contracts.job_queue import LONG, JobQueueContract, one
from nobody import as_nobody
from photocall.errors import SettingInvalid, StoreUnavailable
from photocall.ports import Depth
from photocall.stores import sqlite_queue
from photocall.stores.queues import open_queue
from photocall.stores.sqlite_queue import SqliteQueue

KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from photocall.stores.sqlite_queue import SqliteQueue

folder, rounds, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(1)

def work(number):
    diary = os.open(folder / f"{number}.diary", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    queue = SqliteQueue(folder / "queue.db", "jobs", lease=3600, max_receives=100)
    for each in range(1_000_000):
        queue.send(f"{number}-{each}")
        os.write(diary, f"sent {number}-{each}\\n".encode())
        for delivery in queue.receive(each % 3 or 1):
            os.write(diary, f"received {delivery.body}\\n".encode())
            queue.delete(delivery)

for turn in range(rounds):
    children = []
    for number in range(3):
        children.append(os.fork())
        if not children[-1]:
            work(f"{turn}-{number}")
    for child in children:
        time.sleep(chance.uniform(0.01, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
"""
"""Has processes send and receive, each of which writes down what is certain, and kills them in the middle of it."""


class TestSqliteQueue(JobQueueContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/queues/queue.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queues" / "queue.db"


@pytest.fixture
def queue(path: Path) -> Iterator[SqliteQueue]:
    with closing(opened(path)) as queue:
        yield queue


def opened(path: Path, lease: float = LONG) -> SqliteQueue:
    return SqliteQueue(path, "jobs", lease=lease, max_receives=3)


def test_processes_killed_in_the_middle_of_everything_lose_nothing_and_have_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "25"], check=True)
    diaries = "".join(diary.read_text() for diary in tmp_path.glob("*.diary")).splitlines()
    sent = {line.split()[1] for line in diaries if line.startswith("sent")}
    received = Counter(line.split()[1] for line in diaries if line.startswith("received"))
    monkeypatch.setattr(sqlite_queue, "_boot", lambda: "another start of the machine")
    with closing(opened(tmp_path / "queue.db")) as queue:
        left = {one(queue).body for _ in range(queue.depth().waiting)}
        assert queue.depth() == Depth(0, 0, len(left), 0)
    assert len(sent) > 100
    assert sent <= received.keys() | left
    assert set(received.values()) == {1}


def test_a_lease_outlives_a_jump_of_the_clock(path: Path, queue: SqliteQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.send("1")
    queue.send("later", delay=LONG)
    delivery = one(queue)
    for clock in (0.0, 4e9):
        monkeypatch.setattr("time.time", lambda clock=clock: clock)
        assert queue.receive() == []
        assert queue.extend(delivery)
    assert queue.depth() == Depth(0, 1, 1, 0)


def test_after_the_machine_has_started_anew_everything_is_due(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_queue, "_now", lambda: 1e9)  # it had been up for long
    with closing(opened(path)) as queue:
        queue.send("leased")
        one(queue)
        queue.send("delayed", delay=LONG)
    monkeypatch.undo()
    monkeypatch.setattr(sqlite_queue, "_boot", lambda: "another start of the machine")
    with closing(opened(path)) as queue:
        assert sorted((one(queue).body, one(queue).body)) == ["delayed", "leased"]


def test_another_process_that_opens_the_queue_leaves_leases_alone(path: Path, queue: SqliteQueue) -> None:
    queue.send("1")
    one(queue)
    with closing(opened(path)) as other:
        assert other.receive() == []


# --- a file that fails


def test_a_queue_is_its_owners_alone(path: Path, queue: SqliteQueue) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_bytes_that_are_no_queue_are_told_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(random.Random(1).randbytes(40_000))
    with pytest.raises(StoreUnavailable, match=r"queue\.db: .*damaged"):
        opened(path)
    assert path.read_bytes() == random.Random(1).randbytes(40_000)


@pytest.mark.parametrize("size", [100, 4096, 12_288, 60_000])
def test_a_truncated_queue_is_told(path: Path, size: int) -> None:
    with closing(opened(path)) as queue:
        for number in range(300):
            queue.send(str(number) * 100)
    os.truncate(path, size)
    with pytest.raises(StoreUnavailable, match=r"queue\.db: .*(damaged|restore it)"):
        use(path)


def use(path: Path) -> None:
    with closing(opened(path)) as queue:
        while found := queue.receive(10):
            for delivery in found:
                queue.delete(delivery)
        queue.send("1")


def fill(path: Path, size: int) -> tuple[str, int]:
    """Send until the disk is full: why it ended, and how many are there."""
    with closing(opened(path)) as queue:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        sent = 0
        try:
            while True:
                queue.send("a message " * 1000)
                sent += 1
        except StoreUnavailable as error:
            assert queue.depth().waiting == sent
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            queue.send("there is room again")
            return str(error), queue.depth().waiting - sent


def test_a_full_disk_is_told_and_costs_nothing_that_was_sent(path: Path) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        reason, more = processes.submit(fill, path, 1_000_000).result()
    assert "disk" in reason
    assert "\n" not in reason
    assert more == 1


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


def test_a_queue_that_may_not_be_written_is_told(open_folder: Path) -> None:
    path = open_folder / "queue.db"
    use(path)
    path.chmod(0o444)
    open_folder.chmod(0o555)
    with as_nobody(), pytest.raises(StoreUnavailable, match=r"queue\.db: it (may not be|cannot be)"):
        use(path)


def test_a_queue_that_was_closed_says_so_plainly(path: Path) -> None:
    queue = opened(path)
    queue.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        queue.receive()


# --- addresses and names


@pytest.mark.parametrize(
    "url", ["", "queue.db", "sqlite://", "sqlite:///a.db?x=1", "amqp://ada:hush@host", "sqs://jobs"]
)
def test_an_address_of_another_kind_is_refused_with_one_that_is_right(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"such as sqlite:///|it is sqs:// alone") as caught:
        open_queue(url, "jobs", lease=LONG, max_receives=3)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a/b", "a*", "jobs\n", "é", "x" * 76])
def test_a_name_that_some_queue_could_not_have_is_refused_by_all(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="1 to 75 letters"):
        open_queue(f"sqlite:///{tmp_path}/queue.db", name, lease=LONG, max_receives=3)
