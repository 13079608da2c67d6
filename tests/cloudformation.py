"""Templates of CloudFormation, read as CloudFormation reads them: functions evaluated, conditions decided."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load

Template = dict[str, Any]

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
ARNS = {
    "AWS::S3::Bucket": ("arn:aws:s3:::", "BucketName"),
    "AWS::SQS::Queue": ("arn:aws:sqs:eu-central-1:123456789012:", "QueueName"),
    "AWS::DynamoDB::Table": ("arn:aws:dynamodb:eu-central-1:123456789012:table/", "TableName"),
    "AWS::Logs::LogGroup": ("arn:aws:logs:eu-central-1:123456789012:log-group:", "LogGroupName"),
}
NOTHING = object()


def read(path: Path) -> Template:
    """A template as it was written."""
    template: Template = load(str(path))
    return template


class Stack:
    """A template with its parameters, whose values are those that AWS would see."""

    def __init__(self, template: Template, **parameters: str) -> None:
        self.template = template
        defaults = {name: each.get("Default") for name, each in template.get("Parameters", {}).items()}
        self.parameters = {**{name: value for name, value in defaults.items() if value is not None}, **parameters}

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of every resource of a kind that is made, by logical id."""
        made = {name: each for name, each in self.template["Resources"].items() if self.is_made(each)}
        return {name: self.value(each.get("Properties", {})) for name, each in made.items() if each["Type"] == kind}

    def kinds(self) -> set[str]:
        """The kinds of all resources that are made."""
        return {each["Type"] for each in self.template["Resources"].values() if self.is_made(each)}

    def is_made(self, resource: Template) -> bool:
        return "Condition" not in resource or self.holds({"Condition": resource["Condition"]})

    def holds(self, condition: Any) -> bool:
        """Whether a condition is true."""
        ((function, given),) = condition.items()
        if function == "Condition":
            return self.holds(self.template["Conditions"][given])
        if function == "Fn::Equals":
            one, other = map(self.value, given)
            return str(one) == str(other)
        decided = [self.holds(each) for each in given]
        return {"Fn::Not": not decided[0], "Fn::And": all(decided), "Fn::Or": any(decided)}[function]

    def value(self, given: Any) -> Any:
        """A value with every function in it evaluated."""
        if isinstance(given, list):
            return [found for each in given if (found := self.value(each)) is not NOTHING]
        if not isinstance(given, Mapping):
            return given
        if len(given) == 1:
            ((function, inner),) = given.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self.called(function, inner)
        values = {name: self.value(each) for name, each in given.items()}
        return {name: each for name, each in values.items() if each is not NOTHING}

    def called(self, function: str, given: Any) -> Any:
        if function == "Ref":
            return self.named(given)
        if function == "Fn::If":
            return self.value(given[1] if self.holds({"Condition": given[0]}) else given[2])
        if function == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(self.named(found[1])), given)
        if function == "Fn::Join":
            return given[0].join(self.value(given[1]))
        assert function == "Fn::GetAtt", function
        return self.named(given if isinstance(given, str) else ".".join(given))

    def named(self, name: str) -> Any:
        """What a name stands for; of an attribute that only AWS knows, the name itself."""
        if name == "AWS::NoValue":
            return NOTHING
        if name in PSEUDO or name in self.parameters:
            return PSEUDO.get(name) or self.parameters[name]
        logical, _, attribute = name.partition(".")
        resource = self.template["Resources"].get(logical, {})
        if attribute == "Arn" and resource.get("Type") in ARNS:
            start, naming = ARNS[resource["Type"]]
            return start + str(self.value(resource["Properties"][naming]))
        if attribute == "QueueName":
            return self.value(resource["Properties"]["QueueName"])
        return name
