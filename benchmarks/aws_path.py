"""Claim: a hundred videos put into a bucket become a hundred right CSVs, by environments that come and go with them.

Real processes of AWS's own runtime, `awslambdaric`, on this machine; S3, SQS and DynamoDB are moto's server. So times
say nothing about AWS: what counts is that nothing is lost. Every message is handed over twice, a few can never be done,
and an environment is killed while it works.
"""

import csv
import io
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.elastic_plot import Moment, draw_curve
from benchmarks.material import ROOT, Material
from benchmarks.tables import Table, target
from benchmarks.timing import Result

sys.path.insert(0, str(ROOT / "tests"))  # Lambda's side of a function is there, and the servers that stand for AWS

from aws_account import Account, opened_account
from commandline import data_with
from event_source import Function
from whole_path import JOBS, Run, run_path

VIDEOS, MOST = 100, 4

PICTURE = ROOT / "docs" / "aws-path.svg"

_POISON = {"text.mp4": b"no video", "empty.mp4": b"", "half.mp4": b"\0\0\0\x18ftypmp42"}
_PATIENCE = 1800


def measure(material: Material) -> Result | None:
    """Copies of the course's clips, what came of them, and the curve of environments and messages."""
    if material.evaluation is None:
        return None
    clips, folder = material.evaluation / "classroom-videos", material.folder / "aws-path"
    videos = sorted(clips.glob("*.mp4"))[: 2 if material.quick else None]
    sent = {f"{number}/{videos[number % len(videos)].name}": b"" for number in range(10 if material.quick else VIDEOS)}
    sent = {key: (clips / Path(key).name).read_bytes() for key in sent}
    folder.mkdir()
    with opened_account(folder) as account:
        data_with(folder, "--encodings", clips / "encoding", "--students", clips / "student_data.json")
        account.let_tell("photocall-input", JOBS)
        run = run_path(
            account, folder, sent | _POISON, most=MOST, patience=_PATIENCE, meanwhile=lambda one: _disturb(account, one)
        )
    if not material.quick:
        curve = [Moment(each.seconds, each.environments, each.messages) for each in run.curve]
        draw_curve(PICTURE, curve, MOST, who="environments")
    return _summary(run, _expected(clips), len(sent))


def tables(result: Result) -> list[Table]:
    """One row."""
    right, videos = result["right"], result["videos"]
    row = (
        f"{right} of {videos}; {target(right == videos, 'all')}",
        f"{result['left']}",
        f"{result['letters']}; {target(result['letters'] == result['poison'], str(result['poison']))}",
        f"0, {result['peak']}, {result['end']}; {target(not result['end'], 'none at the end')}",
        f"{result['started']}",
        f"{result['seconds']:.0f} s",
    )
    header = ("CSVs right", "messages left", "dead letters", "environments", "started in all", "took")
    note = "Of times on AWS it says nothing. The curve is on the page about [functions](functions.md#the-whole-path)."
    title = f"{videos} videos and {result['poison']} that can never be done, on the whole path of AWS, on this machine"
    return [Table(title, header, [row], note)]


def _disturb(account: Account, function: Function) -> None:
    """Send a message that is no job, and kill an environment that works."""
    queue = account.sqs.get_queue_url(QueueName=JOBS)["QueueUrl"]
    account.sqs.send_message(QueueUrl=queue, MessageBody="no job")
    while not function.kill():
        time.sleep(0.05)


def _expected(clips: Path) -> dict[str, tuple[str, str, str]]:
    """Name, major and year of who is in each clip, by its name without ending."""
    with (clips / "expected.csv").open(newline="") as file:
        return {Path(row["video"]).stem: (row["name"], row["major"], row["year"]) for row in csv.DictReader(file)}


def _summary(run: Run, expected: Mapping[str, tuple[str, str, str]], videos: int) -> Result:
    tables = {key: list(csv.reader(io.StringIO(data.decode())))[1:] for key, data in run.outputs.items()}
    right = sum([tuple(row[:3]) for row in rows] == [expected[Path(key).stem]] for key, rows in tables.items())
    return {
        "videos": videos,
        "right": right,
        "left": run.depth.waiting + run.depth.delayed + run.depth.leased,
        "poison": len(_POISON) + 1,
        "letters": len(run.letters),
        "peak": max(moment.environments for moment in run.curve),
        "end": run.curve[-1].environments,
        "started": run.started,
        "seconds": round(run.curve[-1].seconds, 1),
    }
