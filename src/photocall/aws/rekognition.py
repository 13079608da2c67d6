"""The real Amazon Rekognition as the engine: the same operations, answered there.

Credentials come the way boto3 finds them (environment, profile, role). This path is checked against the service model,
with answers made by botocore's Stubber; nobody has run it against Amazon.
"""

from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from photocall.errors import AmazonRefused


class AmazonRekognition:
    """Answers the operations of Rekognition by asking Amazon; safe to share between threads."""

    def __init__(self, region: str) -> None:
        """Make the client; nothing is asked yet."""
        self.client = boto3.client("rekognition", region_name=region)

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Amazon's answer.

        Args:
            operation: its name, such as DetectFaces.
            request: in the service model's words, blobs as bytes.

        Raises:
            AmazonRefused: it answered with an error, or could not be asked.
        """
        try:
            told: dict[str, Any] = getattr(self.client, xform_name(operation))(**request)
        except ClientError as error:
            said, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise AmazonRefused(said["Code"], said["Message"], status) from error
        except BotoCoreError as error:  # no credentials, no connection
            reason = f"it could not be asked ({type(error).__name__})"
            raise AmazonRefused("InternalServerError", reason, 500) from None
        told.pop("ResponseMetadata", None)
        return told
