"""The functions that do jobs, each in a real process of AWS's runtime, with events as AWS sends them."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from aws_account import Account, opened_account
from commandline import data_with
from photocall.aws import environment, jobs
from photocall.demo import Demo
from photocall.errors import ModelMismatch
from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg
from recorded import recorded
from runtime_api import Environment, FunctionFailed

WORKER, HANDLER = "photocall.aws.jobs.worker", "photocall.aws.jobs.face_recognition_handler"
CONTAINER = Path(__file__).parent.parent / "deploy" / "container"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, demo: Demo, portraits: dict[str, ByteArray]) -> Iterator[Account]:
    """An account with the demo class enrolled, a video and two photos."""
    data = tmp_path_factory.mktemp("data")
    with opened_account(data, video_fps="1") as account:
        data_with(data, demo.enroll)
        account.put("photocall-input", "lessons/müller c++.mp4", demo.clip.read_bytes())
        account.put("photocall-input", "class/photo ä.jpg", encode_jpeg(portraits["obama3"]))
        account.put("photocall", "Ada Lovelace.jpg", encode_jpeg(portraits["astronaut"]))
        yield account


def function(account: Account, handler: str, log: Path, *, seconds: float = 60, **variables: str) -> Environment:
    """One environment of a function; its folder for temporary files is beside its log."""
    temporary = log.with_suffix(".tmp")
    temporary.mkdir(exist_ok=True)
    return Environment(handler, log, {**account.variables, "TMPDIR": str(temporary), **variables}, seconds=seconds)


def people(csv: bytes) -> set[str]:
    return {line.split(",")[0] for line in csv.decode().splitlines()[1:]}


def test_a_batch_of_messages_is_done_and_none_comes_again(account: Account, tmp_path: Path, demo: Demo) -> None:
    batch = recorded("sqs-batch")
    with function(account, WORKER, tmp_path / "log") as worker:
        assert worker.invoke(batch) == {"batchItemFailures": []}
        output = account.objects("photocall-output")
        assert people(output["lessons/müller c++.csv"]) == {path.stem for path in demo.enroll.iterdir()}
        assert output["class/photo ä"].decode() in people(output["lessons/müller c++.csv"])
        results = account.objects("photocall-data")
        assert worker.invoke(batch) == {"batchItemFailures": []}
    assert account.objects("photocall-data") == results  # what is done is not done again
    assert not list((tmp_path / "log.tmp").glob("photocall*"))


def test_what_cannot_be_done_now_is_named_and_the_rest_is_not_kept_waiting(account: Account, tmp_path: Path) -> None:
    """A bucket for results that is missing is nobody's fault; the answer comes before the function's time is up."""
    batch = recorded("sqs-batch")
    (first, *_, poison) = batch["Records"]
    away = {"PHOTOCALL_OBJECTS": "s3://photocall-missing"}
    with function(account, WORKER, tmp_path / "log", seconds=7, **away) as worker:
        answer = worker.invoke({"Records": [poison, first]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": first["messageId"]}]}


def test_an_event_of_s3_becomes_a_csv_in_the_output_bucket(account: Account, tmp_path: Path, demo: Demo) -> None:
    """The function under its old name, as the image has it."""
    log = tmp_path / "log"
    with Environment("handler.face_recognition_handler", log, account.variables, folder=CONTAINER) as handler:
        assert handler.invoke(recorded("s3-put")) is None
        assert handler.invoke(recorded("s3-test")) is None
    assert people(account.objects("photocall-output")["lessons/müller c++.csv"])


def test_every_record_is_done_before_one_that_fails_is_told(
    account: Account, tmp_path: Path, demo: Demo, portraits: dict[str, ByteArray]
) -> None:
    with function(account, HANDLER, tmp_path / "log") as handler:
        with pytest.raises(FunctionFailed, match=r"Not done: There is no object 'a\.mp4'") as failure:
            handler.invoke(recorded("s3-several"))
        assert failure.value.kind == "JobUnfinished"
        indexed = [json.loads(each) for each in account.objects("photocall-data").values() if b'"face_ids"' in each]
        assert [result["key"] for result in indexed] == ["Ada Lovelace.jpg"]
        account.put("photocall-input", "a.mp4", demo.clip.read_bytes())
        assert handler.invoke(recorded("s3-several")) is None  # as Lambda tries again
    assert "a.csv" in account.objects("photocall-output")
    again = [json.loads(each) for each in account.objects("photocall-data").values() if b'"face_ids"' in each]
    assert again == indexed


def test_the_log_is_json_that_names_the_event_and_nobody(account: Account, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with function(account, HANDLER, log) as handler:
        handler.invoke(recorded("s3-test"))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (event,) = (line for line in lines if line.get("message") == "event")
    (metric,) = (line for line in lines if "_aws" in line)
    assert event["request_id"] and event["jobs"] == 0 and metric["Jobs"] == [0]


def test_an_environment_whose_model_is_another_than_the_classs_opens_all_anew_for_the_next_event(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In this process, since nothing else can be made to fail at that moment."""

    class Context(LambdaContext):
        _aws_request_id, _epoch_deadline_time_in_ms = "1", 0
        get_remaining_time_in_millis = staticmethod(lambda: 60_000)

    def migrated(*_: object) -> dict[str, Any]:
        raise ModelMismatch(expected="new", found="old")

    monkeypatch.setattr("photocall.worker.run", migrated)
    monkeypatch.setenv("PHOTOCALL_DATA", str(tmp_path))
    for elsewhere in ("PHOTOCALL_DATABASE", "PHOTOCALL_OBJECTS"):
        monkeypatch.delenv(elsewhere, raising=False)
    first, *_ = recorded("sqs-batch")["Records"]
    try:
        assert jobs.worker({"Records": [first]}, Context())["batchItemFailures"]
        assert environment.tools.cache_info().currsize == 0
    finally:
        environment.settings.cache_clear()
        environment.queue.cache_clear()


def test_what_a_process_that_was_ended_had_fetched_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("photocall-x1", "photocall"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "object").write_bytes(b"a video")
    jobs.remove_leftovers()
    assert [path.name for path in tmp_path.iterdir()] == ["photocall"]
