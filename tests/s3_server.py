"""An S3 and an SQS of our own: moto's server in a process, which keeps everything in memory."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

SERVER = Path(__file__).with_name("moto_server.py")

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "us-east-1"}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server ended with exit code {process.returncode}")


@contextmanager
def running_s3() -> Iterator[str]:
    """The address of an S3 that is empty."""
    port = free_port()
    command = [sys.executable, str(SERVER), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_listening(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def make_bucket(endpoint: str, name: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT")).close()


def make_queue(name: str) -> None:
    """Make a queue of SQS and the one for its dead letters, as docs/queues.md says; the environment says where."""
    client = boto3.client("sqs", region_name=CREDENTIALS["AWS_REGION"])
    for each in (name, f"{name}-dead"):
        client.create_queue(QueueName=each, Attributes={"MessageRetentionPeriod": "1209600"})
