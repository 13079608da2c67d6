"""Functions of the elastic face recognition system: one cuts the face out of a picture, another one recognises it.

Between them is the queue PHOTOCALL_REQUEST_QUEUE, behind them PHOTOCALL_RESPONSE_QUEUE; the messages are in `crops`.
"""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from photocall import crops
from photocall.aws import environment
from photocall.aws.gateway import answer, request_of
from photocall.aws.invocation import delivery_of
from photocall.errors import InputError, ModelMismatch, PhotocallError, SettingInvalid
from photocall.ports import JobQueue
from photocall.statuses import status_of, told

Json = dict[str, Any]


def face_detection(event: Json, context: LambdaContext) -> Json:
    """Send the largest face of a picture to be recognised; the picture comes in the body of a request to the URL.

    A picture without a face is answered at once, to the caller and on the response queue.
    """
    try:
        return answer(200, _detect(request_of(event).body), {})
    except SettingInvalid:  # the function's own configuration, not what the caller sent
        raise
    except PhotocallError as error:
        status = status_of(error)
        return answer(status, {"error": told(error, status)}, {})


def face_recognition(event: Json, context: LambdaContext) -> PartialItemFailureResponse:
    """Answer for every crop of the request queue who it is; what is no crop becomes a dead letter with the reason."""
    return process_partial_response(
        event, _recognise, BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False), context
    )


def _detect(body: bytes) -> Json:
    picture = crops.read_message(body, crops.PICTURE)
    face = crops.cut_face(environment.plain_engine(), picture)
    if face is None:
        _responses().send(crops.answer_message(picture.request_id, crops.NO_FACE))
        return {"request_id": picture.request_id, "result": crops.NO_FACE}
    _requests().send(crops.crop_message(picture, face))
    return {"request_id": picture.request_id, "filename": picture.filename}


def _recognise(record: SQSRecord) -> None:
    """Answer for one crop; powertools names the argument."""
    tools, settings = environment.tools(), environment.settings()
    engine, target = tools.app.engine, settings.false_positive_target
    try:
        crop = crops.read_message(record.body, crops.CROP)
        gallery, calibration = tools.gallery(), engine.calibration
        result = crops.recognise_crop(engine, gallery, calibration, crop, target, settings.quality_filter)
    except InputError as error:
        _requests().bury(delivery_of(record), str(error))
        return
    except ModelMismatch:  # faces were migrated meanwhile; the next message finds an engine of their model
        environment.close()
        raise
    _responses().send(crops.answer_message(crop.request_id, result))


def _requests() -> JobQueue:
    return environment.queue(environment.settings().request_queue)


def _responses() -> JobQueue:
    name = environment.settings().response_queue
    if not name:
        raise SettingInvalid("response_queue", "it must name the queue of the answers: PHOTOCALL_RESPONSE_QUEUE")
    return environment.queue(name)
