"""The manifests: valid by Kubernetes' own schemas, one Deployment for each process, probes, time to stop in."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests.deploy.manifests import DEPLOY, KNOWN, LONGEST_S, PROCESSES, documents

MANIFESTS = DEPLOY / "kubernetes"
FILES = sorted(path for path in MANIFESTS.rglob("*.yaml") if path.name != "kustomization.yaml")
OBJECTS = [(path, found) for path in FILES for found in documents(path)]
OLDEST, NEWEST = "1.27", "1.35"
DEPLOYMENTS = {found["metadata"]["name"]: found for _, found in OBJECTS if found["kind"] == "Deployment"}
JOB = next(found for _, found in OBJECTS if found["kind"] == "Job")
PODS = {name: found["spec"]["template"] for name, found in DEPLOYMENTS.items()} | {
    "migrate": JOB["spec"]["template"]
}


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for _, found in OBJECTS if found["kind"] == kind}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_they_are_what_kubernetes_takes(version: str) -> None:
    for path, found in OBJECTS:
        if found["apiVersion"].startswith("keda.sh/"):
            continue  # KEDA's own kind
        kubernetes_validate.validate(found, version, strict=True)
        assert found["metadata"]["labels"]["app.kubernetes.io/name"] == "appointments", path


def test_every_process_of_production_is_deployed() -> None:
    assert DEPLOYMENTS.keys() == PROCESSES.keys() - {"mandrill"}
    for name, pod in PODS.items():
        first = pod["spec"]["containers"][0]
        assert first["args"][0] == ("alembic" if name == "migrate" else name)
        assert {"name": "PROCESS_NAME", "value": name} in first["env"]


def test_kustomize_knows_every_manifest_that_is_no_example() -> None:
    for folder in (MANIFESTS, MANIFESTS / "release"):
        (kustomization,) = documents(folder / "kustomization.yaml")
        there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert set(kustomization["resources"]) == {name for name in there if ".example." not in name}
        (image,) = kustomization["images"]
        assert image["newTag"] not in ("", "latest")


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_stop_allows_more_than_the_longest_task(name: str) -> None:
    spec = PODS[name]["spec"]
    before = (
        spec["containers"][0]
        .get("lifecycle", {})
        .get("preStop", {})
        .get("exec", {})
        .get("command", ["", "0"])
    )
    assert spec["terminationGracePeriodSeconds"] - int(before[1]) > LONGEST_S[name]


def test_every_process_is_probed() -> None:
    for name in DEPLOYMENTS:
        container = PODS[name]["spec"]["containers"][0]
        assert {"startupProbe", "livenessProbe"} <= container.keys(), name
        if name not in ("web", "flower"):
            assert container["livenessProbe"]["exec"]["command"] == ["python", "-m", "workers.check", name]
    web = PODS["web"]["spec"]["containers"][0]
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_no_container_may_what_it_does_not_need() -> None:
    for name, pod in PODS.items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["automountServiceAccountToken"] is False
        # A Service's variables would be taken for settings: FLOWER_PORT is one.
        assert spec["enableServiceLinks"] is False
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"requests", "limits"} == container["resources"].keys()
            assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_containers_that_count_together_see_each_others_processes() -> None:
    for name, pod in PODS.items():
        together = len(pod["spec"]["containers"]) > 1
        assert pod["spec"].get("shareProcessNamespace", False) is together, name


def test_every_variable_is_one_that_something_reads_and_no_secret_is_given() -> None:
    assert of_kind("ConfigMap")["appointments"]["data"].keys() <= KNOWN
    secret = of_kind("Secret")["appointments"]["stringData"]
    assert secret.keys() <= KNOWN
    assert set(secret.values()) == {""}
    for pod in PODS.values():
        for container in pod["spec"]["containers"]:
            assert [entry["name"] for entry in container["env"]] == ["PROCESS_NAME"]


def test_what_there_is_one_of_is_not_doubled_by_a_rollout() -> None:
    beat = DEPLOYMENTS["beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})


def test_whatever_runs_twice_survives_the_loss_of_a_node() -> None:
    several = {name for name, found in DEPLOYMENTS.items() if found["spec"].get("replicas", 2) > 1}
    assert of_kind("PodDisruptionBudget").keys() == several


def test_autoscalers_and_services_name_what_there_is() -> None:
    assert of_kind("HorizontalPodAutoscaler")["web"]["spec"]["scaleTargetRef"]["name"] in DEPLOYMENTS
    # Two who say how many there are would quarrel.
    assert "replicas" not in DEPLOYMENTS["web"]["spec"]
    scaled = of_kind("ScaledObject")["worker-mail"]["spec"]
    assert scaled["scaleTargetRef"]["name"] in DEPLOYMENTS
    for service in of_kind("Service").values():
        labels = PODS[service["metadata"]["name"]]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()


def test_the_scalers_query_asks_for_what_is_exported() -> None:
    from tests.deploy.test_monitoring import exported_names, parsed

    (trigger,) = of_kind("ScaledObject")["worker-mail"]["spec"]["triggers"]
    assert {found.name for found in parsed(trigger["metadata"]["query"])} <= exported_names()


def test_the_way_in_leads_to_named_paths_only() -> None:
    paths = {
        path["path"]
        for ingress in of_kind("Ingress").values()
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert "/" not in paths
    assert not paths & {"/metrics", "/readyz"}
    sizes = {
        ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
        for ingress in of_kind("Ingress").values()
    }
    assert sizes == {"256k", "16m"}


def test_no_manifest_is_forgotten() -> None:
    assert {path.parent for path in FILES} == {MANIFESTS, Path(MANIFESTS / "release")}
