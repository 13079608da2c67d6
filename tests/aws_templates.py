"""The templates for AWS as tests look at them: with every parameter, and with all that is optional chosen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudformation import Stack, read

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "aws"

GIVEN = {"Prefix": "photocall-ada", "Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/photocall:1"}
NESTED = {
    **GIVEN,
    "FaceAccess": "arn:aws:iam::123456789012:policy/faces",
    "Topic": "arn:aws:sns:eu-central-1:123456789012:alarms",
    "CourseId": "123-course",
    "CropsId": "123-crops",
    "Vpc": "vpc-1",
    "Subnets": "subnet-1",
}
EVERYTHING = {
    "Key": "arn:aws:kms:eu-central-1:123456789012:key/1",
    "FaceTable": "rekognition",
    "CourseForm": "stages",
    "DomainName": "faces.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    "HostedZoneId": "Z1",
    "Email": "ada@example.com",
    "RekognitionAddress": "yes",
    "Tracing": "Active",
    "ReservedWorkers": "15",
    "ProvisionedPictures": "1",
    "InputDays": "30",
}
NAMES = sorted(path.name for path in FOLDER.glob("*.yaml"))
WRITTEN = {name: read(FOLDER / name) for name in NAMES}
ROOT_TEMPLATE = WRITTEN["template.yaml"]
OPTIONAL = ("course.yaml", "crops.yaml", "workers.yaml")
FUNCTION = "AWS::Serverless::Function"


def stack(name: str, **parameters: str) -> Stack:
    """A template with the parameters that it has of all that are given."""
    declared = WRITTEN[name].get("Parameters", {})
    given = {each: value for each, value in {**NESTED, **parameters}.items() if each in declared}
    return Stack(WRITTEN[name], **given)


def stacks(**parameters: str) -> Iterator[tuple[str, Stack]]:
    return ((name, stack(name, **parameters)) for name in NAMES)


def everywhere(kind: str) -> list[dict[str, Any]]:
    """Every resource of a kind, where everything optional is chosen."""
    return [each for _, one in stacks(**EVERYTHING) for each in one.resources(kind).values()]


def functions() -> dict[str, dict[str, Any]]:
    """Every function of every template, with all that Globals say, by template and logical id."""
    found = {}
    for name, each in stacks(**EVERYTHING):
        common = each.value(each.template.get("Globals", {}).get("Function", {}))
        for logical, own in each.resources(FUNCTION).items():
            variables = {**variables_of(common), **variables_of(own)}
            found[f"{name}-{logical}"] = {**common, **own, "Environment": {"Variables": variables}}
    return found


def variables_of(properties: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = properties.get("Environment", {}).get("Variables", {})
    return found


FUNCTIONS = functions()


def environments() -> dict[str, dict[str, str]]:
    """The variables of every function, and of workers in containers."""
    found = {name: variables_of(each) for name, each in FUNCTIONS.items()}
    found["workers.yaml-Task"] = {each["Name"]: each["Value"] for each in container()["Environment"]}
    return found


def container() -> dict[str, Any]:
    (only,) = stack("workers.yaml", **EVERYTHING).resources("AWS::ECS::TaskDefinition")["Task"]["ContainerDefinitions"]
    assert isinstance(only, dict)
    return only
