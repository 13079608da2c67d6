"""The `aws` command, which knows nothing of photocall."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serving import Served

AWS = Path(sys.executable).with_name("aws")
Jpegs = dict[str, bytes]


def aws(server: Served, *arguments: str) -> Any:
    """What `aws rekognition ...` prints; an error is raised with what it said."""
    where = ["--endpoint-url", server.url, "--region", "us-east-1", "--output", "json"]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    command = [sys.executable, str(AWS), "rekognition", *arguments, *where]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return json.loads(ran.stdout) if ran.stdout else None


@pytest.fixture
def files(tmp_path: Path, jpegs: Jpegs) -> dict[str, str]:
    """The portraits as the command takes them."""
    for name, data in jpegs.items():
        (tmp_path / f"{name}.jpg").write_bytes(data)
    return {name: f"fileb://{tmp_path / name}.jpg" for name in jpegs}


def test_a_face_is_indexed_and_found(server: Served, files: dict[str, str]) -> None:
    where = ["--collection-id", "by-command"]
    assert aws(server, "create-collection", *where)["StatusCode"] == 200
    indexed = aws(server, "index-faces", *where, "--image-bytes", files["obama"], "--external-image-id", "obama")
    face_id = indexed["FaceRecords"][0]["Face"]["FaceId"]
    found = aws(server, "search-faces-by-image", *where, "--image-bytes", files["obama2"])
    assert found["FaceMatches"][0]["Face"]["FaceId"] == face_id
    assert aws(server, "list-faces", *where, "--page-size", "1")["Faces"][0]["ExternalImageId"] == "obama"
    aws(server, "create-user", *where, "--user-id", "obama")
    aws(server, "associate-faces", *where, "--user-id", "obama", "--face-ids", face_id)
    users = aws(server, "search-users-by-image", *where, "--image-bytes", files["obama2"])["UserMatches"]
    assert users[0]["User"]["UserId"] == "obama"
    aws(server, "delete-collection", *where)
    with pytest.raises(RuntimeError, match="ResourceNotFoundException"):
        aws(server, "describe-collection", *where)


def test_two_pictures_are_compared(server: Served, files: dict[str, str]) -> None:
    pictures = ["--source-image-bytes", files["obama"], "--target-image-bytes", files["biden"]]
    found = aws(server, "compare-faces", *pictures)
    assert (len(found["FaceMatches"]), len(found["UnmatchedFaces"])) == (0, 1)
