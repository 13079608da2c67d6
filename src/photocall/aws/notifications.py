"""Topics of Amazon SNS, which are told of things that happened.

Credentials come the way boto3 finds them (environment, profile, role), and AWS_ENDPOINT_URL says where another service
of the same protocol is. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from photocall.errors import StoreUnavailable

SECONDS = 5
"""How long a try to reach the service may take."""

TRIES = 2


def publish(topic_arn: str, message: str) -> None:
    """Send a message to all who have subscribed to a topic.

    Raises:
        StoreUnavailable: there is no such topic, no credentials, or no connection.
    """
    region = topic_arn.split(":")[3:4]
    if not region:
        raise StoreUnavailable(topic_arn, "it is not the ARN of a topic, arn:aws:sns:REGION:ACCOUNT:NAME")
    config = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": TRIES})
    try:
        client = boto3.Session().client("sns", region_name=region[0], config=config)
        client.publish(TopicArn=topic_arn, Message=message)
    except ClientError as error:
        raise StoreUnavailable(topic_arn, f"it was refused ({error.response['Error']['Code']})") from error
    except BotoCoreError as error:
        raise StoreUnavailable(topic_arn, f"it could not be reached ({type(error).__name__})") from None
