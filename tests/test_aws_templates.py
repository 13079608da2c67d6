"""The templates for AWS: CloudFormation and SAM understand them, and what they name is there.

What only an account can show is listed in docs/aws.md.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from aws_templates import (
    EVERYTHING,
    FOLDER,
    FUNCTION,
    FUNCTIONS,
    GIVEN,
    NAMES,
    NESTED,
    ROOT,
    ROOT_TEMPLATE,
    WRITTEN,
    container,
    environments,
    everywhere,
    stack,
    stacks,
)
from cloudformation import Stack, Template
from photocall.cli import _parser
from photocall.engine.sources import CACHE_VARIABLE
from photocall.settings import PREFIX, Settings
from photocall.stores.sqs_queue import DEAD
from s3_server import CREDENTIALS, running_s3

SAM = ROOT / ".venv-sam" / "bin" / "python"


# --- what CloudFormation and SAM understand


def lint(*templates: Path) -> str:
    """What cfn-lint has to say."""
    done = subprocess.run([Path(sys.executable).with_name("cfn-lint"), *templates], capture_output=True, text=True)
    return done.stdout + done.stderr


def test_cfn_lint_finds_nothing() -> None:
    assert lint(*(FOLDER / name for name in NAMES)) == ""


def test_cfn_lint_would_find_a_misspelt_property(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((FOLDER / "compute.yaml").read_text().replace("MemorySize:", "MemorySise:"))
    assert "MemorySise" in lint(wrong)


@pytest.fixture(scope="module")
def translated() -> dict[str, Template]:
    """What SAM makes of every template, once its own command has found nothing wrong with them."""
    if not SAM.exists():
        reason = "there is no SAM CLI in .venv-sam; run `make setup`"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    environment = {**os.environ, **CREDENTIALS, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
    environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"  # nobody is asked
    command = [SAM, Path(__file__).with_name("sam_templates.py"), *sorted(FOLDER.glob("*.yaml"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Template] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_sam_makes_plain_resources_of_every_template(translated: dict[str, Template]) -> None:
    assert sorted(translated) == NAMES
    kinds = {each["Type"] for template in translated.values() for each in template["Resources"].values()}
    assert not any(kind.startswith("AWS::Serverless") for kind in kinds)


def test_no_parameter_has_the_name_of_a_resource_that_sam_adds(translated: dict[str, Template]) -> None:
    """CloudFormation refuses such a template; cfn-lint sees only what is written."""
    for template in translated.values():
        assert not template.get("Parameters", {}).keys() & template["Resources"].keys()


def test_every_route_asks_for_a_key_but_the_preflights_of_pages(translated: dict[str, Template]) -> None:
    api = Stack(translated["api.yaml"], **GIVEN).resources("AWS::ApiGateway::RestApi")["Api"]["Body"]
    methods = {(path, method): each for path, ways in api["paths"].items() for method, each in ways.items()}
    assert {path for path, _ in methods} == {
        *("/encode", "/detect", "/compare"),
        *("/v1/index", "/v1/index/{proxy+}", "/v1/search", "/v1/info"),
    }
    open_to_all = {way for way, each in methods.items() if each["security"] != [{"api_key": []}]}
    assert open_to_all == {("/encode", "options"), ("/detect", "options"), ("/compare", "options")}
    assert api["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert api["components"]["securitySchemes"]["api_key"]["name"] == "x-api-key"


def test_a_key_may_ask_as_often_as_the_original_allowed(translated: dict[str, Template]) -> None:
    plan = Stack(translated["api.yaml"], **GIVEN).resources("AWS::ApiGateway::UsagePlan")["ApiUsagePlan"]
    assert plan["Quota"] == {"Limit": 500, "Period": "DAY"}
    assert plan["Throttle"] == {"BurstLimit": 25, "RateLimit": 10}
    (stage,) = Stack(translated["api.yaml"], **GIVEN).resources("AWS::ApiGateway::Stage").values()
    assert stage["StageName"] == "prod"


def test_a_deployment_of_another_image_is_another_version(translated: dict[str, Template]) -> None:
    versions = [each for each in translated["api.yaml"]["Resources"].values() if each["Type"] == "AWS::Lambda::Version"]
    assert len(versions) == len(stack("api.yaml", RekognitionAddress="yes").resources(FUNCTION))


# --- what the data stack is, made by another implementation of AWS


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with running_s3() as endpoint:
        yield endpoint


@contextmanager
def created(aws: str, monkeypatch: pytest.MonkeyPatch, template: Template, **parameters: str) -> Iterator[None]:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": aws, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("cloudformation")
    chosen = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    client.create_stack(StackName="data", TemplateBody=json.dumps(template), Parameters=chosen)
    try:
        (found,) = client.describe_stacks(StackName="data")["Stacks"]
        assert found["StackStatus"] == "CREATE_COMPLETE"
        yield
    finally:
        client.delete_stack(StackName="data")


def test_the_data_stack_is_made_and_an_object_that_is_put_is_told_to_the_queue(
    aws: str, monkeypatch: pytest.MonkeyPatch, translated: dict[str, Template]
) -> None:
    chosen = {name: EVERYTHING[name] for name in ("Key", "FaceTable")}
    with created(aws, monkeypatch, translated["data.yaml"], Prefix="photocall-ada", **chosen):
        s3, sqs, tables = boto3.client("s3"), boto3.client("sqs"), boto3.client("dynamodb")
        buckets = {each["Name"] for each in s3.list_buckets()["Buckets"]}
        assert buckets == {f"photocall-ada-{each}" for each in ("input", "output", "archive", "objects")}
        queues = [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]]
        assert sorted(queues) == [
            f"photocall-ada-{each}" for each in ("jobs", "jobs-dead", "responses", "responses-dead")
        ]
        assert tables.list_tables()["TableNames"] == ["photocall-ada", "photocall-ada-students", "rekognition"]
        schema = tables.describe_table(TableName="photocall-ada")["Table"]["KeySchema"]
        assert [(key["AttributeName"], key["KeyType"]) for key in schema] == [("pk", "HASH"), ("sk", "RANGE")]
        jobs = sqs.get_queue_url(QueueName="photocall-ada-jobs")["QueueUrl"]
        tell(s3, sqs, jobs)
        s3.put_object(Bucket="photocall-ada-input", Key="lesson 1.mp4", Body=b"-")
        bodies = [json.loads(message["Body"]) for message in receive(sqs, jobs)]
        keys = [record["s3"]["object"]["key"] for body in bodies for record in body.get("Records", [])]
        assert keys == ["lesson+1.mp4"]


def tell(s3: Any, sqs: Any, queue: str) -> None:
    """Set up the template's notification, which moto does not."""
    (told,) = stack("data.yaml").resources("AWS::S3::Bucket")["InputBucket"]["NotificationConfiguration"].values()
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert told[0]["Queue"].rpartition(":")[2] == arn.rpartition(":")[2]
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": [told[0]["Event"]]}]}
    s3.put_bucket_notification_configuration(Bucket="photocall-ada-input", NotificationConfiguration=configuration)


def receive(sqs: Any, queue: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        found += messages
    return found


def test_everything_that_is_stored_is_encrypted_private_and_without_old_versions() -> None:
    for name, each in stacks(**EVERYTHING):
        for logical, bucket in each.resources("AWS::S3::Bucket").items():
            (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == EVERYTHING["Key"], (name, logical)
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
            assert "VersioningConfiguration" not in bucket  # what is erased must be gone
        for table in each.resources("AWS::DynamoDB::Table").values():
            assert table["SSESpecification"]["KMSMasterKeyId"] == EVERYTHING["Key"]
            assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
            assert table["BillingMode"] == "PAY_PER_REQUEST"
        for queue in each.resources("AWS::SQS::Queue").values():
            assert queue["KmsMasterKeyId"] == EVERYTHING["Key"]


def test_without_a_key_of_ones_own_aws_looks_after_it() -> None:
    data = stack("data.yaml")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in data.resources("AWS::SQS::Queue").values())
    assert all(
        table["SSESpecification"]["SSEEnabled"] is True for table in data.resources("AWS::DynamoDB::Table").values()
    )
    for bucket in data.resources("AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


# --- what is named is there


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_function_that_a_command_names_exists(function: str) -> None:
    (command,) = FUNCTIONS[function]["ImageConfig"]["Command"]
    module, _, name = command.rpartition(".")
    folder = ROOT / "deploy" / "container" if module == "handler" else ROOT / "src"
    tree = ast.parse((folder / f"{module.replace('.', '/')}.py").read_text())
    assert name in names(tree), command


def names(tree: ast.Module) -> set[str]:
    """What a module defines, or takes from elsewhere."""
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    found |= {target.id for target in assigned if isinstance(target, ast.Name)}
    return found | {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}


@pytest.mark.parametrize("where", environments())
def test_every_variable_is_a_setting_with_a_value_that_is_allowed(where: str) -> None:
    given = {name: value for name, value in environments()[where].items() if name not in ("AWS_REGION", CACHE_VARIABLE)}
    assert all(name.startswith(PREFIX) for name in given)
    set_ = {name.removeprefix(PREFIX).lower(): value for name, value in given.items() if value}
    assert set_.keys() <= Settings.model_fields.keys()
    settings = Settings(**set_)
    assert settings.database == "dynamodb://photocall-ada"


def test_buckets_and_queues_of_the_settings_are_made() -> None:
    buckets = {
        each["BucketName"] for _, one in stacks(**EVERYTHING) for each in one.resources("AWS::S3::Bucket").values()
    }
    queues = {
        each["QueueName"] for _, one in stacks(**EVERYTHING) for each in one.resources("AWS::SQS::Queue").values()
    }
    for where, given in environments().items():
        for name, value in given.items():
            if name.endswith("_BUCKET"):
                assert value in buckets, where
            if name.endswith("_QUEUE") and name != "PHOTOCALL_QUEUE":
                assert {value, value + DEAD} <= queues, where


def test_the_root_gives_each_template_what_it_asks_for() -> None:
    for application in stack("template.yaml").template["Resources"].values():
        nested = WRITTEN[application["Properties"]["Location"]]["Parameters"]
        given = application["Properties"]["Parameters"].keys()
        needed = {name for name, each in nested.items() if "Default" not in each}
        assert needed <= given <= nested.keys()
        for name in given & ROOT_TEMPLATE["Parameters"].keys():
            outer, inner = ROOT_TEMPLATE["Parameters"][name], nested[name]
            assert inner.get("Default", outer.get("Default")) == outer.get("Default"), name


def test_every_template_is_part_of_the_root() -> None:
    nested = {each["Properties"]["Location"] for each in ROOT_TEMPLATE["Resources"].values()}
    assert nested == set(NAMES) - {"template.yaml"}


def test_every_parameter_of_the_root_is_described_and_used() -> None:
    told = json.dumps({key: ROOT_TEMPLATE[key] for key in ("Resources", "Conditions", "Outputs")}, default=str)
    for name, each in ROOT_TEMPLATE["Parameters"].items():
        assert each.get("Description"), name
        assert f'"{name}"' in told, name


def test_the_worker_in_a_container_is_a_command_that_can_be_typed() -> None:
    (program,) = container()["EntryPoint"]
    options = _parser().parse_args(container()["Command"])
    assert (program, options.command, options.min, options.max) == ("photocall", "worker", 1, 1)


# --- figures


@pytest.mark.parametrize("function", ["EncodeFace", "DetectFaces", "CompareFaces"])
def test_functions_for_pictures_have_the_memory_and_the_time_of_the_original(function: str) -> None:
    each = stack("api.yaml")
    common = each.value(each.template["Globals"]["Function"])
    assert (int(common["MemorySize"]), int(common["Timeout"])) == (1024, 30)
    assert {"MemorySize", "Timeout"}.isdisjoint(each.resources(FUNCTION)[function])


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_everything_runs_on_both_architectures(architecture: str) -> None:
    for name, each in stacks(Architecture=architecture):
        common = each.value(each.template.get("Globals", {}).get("Function", {}))
        for function in each.resources(FUNCTION).values():
            assert {**common, **function}["Architectures"] == [architecture], name
    task = stack("workers.yaml", Architecture=architecture).resources("AWS::ECS::TaskDefinition")["Task"]
    assert task["RuntimePlatform"]["CpuArchitecture"] == architecture.upper()


def test_there_are_never_more_than_fifteen_workers() -> None:
    for name in ("compute.yaml", "crops.yaml", "workers.yaml", "template.yaml"):
        parameter = WRITTEN[name]["Parameters"]["MostWorkers"]
        assert (parameter["Default"], parameter["MaxValue"]) == (15, 15)
    mappings = [event for function in FUNCTIONS.values() for event in function.get("Events", {}).values()]
    limits = [each["Properties"]["ScalingConfig"]["MaximumConcurrency"] for each in mappings if each["Type"] == "SQS"]
    assert limits == [15, 15]
    target = stack("workers.yaml").resources("AWS::ApplicationAutoScaling::ScalableTarget")["Scaling"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 15)
    assert stack("workers.yaml").resources("AWS::ECS::Service")["Service"]["DesiredCount"] == 0


def test_messages_that_fail_alone_come_again_alone() -> None:
    mappings = [event for function in FUNCTIONS.values() for event in function.get("Events", {}).values()]
    answers = [each["Properties"]["FunctionResponseTypes"] for each in mappings if each["Type"] == "SQS"]
    assert answers == [["ReportBatchItemFailures"]] * 2


@pytest.mark.parametrize(("name", "seconds"), [("data.yaml", 300), ("crops.yaml", 30)])
def test_a_message_is_not_handed_out_again_while_a_function_works_on_it(name: str, seconds: int) -> None:
    queues = stack(name).resources("AWS::SQS::Queue").values()
    leases = {int(queue["VisibilityTimeout"]) for queue in queues if "RedrivePolicy" in queue}
    assert leases == {6 * seconds}  # as AWS advises
    assert WRITTEN["compute.yaml"]["Parameters"]["WorkerSeconds"]["Default"] == 300


@pytest.mark.parametrize("name", ["data.yaml", "crops.yaml"])
def test_every_queue_has_one_for_its_dead_letters_that_comes_in_after_photocall_would(name: str) -> None:
    queues = {each["QueueName"]: each for each in stack(name).resources("AWS::SQS::Queue").values()}
    for queue, each in queues.items():
        if queue.endswith(DEAD):
            assert each["RedriveAllowPolicy"]["sourceQueueArns"][0].endswith(":" + queue.removesuffix(DEAD))
            assert each["MessageRetentionPeriod"] == 1209600  # 14 days, the longest
        else:
            assert each["RedrivePolicy"]["deadLetterTargetArn"].endswith(f":{queue}{DEAD}")
            assert each["RedrivePolicy"]["maxReceiveCount"] > Settings.model_fields["max_receives"].default


def test_events_that_lambda_gives_up_are_kept(translated: dict[str, Template]) -> None:
    course = Stack(translated["course.yaml"], **NESTED, CourseForm="stages")
    kept = course.resources("AWS::Lambda::EventInvokeConfig").values()
    assert {each["FunctionName"] for each in kept} == {"Recognition", "Splitting"}
    assert {each["DestinationConfig"]["OnFailure"]["Destination"] for each in kept} == {
        "arn:aws:sqs:eu-central-1:123456789012:123-course-failed"
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_writes_to_a_log_that_is_kept_for_a_while(function: str) -> None:
    name, logical = function.split("-")
    logs = stack(name, **EVERYTHING).resources("AWS::Logs::LogGroup")
    log = logs[FUNCTIONS[function]["LoggingConfig"]["LogGroup"]]
    assert log["RetentionInDays"] == 30
    if logical != "Rekognition":  # it is Web under another address
        assert log["LogGroupName"] == f"/aws/lambda/{FUNCTIONS[function]['FunctionName']}"


def test_every_log_is_kept_for_a_while() -> None:
    kept = everywhere("AWS::Logs::LogGroup")
    assert len(kept) >= 10
    assert {each["RetentionInDays"] for each in kept} == {30}
