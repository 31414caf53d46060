"""The manifests of deploy/kubernetes: Kubernetes' own schemas, and that what they say of the gateway is so."""

import json

import kubernetes_validate
import pytest
import yaml

from kit import TOP
from kit.figures import figures
from kit.gateway import command

OBJECTS = [item for path in sorted((TOP / "deploy" / "kubernetes").glob("*.yaml"))
           for item in yaml.safe_load_all(path.read_text())]
BY_KIND = {item["kind"]: item for item in OBJECTS}
DEV = True


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: item["kind"])
def test_they_are_by_the_schema(item, version):
    kubernetes_validate.validate(item, version, strict=True)


def test_a_mistake_would_be_seen():
    broken = json.loads(json.dumps(BY_KIND["Deployment"]))
    broken["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.29", strict=True)


def test_settings_are_settings():
    names = {json.loads(line)["name"] for line in command("config", "list", "--json").stdout.splitlines()}
    data = BY_KIND["ConfigMap"]["data"]
    assert set(data) <= names, set(data) - names
    answer = command("config", "check", DATABASE_URL="postgresql://x@127.0.0.1:1/x", AUTH_JWT_SECRET="x" * 40, **data)
    assert "must be" not in answer.stdout + answer.stderr, answer.stderr


def test_a_pod_has_the_time_that_a_stop_takes():
    data, pod = BY_KIND["ConfigMap"]["data"], BY_KIND["Deployment"]["spec"]["template"]["spec"]
    drain = max(int(data["DRAIN_SECONDS"]), int(data["DRAIN_DELAY_SECONDS"]))
    assert pod["terminationGracePeriodSeconds"] >= drain + 12
    # And readiness is looked at often enough for the delay to be seen.
    probe = pod["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < int(data["DRAIN_DELAY_SECONDS"])


def test_probes_ask_for_what_there_is(gateway):
    container = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert gateway.get(container[probe]["httpGet"]["path"])[0] == 200


def test_more_gateways_for_a_figure_that_there_is(gateway):
    spec = BY_KIND["HorizontalPodAutoscaler"]["spec"]
    target, deployment = spec["scaleTargetRef"], BY_KIND["Deployment"]
    assert (target["apiVersion"], target["name"]) == (deployment["apiVersion"], deployment["metadata"]["name"])
    [metric] = spec["metrics"]
    assert metric["pods"]["metric"]["name"] in {name for name, _ in figures(gateway)}
    most = json.loads(next(line for line in command("config", "list", "--json").stdout.splitlines() if '"MAX_SOCKETS"' in line))
    assert int(metric["pods"]["target"]["averageValue"]) * 2 < int(most["value"])


def test_all_select_the_same_pods():
    labels = BY_KIND["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for kind, where in (("Deployment", ("selector", "matchLabels")), ("Service", ("selector",)),
                        ("PodDisruptionBudget", ("selector", "matchLabels")),
                        ("NetworkPolicy", ("podSelector", "matchLabels"))):
        found = BY_KIND[kind]["spec"]
        for name in where:
            found = found[name]
        assert found.items() <= labels.items(), kind
