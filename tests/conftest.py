"""Material shared by the tests: the demo class, its photographs, and the evaluation data where they are present."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

import dlib_reference
from browser import chromium_program, opened
from nats_server import NatsServer, nats_program
from photocall.demo import Demo, make_demo, read_portraits
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.images import read_image
from postgres import PostgresServer, postgres_programs
from s3_server import CREDENTIALS, running_s3

ROOT = Path(__file__).parent.parent


def _absent(reason: str) -> NoReturn:
    """Skip on a developer's machine; fail where everything must have been set up."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard() -> None:
    """A shell starts what it runs in the background deaf to Ctrl-C, and so would be every process that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def demo_archives() -> Path:
    """The folder with the archives that the demo's photographs are taken from."""
    archives = Path(os.environ.get("PHOTOCALL_DEMO_ARCHIVES") or ROOT / ".demo")
    if not archives.is_dir() or not any(archives.iterdir()):
        _absent(f"the demo's archives are not in {archives}; run `make setup`")
    return archives


@pytest.fixture(scope="session")
def portraits(demo_archives: Path) -> dict[str, ByteArray]:
    """The photographs obama, obama2, obama3, biden and astronaut: uint8 RGB, shape (h, w, 3)."""
    return read_portraits(demo_archives)


@pytest.fixture(scope="session")
def demo(demo_archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo class, made once; its files are shared, so tests leave them as they are."""
    return make_demo(demo_archives, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The folder with the labelled photos and videos for evaluation, which are not part of the project."""
    folder = Path(os.environ.get("PHOTOCALL_EVAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"there is no evaluation data in {folder}; PHOTOCALL_EVAL_DATA names its place")
    return folder


@pytest.fixture(scope="session")
def engine() -> Iterator[FaceEngine]:
    """One engine for all tests; it keeps nothing between calls."""
    with FaceEngine(threads=2) as engine:
        yield engine


@pytest.fixture(scope="session")
def dlib_engine() -> Iterator[FaceEngine]:
    """An engine whose embeddings are exactly dlib's."""
    with FaceEngine(threads=2, pack="dlib-mtcnn") as engine:
        yield engine


@pytest.fixture(scope="session")
def photos(portraits: dict[str, ByteArray]) -> dict[str, ByteArray]:
    """Pictures with faces: the portraits, and the evaluation data's group photos where they are present."""
    data = Path(os.environ.get("PHOTOCALL_EVAL_DATA") or ROOT.parent / "shared" / "data")
    group = {path.name: read_image(path) for path in sorted((data / "group-photos").glob("*.jpg"))}
    return {**portraits, **group}


@pytest.fixture(scope="session")
def dlib_faces(photos: dict[str, ByteArray]) -> list[tuple[ByteArray, NDArray[np.int64]]]:
    """Pictures and the rectangles of the faces that dlib's own detector finds in them; slow, so done once."""
    smaller = {name: image for name, image in photos.items() if image.shape[0] * image.shape[1] < 1_500_000}
    return [(image, dlib_reference.rectangles(image)) for image in smaller.values()]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL on a free port of this machine, for all tests; each makes a database of its own."""
    programs = postgres_programs()
    if programs is None:
        _absent("there is no PostgreSQL server on this machine; run `make servers`")
    with PostgresServer(programs) as server:
        yield server


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A real NATS with JetStream on a free port of this machine, for all tests; each takes queues of its own."""
    program = nats_program()
    if program is None:
        _absent("there is no NATS server on this machine; run `make servers`")
    with NatsServer(program) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium for a module's tests; not for all, since while it runs no test could run an event loop."""
    program = chromium_program()
    if program is None:
        _absent("there is no Chromium on this machine; run `make servers`")
    with opened(program) as browser:
        yield browser


@pytest.fixture(scope="session")
def amazon() -> Iterator[str]:
    """The address of S3, SQS and DynamoDB, for all tests; each takes names of its own."""
    with running_s3() as endpoint:
        yield endpoint


@pytest.fixture
def aws(amazon: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, which the environment names, too."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": amazon}.items():
        monkeypatch.setenv(name, value)
    return amazon
