"""What roles may do on AWS: what their functions need, and nothing of anybody else."""

import re
from typing import Any

import pytest

from aws_templates import EVERYTHING, NAMES, stack, stacks
from cloudformation import Stack


def statements(stack: Stack) -> list[dict[str, Any]]:
    """Every statement of every policy that belongs to a role."""
    documents = [each["PolicyDocument"] for each in stack.resources("AWS::IAM::ManagedPolicy").values()]
    for role in stack.resources("AWS::IAM::Role").values():
        documents += [policy["PolicyDocument"] for policy in role.get("Policies", ())]
    return [statement for document in documents for statement in document["Statement"]]


def listed(given: Any) -> list[str]:
    return given if isinstance(given, list) else [given]


def too_wide(statement: dict[str, Any]) -> bool:
    """Whether it allows more than it names. Any object of a bucket that is named will do; X-Ray knows no resources."""
    actions, resources = listed(statement["Action"]), listed(statement["Resource"])
    if any("*" in action for action in actions) or "NotAction" in statement:
        return True
    if resources == ["*"]:
        return not all(action.startswith("xray:Put") for action in actions)
    named = [re.sub(r"^(arn:aws:s3:::[a-z0-9-]+(/[a-z]+)?)/\*$", r"\1", resource) for resource in resources]
    return any("*" in resource for resource in named)


@pytest.mark.parametrize("name", NAMES)
def test_no_policy_has_a_wildcard(name: str) -> None:
    each = stack(name, **EVERYTHING)
    assert [statement for statement in statements(each) if too_wide(statement)] == []


def test_a_wildcard_would_be_found() -> None:
    assert too_wide({"Action": "s3:*", "Resource": "arn:aws:s3:::photocall-ada/*"})
    assert too_wide({"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::*/*"]})
    assert too_wide({"Action": ["sqs:SendMessage", "xray:PutTraceSegments"], "Resource": "*"})
    assert too_wide({"Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:eu-central-1:1:table/*"})


def test_policies_are_found_where_they_are() -> None:
    found = {name: len(statements(each)) for name, each in stacks(**EVERYTHING)}
    assert {name for name, count in found.items() if count} == {
        *("api.yaml", "compute.yaml", "course.yaml", "crops.yaml", "data.yaml", "workers.yaml")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_role_reaches_nothing_of_anybody_else(name: str) -> None:
    ours = ("photocall-ada", "123-course", "123-crops", "rekognition", "face-", "video-")
    for statement in statements(stack(name, **EVERYTHING)):
        for resource in listed(statement["Resource"]):
            own = re.split(r":::|:table/|log-group:/aws/lambda/|/ecs/|:", resource.removesuffix("/*"))[-1]
            assert resource in ("*", EVERYTHING["Key"]) or own.startswith(ours), resource


def test_functions_for_pictures_may_read_pictures_and_write_logs() -> None:
    role = stack("api.yaml", **EVERYTHING).resources("AWS::IAM::Role")["PictureRole"]
    actions = [
        action for each in role["Policies"][0]["PolicyDocument"]["Statement"] for action in listed(each["Action"])
    ]
    kept = {action for action in actions if not action.startswith(("logs:", "xray:"))}
    assert kept == {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}
    assert "ManagedPolicyArns" not in role


@pytest.mark.parametrize("bucket", ["InputBucket", "OutputBucket", "ArchiveBucket", "ObjectsBucket"])
def test_a_bucket_refuses_what_comes_without_tls(bucket: str) -> None:
    policy = stack("data.yaml").resources("AWS::S3::BucketPolicy")[f"{bucket}Policy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_domain_speaks_tls_of_today() -> None:
    domain = stack("api.yaml", **EVERYTHING).resources("AWS::ApiGateway::DomainName")["Domain"]
    assert domain["SecurityPolicy"] == "TLS_1_2"
    assert not stack("api.yaml").resources("AWS::ApiGateway::DomainName")
