"""The course's later variant on AWS: from a video by one photo in a bucket between to a name, all by functions."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_account import Account, opened_account
from clips import write
from commandline import data_with
from recorded import recorded
from runtime_api import Environment, FunctionFailed

SPLITTING, RECOGNITION = "photocall.aws.course.video_splitting", "photocall.aws.course.face_recognition"
INPUT, STAGE, OUTPUT = "1225-input", "1225-stage-1", "1225-output"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with opened_account(tmp_path_factory.mktemp("data"), video_fps="1", name_suffix=".txt") as account:
        for bucket in (INPUT, STAGE, OUTPUT):
            account.make_bucket(bucket)
        yield account


def event(bucket: str, *keys: str) -> dict[str, object]:
    """The event of objects that were put; keys need no escaping."""
    (record,) = recorded("s3-put")["Records"]
    place = {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}
    return {"Records": [{**record, "s3": {**record["s3"], "bucket": place, "object": {"key": key}}} for key in keys]}


def functions(account: Account, log: Path) -> tuple[Environment, Environment]:
    """Both functions; the first one's output is the second one's input."""
    splitting = {**account.variables, "PHOTOCALL_INPUT_BUCKET": INPUT, "PHOTOCALL_OUTPUT_BUCKET": STAGE}
    recognition = {**account.variables, "PHOTOCALL_INPUT_BUCKET": STAGE, "PHOTOCALL_OUTPUT_BUCKET": OUTPUT}
    return Environment(SPLITTING, log, splitting), Environment(RECOGNITION, log, recognition)


def test_every_clip_of_the_course_becomes_one_photo_and_the_photo_the_name_that_its_csv_has(
    account: Account, eval_data: Path, tmp_path: Path
) -> None:
    clips = eval_data / "classroom-videos"
    with (clips / "expected.csv").open(newline="") as file:
        expected = {Path(row["video"]).stem: row["name"] for row in csv.DictReader(file)}
    data_with(tmp_path / "data", "--encodings", clips / "encoding")
    for clip in clips.glob("*.mp4"):
        account.put(INPUT, clip.name, clip.read_bytes())
    splitting, recognition = functions(account, tmp_path / "log")
    with splitting, recognition:
        assert splitting.invoke(event(INPUT, *(f"{stem}.mp4" for stem in expected))) is None
        assert account.objects(STAGE).keys() == {f"{stem}.jpg" for stem in expected}
        assert recognition.invoke(event(STAGE, *(f"{stem}.jpg" for stem in expected))) is None
    names = {f"{stem}.txt": name.encode() for stem, name in expected.items()}
    assert account.objects(OUTPUT) == names


def test_a_video_of_nobody_becomes_a_photo_and_the_answer_unknown(account: Account, tmp_path: Path) -> None:
    account.put(INPUT, "nobody.mp4", write(tmp_path / "nobody.mp4", size=(320, 240)).read_bytes())
    account.put(INPUT, "broken.mp4", b"no video")
    splitting, recognition = functions(account, tmp_path / "log")
    with splitting, recognition:
        with pytest.raises(FunctionFailed, match=r"Not done: broken\.mp4: not a readable video"):
            splitting.invoke(event(INPUT, "broken.mp4", "nobody.mp4"))
        recognition.invoke(event(STAGE, "nobody.jpg"))
        with pytest.raises(FunctionFailed, match="objects of bucket 'foreign' are not worked on"):
            splitting.invoke(event("foreign", "a.mp4"))
    assert account.objects(OUTPUT)["nobody.txt"] == b"unknown"
