"""Functions of the course's later variant: a video becomes one photo in a bucket between, a photo becomes a name.

Each has one bucket that tells it of new objects, PHOTOCALL_INPUT_BUCKET, and one that it writes to,
PHOTOCALL_OUTPUT_BUCKET; so the first one's output is the second one's input.
"""

import json
from dataclasses import replace

from aws_lambda_powertools.utilities.typing import LambdaContext

from photocall.aws import environment
from photocall.aws.jobs import Json, do_all, face_recognition_handler
from photocall.jobs import Kind, message, parse
from photocall.worker import kind_of

face_recognition = face_recognition_handler
"""Says who is in a photo: `test_00.jpg` gives `test_00.txt`, where PHOTOCALL_NAME_SUFFIX is .txt."""


def video_splitting(event: Json, context: LambdaContext) -> None:
    """Put the best frame of every video of an event of S3 into the output bucket: `test_00.mp4` gives `test_00.jpg`.

    Raises `JobUnfinished` as `face_recognition_handler` does, and `JobInvalid` for what is no event of the bucket.
    """
    settings = environment.settings()
    jobs = parse(json.dumps(event), lambda bucket: kind_of(bucket, settings))
    do_all([message(replace(job, kind=Kind.BEST_FRAME)) for job in jobs], context)
