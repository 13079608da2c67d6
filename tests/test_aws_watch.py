"""What the templates for AWS cost while nothing happens, and who is told when something does."""

import json
import re
from typing import Any

from aws_templates import EVERYTHING, FUNCTION, FUNCTIONS, container, everywhere, stack
from cloudformation import Stack

# --- nothing that costs while nothing happens


FREE_WHEN_IDLE = {
    *("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::DynamoDB::Table"),
    *("AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::Serverless::Function"),
    *("AWS::Serverless::Api", "AWS::ApiGateway::Account", "AWS::SNS::Topic"),
    *("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"),  # ten, and three, are free
}


def test_nothing_of_the_default_is_always_on() -> None:
    root = stack("template.yaml", CourseId="", CropsId="", Vpc="", Subnets="")
    made = [each["Location"] for each in root.resources("AWS::Serverless::Application").values()]
    assert sorted(made) == ["api.yaml", "compute.yaml", "data.yaml", "watch.yaml"]
    for name in made:
        assert stack(name).kinds() <= FREE_WHEN_IDLE, name
    api = stack("api.yaml")
    assert "ProvisionedConcurrencyConfig" not in api.value(api.template["Globals"]["Function"])
    assert "ReservedConcurrentExecutions" not in stack("compute.yaml").resources(FUNCTION)["Worker"]


def test_alarms_and_dashboards_are_no_more_than_aws_gives_for_nothing() -> None:
    alarms = everywhere("AWS::CloudWatch::Alarm")
    assert sum("Metrics" not in each for each in alarms) <= 10  # that of workers in containers has metrics, and costs
    assert len(stack("watch.yaml").resources("AWS::CloudWatch::Dashboard")) == 1


def test_workers_in_containers_take_the_place_of_those_that_are_functions() -> None:
    root = stack("template.yaml", CourseId="", CropsId="")
    made = {each["Location"] for each in root.resources("AWS::Serverless::Application").values()}
    assert "workers.yaml" in made
    assert "compute.yaml" not in made


# --- what is watched


def test_alarms_tell_somebody() -> None:
    alarms = everywhere("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 8
    for alarm in alarms:
        assert alarm["AlarmActions"]
        assert alarm["AlarmDescription"]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_what_is_watched_is_what_is_made() -> None:
    watch = stack("watch.yaml")
    made = {each["FunctionName"] for each in FUNCTIONS.values()}
    made |= {each["QueueName"] for each in stack("data.yaml").resources("AWS::SQS::Queue").values()}
    made |= {"photocall-ada", "prod"}  # the API and its stage
    for alarm in watch.resources("AWS::CloudWatch::Alarm").values():
        assert {each["Value"] for each in alarm.get("Dimensions", ())} <= made
    assert set(re.findall(r"photocall-ada[a-z-]*", body(watch))) <= made


def test_the_dashboard_shows_all_that_the_original_showed_and_more() -> None:
    widgets = json.loads(body(stack("watch.yaml")))["widgets"]
    shown = json.dumps(widgets)
    for metric in (
        "Invocations",
        "Duration",
        "Errors",
        "Throttles",
        "ApproximateAgeOfOldestMessage",
        "EstimatedCharges",
    ):
        assert f'"{metric}"' in shown
    assert "ConcurrentExecutions" in shown
    places = [(each["x"], each["y"]) for each in widgets]
    assert len(set(places)) == len(places)


def body(watch: Stack) -> str:
    text: str = watch.resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]
    return text


def test_whoever_gives_an_address_is_told_of_costs() -> None:
    (budget,) = stack("watch.yaml", **EVERYTHING).resources("AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 5, "Unit": "USD"}
    thresholds = [each["Notification"]["Threshold"] for each in budget["NotificationsWithSubscribers"]]
    assert thresholds == [50, 100, 100]
    assert not stack("watch.yaml").resources("AWS::Budgets::Budget")


def test_scaling_looks_at_the_queue_that_workers_work_on() -> None:
    workers = stack("workers.yaml")
    policy = workers.resources("AWS::ApplicationAutoScaling::ScalingPolicy")["Backlog"]
    metrics = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    queues = {each["Value"] for one in metrics for each in dimensions(one) if each["Name"] == "QueueName"}
    queue = {each["Name"]: each["Value"] for each in container()["Environment"]}["PHOTOCALL_REQUEST_QUEUE"]
    assert queues == {queue}
    known = {each["Id"] for each in metrics}
    (answer,) = (each for each in metrics if each["ReturnData"])
    assert set(re.findall(r"[a-z]+", answer["Expression"])) <= known


def dimensions(metric: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = metric.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
    return found
