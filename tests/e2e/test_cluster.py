"""An own cluster: PostgreSQL, NATS and an S3, and workers on two hosts of which one is cut off and killed.

Hosts are processes with data directories of their own, which reach the three servers by wires of their own.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from nats_server import NatsServer
from photocall import fleet, results
from photocall.app import open_app, open_bucket, open_objects, open_queue
from photocall.demo import Demo
from photocall.enrolment import enroll_photo
from photocall.faces import ByteArray
from photocall.fleet import Doing, PoolState
from photocall.jobs import Job, Kind
from photocall.media.images import encode_jpeg
from photocall.settings import Settings
from photocall.submission import submit
from postgres import PostgresServer
from relay import Relay
from s3_server import CREDENTIALS, make_bucket, running_s3

PHOTOS, VIDEOS, LEASE = 20, 2, 3


@dataclass
class Cluster:
    """Where the three servers are, as everybody reaches them."""

    database: str
    queue: str
    endpoint: str
    names: dict[str, str]

    def settings(self, data: Path) -> Settings:
        return Settings(data=data, database=self.database, queue=self.queue, **self.names)


class Host:
    """A machine with workers; its wires can be cut."""

    def __init__(self, name: str, cluster: Cluster, folder: Path) -> None:
        self._wires = [Relay(urlsplit(url).port or 0) for url in (cluster.database, cluster.queue, cluster.endpoint)]
        urls = (cluster.database, cluster.queue, cluster.endpoint)
        database, queue, endpoint = (_by(url, wire) for url, wire in zip(urls, self._wires, strict=True))
        own = {"data": str(folder / name), "database": database, "queue": queue, **cluster.names}
        environment = {f"PHOTOCALL_{key.upper()}": value for key, value in own.items()}
        environment = {**os.environ, **environment, "AWS_ENDPOINT_URL": endpoint}
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "photocall", "worker", "--max", "2"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def cut(self) -> None:
        for wire in self._wires:
            wire.cut()

    def mend(self) -> None:
        for wire in self._wires:
            wire.mend()

    def kill(self) -> None:
        """End every process of it at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        for wire in self._wires:
            wire.__exit__(None, None, None)


def _by(url: str, wire: Relay) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{wire.port}")).geturl()


@pytest.fixture
def cluster(postgres: PostgresServer, nats_server: NatsServer) -> Iterator[Cluster]:
    with running_s3() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
            environment.setenv(name, value)
        for bucket in ("photocall", "photocall-input", "photocall-output"):
            make_bucket(endpoint, bucket)
        names = {"objects": "s3://photocall/store", "request_queue": f"cluster-{random.randrange(10**9)}"}
        yield Cluster(postgres.new_database(), nats_server.url, endpoint, {**names, "lease": str(LEASE)})


@pytest.fixture
def hosts(cluster: Cluster, tmp_path: Path) -> Iterator[list[Host]]:
    with ExitStack() as stack:
        made = [Host(name, cluster, tmp_path) for name in ("one", "two")]
        for host in made:
            stack.callback(host.end)
        yield made


@pytest.fixture
def settings(cluster: Cluster, tmp_path: Path, demo: Demo) -> Settings:
    """Of whoever asks, with the demo class enrolled."""
    settings = cluster.settings(tmp_path / "asking")
    with open_app(settings) as app:
        app.gallery()
        for path in sorted(demo.enroll.iterdir()):
            enroll_photo(app.engine, app.store, "students", path, path.stem)
    return settings


def ask(settings: Settings, portraits: dict[str, ByteArray], demo: Demo) -> list[Job]:
    """Put photos and videos into the bucket, and ask for them."""
    bucket, objects, queue = open_bucket(settings, settings.input_bucket), open_objects(settings), open_queue(settings)
    portrait = encode_jpeg(np.ascontiguousarray(portraits["obama3"]))
    files = {f"lesson-{number}.mp4": demo.clip.read_bytes() for number in range(VIDEOS)}
    files |= {f"photo-{number:02d}.jpg": portrait for number in range(PHOTOS)}
    jobs = [Job(Kind.RECOGNIZE, settings.input_bucket, key) for key in files]
    for job in jobs:
        bucket.put(job.key, files[job.key])
        submit(objects, queue, job)
    queue.close()
    return jobs


def wait_until(enough: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not enough():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def pools(settings: Settings) -> list[PoolState]:
    return fleet.pools(open_objects(settings))


def cut_in_the_middle(settings: Settings, portraits: dict[str, ByteArray], demo: Demo, host: Host) -> list[Job]:
    """Ask for jobs, and cut a host off once both are busy with them."""
    wait_until(lambda: len(pools(settings)) == 2)
    jobs = ask(settings, portraits, demo)
    wait_until(lambda: all(any(each.doing is Doing.BUSY for each in pool.workers) for pool in pools(settings)))
    host.cut()
    return jobs


def check(settings: Settings, jobs: list[Job]) -> None:
    """Every job has one right result, and the queue is empty."""
    objects, output = open_objects(settings), open_bucket(settings, settings.output_bucket)
    for job in jobs:
        found = results.read_result(objects, job.job_id)
        assert found and found["status"] == "done"
        if job.key.endswith(".jpg"):
            assert found["names"] == ["Barack Obama"] and output.get(job.stem) == b"Barack Obama"
    tables = {output.get(f"lesson-{number}.csv") for number in range(VIDEOS)}
    assert len(tables) == 1 and b"Barack Obama" in tables.pop()
    assert len([each for each in objects.list(results.FOLDER) if each.key.count("/") == 1]) == len(jobs)


def is_done(settings: Settings) -> bool:
    queue = open_queue(settings)
    depth = queue.depth()
    queue.close()
    return depth.waiting + depth.delayed + depth.leased == 0 and depth.dead == 0


def test_a_host_that_is_cut_off_and_killed_costs_no_job(
    settings: Settings, portraits: dict[str, ByteArray], demo: Demo, hosts: list[Host]
) -> None:
    jobs = cut_in_the_middle(settings, portraits, demo, hosts[0])
    time.sleep(1)
    hosts[0].kill()
    wait_until(lambda: is_done(settings))
    check(settings, jobs)


def test_a_host_that_comes_back_after_its_jobs_were_done_by_others_does_no_harm(
    settings: Settings, portraits: dict[str, ByteArray], demo: Demo, hosts: list[Host]
) -> None:
    jobs = cut_in_the_middle(settings, portraits, demo, hosts[0])
    wait_until(lambda: is_done(settings))
    hosts[0].mend()
    hosts[0].process.send_signal(signal.SIGTERM)
    assert hosts[0].process.wait(60) == 0
    check(settings, jobs)
    assert is_done(settings)
