"""The manifests: they are what Kubernetes and KEDA understand, and what they name is there."""

import json
import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import jsonschema
import kubernetes_validate
import pytest
import yaml

from nats_server import NatsServer, nats_program
from photocall.cli import _parser
from photocall.engine.sources import CACHE_VARIABLE
from photocall.settings import PREFIX, Settings
from photocall.stores.nats_queue import NatsQueue

FOLDER = Path(__file__).parent.parent / "deploy" / "kubernetes"
SCALED_OBJECT = json.loads((Path(__file__).parent / "schemas" / "scaled_object.json").read_text())
VERSIONS = ("1.30", "1.37")  # the oldest that the README names, and the newest that the package knows
OTHERS = {"AWS_ENDPOINT_URL", "AWS_REGION", CACHE_VARIABLE}  # variables that are not settings

Manifest = dict[str, Any]


def read(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text()))


LISTED = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
APPLIED = [manifest for name in LISTED["resources"] for manifest in read(FOLDER / name)]
EXAMPLE = read(FOLDER / "secret.example.yaml")[0]
EVERY = [*APPLIED, EXAMPLE]
WORKLOADS = [manifest for manifest in APPLIED if manifest["kind"] in ("Deployment", "StatefulSet")]


def title(manifest: Manifest) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


def named(kind: str, name: str) -> Manifest:
    (found,) = (one for one in EVERY if one["kind"] == kind and one["metadata"]["name"] == name)
    return found


def pod(workload: Manifest) -> Manifest:
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def container(workload: Manifest) -> Manifest:
    (only,) = pod(workload)["containers"]
    assert isinstance(only, dict)
    return only


def labels(workload: Manifest) -> dict[str, str]:
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def settings(workload: Manifest) -> dict[str, str]:
    """The variables of a workload's container, as far as they are written down."""
    ours = container(workload)
    given: dict[str, str] = {}
    for source in ours.get("envFrom", ()):
        given |= named("ConfigMap", source["configMapRef"]["name"])["data"]
    return given | {one["name"]: one["value"] for one in ours.get("env", ()) if "value" in one}


SERVER, WORKER = named("Deployment", "photocall-server"), named("Deployment", "photocall-worker")
SCALING = named("ScaledObject", "photocall-worker")["spec"]
REQUEST_QUEUE = settings(WORKER)["PHOTOCALL_REQUEST_QUEUE"]


# --- what Kubernetes and KEDA understand


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [one for one in EVERY if one["kind"] != "ScaledObject"], ids=title)
def test_a_manifest_fits_the_schema_of_kubernetes(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_scaled_object_fits_the_schema_of_keda() -> None:
    jsonschema.Draft202012Validator(SCALED_OBJECT).validate(named("ScaledObject", "photocall-worker"))


@pytest.mark.parametrize("manifest", [WORKER, named("ScaledObject", "photocall-worker")], ids=title)
def test_a_misspelt_field_would_be_found(manifest: Manifest) -> None:
    wrong = {**manifest, "spec": {**manifest["spec"], "minReplicas": 0}}
    with pytest.raises(jsonschema.ValidationError, match="minReplicas"):
        if manifest is WORKER:
            kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)
        else:
            jsonschema.Draft202012Validator(SCALED_OBJECT).validate(wrong)


def test_every_manifest_is_applied_but_the_secrets_of_the_example() -> None:
    there = {path.name for path in FOLDER.glob("*.yaml")}
    assert there - set(LISTED["resources"]) <= {"kustomization.yaml", "secret.example.yaml", "secret.yaml"}
    assert "secret.yaml" in (FOLDER / ".gitignore").read_text().split()


# --- names that refer to each other


def test_everything_is_in_the_one_namespace() -> None:
    namespaces = {one["metadata"].get("namespace") for one in EVERY if one["kind"] != "Namespace"}
    assert namespaces == {named("Namespace", "photocall")["metadata"]["name"]}


@pytest.mark.parametrize("workload", WORKLOADS, ids=title)
def test_a_workload_selects_its_own_pods_and_nobody_elses(workload: Manifest) -> None:
    selected = workload["spec"]["selector"]["matchLabels"]
    assert [one for one in WORKLOADS if selected.items() <= labels(one).items()] == [workload]


@pytest.mark.parametrize("service", [one for one in EVERY if one["kind"] == "Service"], ids=title)
def test_a_service_leads_to_the_ports_of_one_workload(service: Manifest) -> None:
    (target,) = (one for one in WORKLOADS if service["spec"]["selector"].items() <= labels(one).items())
    ports = {port["name"] for port in container(target)["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    if target["kind"] == "StatefulSet":
        assert target["spec"]["serviceName"] == service["metadata"]["name"]


@pytest.mark.parametrize("policy", [one for one in EVERY if one["kind"] == "NetworkPolicy"], ids=title)
def test_a_network_policy_names_pods_and_ports_that_there_are(policy: Manifest) -> None:
    selected = policy["spec"]["podSelector"].get("matchLabels", {})
    targets = [one for one in WORKLOADS if selected.items() <= labels(one).items()]
    ports = {port["name"] for one in targets for port in container(one).get("ports", ())}
    for rule in policy["spec"].get("ingress", ()):
        assert {port["port"] for port in rule["ports"]} <= ports
        for source in rule.get("from", ()):
            wanted = source.get("podSelector", {}).get("matchLabels", {})
            assert any(wanted.items() <= labels(one).items() for one in WORKLOADS)
    assert targets


@pytest.mark.parametrize("workload", WORKLOADS, ids=title)
def test_secrets_and_volumes_that_a_container_uses_are_there(workload: Manifest) -> None:
    keys = [one["valueFrom"]["secretKeyRef"] for one in container(workload).get("env", ()) if "valueFrom" in one]
    assert all(key["name"] == EXAMPLE["metadata"]["name"] and key["key"] in EXAMPLE["stringData"] for key in keys)
    claims = workload["spec"].get("volumeClaimTemplates", ())
    volumes = {volume["name"] for volume in pod(workload)["volumes"]} | {claim["metadata"]["name"] for claim in claims}
    assert {mount["name"] for mount in container(workload)["volumeMounts"]} == volumes
    for volume in pod(workload)["volumes"]:
        assert "configMap" not in volume or named("ConfigMap", volume["configMap"]["name"])


@pytest.mark.parametrize("workload", WORKLOADS, ids=title)
def test_a_variable_within_a_variable_is_defined_before_it(workload: Manifest) -> None:
    seen: set[str] = set()
    for one in container(workload).get("env", ()):
        assert set(re.findall(r"\$\((\w+)\)", one.get("value", ""))) <= seen
        seen.add(one["name"])


def test_the_example_has_no_real_secret() -> None:
    assert set(EXAMPLE["stringData"].values()) == {"CHANGE-ME"}


def test_nats_understands_its_configuration(nats_server: NatsServer, tmp_path: Path) -> None:
    program = str(nats_program())
    text = named("ConfigMap", "nats")["data"]["nats.conf"].replace("/data", str(tmp_path))
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < (2, 10):
        text = text.replace("sync_interval: always", "")  # the README says which version knows it
    (tmp_path / "nats.conf").write_text(text)
    asked = [program, "-t", "-c", str(tmp_path / "nats.conf")]
    subprocess.run(asked, check=True, capture_output=True, env={"NATS_PASSWORD": "abc"})


# --- what photocall understands


@pytest.mark.parametrize("workload", [SERVER, WORKER], ids=title)
def test_every_variable_is_a_setting_with_a_value_that_is_allowed(workload: Manifest) -> None:
    given = {name: value for name, value in settings(workload).items() if name not in OTHERS}
    names = {name.removeprefix(PREFIX).lower(): value for name, value in given.items() if name.startswith(PREFIX)}
    assert len(names) == len(given)
    assert names.keys() <= Settings.model_fields.keys()
    Settings(**names)


@pytest.mark.parametrize("workload", [SERVER, WORKER], ids=title)
def test_addresses_lead_to_services_that_there_are(workload: Manifest) -> None:
    given = settings(workload)
    for address in (given["PHOTOCALL_DATABASE"], given["PHOTOCALL_QUEUE"]):
        host, port = re.findall(r"@(\w+):(\d+)", address)[0]
        assert int(port) in {one["port"] for one in named("Service", host)["spec"]["ports"]}


@pytest.mark.parametrize("workload", [SERVER, WORKER], ids=title)
def test_the_command_is_one_that_can_be_typed(workload: Manifest) -> None:
    program, *words = container(workload)["command"]
    assert program == "photocall"
    assert vars(_parser().parse_args(words))["command"] == words[0]


def test_the_server_is_probed_where_it_answers_and_starts_no_workers() -> None:
    given, ours = settings(SERVER), container(SERVER)
    assert given["PHOTOCALL_WORKERS_MAX"] == "0"
    assert [port["containerPort"] for port in ours["ports"]] == [int(given["PHOTOCALL_PORT"])]
    assert (ours["livenessProbe"]["httpGet"]["path"], ours["readinessProbe"]["httpGet"]["path"]) == (
        "/healthz",
        "/readyz",
    )


# --- workers


def test_workers_are_none_to_fifteen_and_one_for_each_job() -> None:
    (trigger,) = SCALING["triggers"]
    assert (SCALING["minReplicaCount"], SCALING["maxReplicaCount"]) == (0, 15)
    assert trigger["metadata"]["lagThreshold"] == "1"
    assert container(WORKER)["command"][-4:] == ["--min", "1", "--max", "1"]
    assert "replicas" not in WORKER["spec"]  # whoever applies the manifests again would undo the scaling


def test_scaling_looks_at_the_queue_that_workers_work_on() -> None:
    (trigger,) = SCALING["triggers"]
    assert SCALING["scaleTargetRef"]["name"] == WORKER["metadata"]["name"]
    endpoint = trigger["metadata"]["natsServerMonitoringEndpoint"]
    service, namespace, port = re.findall(r"^(\w+)\.(\w+)\.svc\.cluster\.local:(\d+)$", endpoint)[0]
    assert namespace == WORKER["metadata"]["namespace"]
    assert int(port) in {one["port"] for one in named("Service", service)["spec"]["ports"]}


def test_keda_finds_the_queue_and_counts_what_waits_and_what_is_in_work(nats_server: NatsServer) -> None:
    with closing(NatsQueue(nats_server.url, REQUEST_QUEUE, lease=60, max_receives=5)) as queue:
        before = lag(nats_server)
        for body in ("done", "in work", "waiting"):
            queue.send(body)
        queue.delete(queue.receive()[0])
        queue.receive()
        assert lag(nats_server) == before + 2


def lag(server: NatsServer) -> int:
    """The figure that KEDA scales by, asked for and added up as in its pkg/scalers/nats_jetstream_scaler.go."""
    trigger = SCALING["triggers"][0]["metadata"]
    asked = urlencode({"acc": trigger["account"], "consumers": "true", "config": "true"})
    with urlopen(f"http://127.0.0.1:{server._monitor}/jsz?{asked}") as answer:
        (account,) = json.load(answer)["account_details"]
    (stream,) = (one for one in account["stream_detail"] if one["name"] == trigger["stream"])
    (consumer,) = (one for one in stream["consumer_detail"] if one["name"] == trigger["consumer"])
    return int(consumer["num_pending"] + consumer["num_ack_pending"])


def test_a_worker_has_the_time_to_finish_its_job_and_the_memory_for_it() -> None:
    given = settings(WORKER)
    assert pod(WORKER)["terminationGracePeriodSeconds"] >= int(given["PHOTOCALL_JOB_SECONDS"]) + 60
    limit = int(container(WORKER)["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert limit >= int(given["PHOTOCALL_JOB_MEMORY"]) + 512


# --- what pods may do


@pytest.mark.parametrize("workload", WORKLOADS, ids=title)
def test_pods_keep_to_the_restricted_standard_and_write_only_into_volumes(workload: Manifest) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    everybody, own = pod(workload)["securityContext"], container(workload)["securityContext"]
    assert everybody["runAsNonRoot"] is True
    assert everybody["runAsUser"] > 0
    assert everybody["seccompProfile"]["type"] == "RuntimeDefault"
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"]["drop"] == ["ALL"]
    assert own["readOnlyRootFilesystem"] is True
    assert pod(workload)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("workload", WORKLOADS, ids=title)
def test_a_container_says_what_it_needs(workload: Manifest) -> None:
    resources = container(workload)["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}


def test_images_have_a_version() -> None:
    assert all(re.fullmatch(r"[a-z]+:\d[\w.-]*", container(workload)["image"]) for workload in WORKLOADS)
