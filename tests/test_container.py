"""The image for AWS. Its content is made in folders, as the Dockerfile makes it, and run from there without anything of
the environment of the tests; the image itself is built only if somebody asks for it."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from image_content import CONTAINER, PYTHON, ROOT, copy_packages, finish, megabytes
from photocall.demo import Demo
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.images import read_image, write_image
from runtime_api import Environment

MOST_MEGABYTES = 250
"""Of the image without its base; the goal of the project."""

ALONE = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise ConnectionError(event)
sys.addaudithook(refuse)
sys.path.insert(0, sys.argv[1])
"""

LAMBDA = {
    "PATH": os.environ["PATH"],
    "AWS_REGION": "us-east-1",
    "ORT_DISABLE_TELEMETRY": "1",  # Python cannot refuse what ONNX Runtime itself would send
    "PHOTOCALL_DATA": "/nowhere",
    "PHOTOCALL_DATABASE": "dynamodb://photocall",
    "PHOTOCALL_QUEUE": "sqs://",
}


@dataclass(frozen=True)
class Content:
    tree: Path
    cache: Path

    def run(self, code: str, *arguments: str) -> str:
        """What a program prints that has Python and this content, nothing else, and no network."""
        command = [str(PYTHON), "-I", "-S", "-c", ALONE + code, str(self.tree), *arguments]
        environment = {**LAMBDA, "PHOTOCALL_CACHE": str(self.cache)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    if not (shutil.which("cc") and shutil.which("strip")):
        reason = "there is no C compiler with binutils on this machine; run `make servers`"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("image")
    made = Content(folder / "task", folder / "cache")
    copy_packages(made.tree, "server", "aws")
    finish(made.tree, made.cache)
    yield made
    shutil.rmtree(folder)


def test_the_content_is_small(content: Content) -> None:
    assert megabytes(content.tree) + megabytes(content.cache) <= MOST_MEGABYTES


def test_the_engine_starts_with_nothing_else_and_sees_the_same_face(
    content: Content, demo: Demo, dlib_engine: FaceEngine
) -> None:
    code = """
import json
from photocall.engine.face_engine import FaceEngine
from photocall.media.images import read_image
from pathlib import Path
with FaceEngine(pack="dlib-mtcnn") as engine:
    print(json.dumps(engine.faces(read_image(Path(sys.argv[2])))[0].embedding.vector.tolist()))
"""
    vector = np.array(json.loads(content.run(code, str(demo.photo))))
    embedding = dlib_engine.faces(read_image(demo.photo))[0].embedding
    assert embedding is not None
    assert np.linalg.norm(vector - embedding.vector) < 1e-4


def test_every_function_of_the_templates_can_be_loaded(content: Content) -> None:
    templates = "".join(path.read_text() for path in (ROOT / "deploy" / "aws").glob("*.yaml"))
    commands = set(re.findall(r"\b(?:photocall\.aws|handler)\.[a-z_.]+", templates))
    assert len(commands) >= 10
    commands.remove("photocall.aws.web.handler")  # asks the database while it is loaded; what it needs is loaded below
    code = """
import importlib
for command in sys.argv[2:]:
    module, _, name = command.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name)), command
"""
    content.run(code, *commands)


def test_a_video_can_be_read_and_not_written(content: Content, demo: Demo) -> None:
    code = """
import av
with av.open(sys.argv[2]) as video:
    print(sum(1 for _ in video.decode(video=0)))
for encoder in ("libx264", "libx265", "libsvtav1"):
    try:
        av.open("/dev/null", "w", format="mp4").add_stream(encoder, rate=5).encode(av.VideoFrame(64, 64, "yuv420p"))
    except av.FFmpegError:
        print(encoder)
"""
    frames, *refused = content.run(code, str(demo.clip)).split()
    assert int(frames) > 0
    assert refused == ["libx264", "libx265", "libsvtav1"]


def test_workers_and_the_server_can_be_started_from_it(content: Content) -> None:
    code = """
import mangum, photocall.server.http, photocall.worker_process
from photocall.cli import main
main(["worker", "--help"])
"""
    assert "photocall worker" in content.run(code)


@pytest.mark.timeout(1200)
def test_the_image_is_built_and_answers(tmp_path: Path, portraits: dict[str, ByteArray]) -> None:
    """Where PHOTOCALL_BASE_IMAGE names an image with Python 3.11 that podman has, such as one made by debootstrap."""
    base = os.environ.get("PHOTOCALL_BASE_IMAGE")
    if not base or not shutil.which("podman"):
        pytest.skip("the image is not built: PHOTOCALL_BASE_IMAGE names no base for it, or there is no podman")
    dockerfile = ["--build-arg", f"BASE={base}", "--file", str(CONTAINER / "Dockerfile")]
    subprocess.run(["podman", "build", *dockerfile, "--tag", "photocall-test", str(ROOT)], check=True)
    locked = ["--rm", "--read-only", "--tmpfs", "/tmp"]
    picture = base64.b64encode(write_jpeg(tmp_path, portraits["obama"])).decode()
    event: dict[str, object] = {"httpMethod": "POST", "path": "/encode", "requestContext": {"stage": "prod"}}
    event |= {"headers": {}, "isBase64Encoded": False, "body": json.dumps({"image_data": picture})}
    program, log = ["podman", "run", *locked, "--network", "host", "--env-host", "photocall-test"], tmp_path / "log"
    with Environment("photocall.aws.pictures.encode_face", log, seconds=120, program=program) as function:
        answer = function.invoke(event)
    assert answer["statusCode"] == 200, log.read_text()
    assert len(json.loads(answer["body"])["encoding"]) == 128
    worker = ["podman", "run", *locked, "--entrypoint", "photocall", "photocall-test", "worker", "--help"]
    assert "photocall worker" in subprocess.run(worker, capture_output=True, text=True, check=True).stdout


def write_jpeg(folder: Path, image: ByteArray) -> bytes:
    write_image(folder / "portrait.jpg", image)
    return (folder / "portrait.jpg").read_bytes()
