"""The Kubernetes manifests: valid by Kubernetes' own schemas, closed, and updated without a gap.

No cluster runs here, so nothing of it was started; docs/deploy.md says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from medassist.settings import ROOT, load_settings
from medassist.web.pace import Pace

FOLDER = ROOT / "deploy/kubernetes"
PARTS = ("front-door", "rasa", "actions", "alerts")
SERVERS = ("front-door", "rasa", "actions")
SCHEMAS = "1.28"
"""The newest that kubernetes-validate has for the jsonschema that Rasa pins."""

Manifest = dict[str, Any]


def resources_of(folder: Path) -> Iterator[Path]:
    """The files a kustomization is made of, those of its folders included."""
    document = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    for name in document["resources"]:
        path = (folder / name).resolve()
        if path.is_dir():
            yield from resources_of(path)
        else:
            yield path


@cache
def manifests() -> list[Manifest]:
    files = dict.fromkeys([*resources_of(FOLDER / "prepare"), *resources_of(FOLDER)])
    texts = [file.read_text(encoding="utf-8") for file in files]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def named(kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests() if m["kind"] == kind}


def pod_of(manifest: Manifest) -> Manifest:
    pod: Manifest = manifest["spec"]["template"]["spec"]
    return pod


def workloads() -> dict[str, Manifest]:
    return {**named("Deployment"), **named("Job")}


def container_of(manifest: Manifest) -> Manifest:
    (container,) = pod_of(manifest)["containers"]
    return container


ALL = [
    (f"{m['kind']}-{m['metadata']['name']}", m)
    for m in [*manifests(), yaml.safe_load((FOLDER / "secret.example.yaml").read_text())]
]


@pytest.mark.parametrize("manifest", [m for _, m in ALL], ids=[name for name, _ in ALL])
def test_kubernetes_own_schemas_find_no_fault(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, SCHEMAS, strict=True)


def test_a_slip_of_the_pen_would_be_noticed() -> None:
    broken = deepcopy(named("Deployment")["rasa"])
    container_of(broken)["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, SCHEMAS, strict=True)


def test_every_file_belongs_to_a_kustomization_or_is_the_example() -> None:
    used = {*resources_of(FOLDER / "prepare"), *resources_of(FOLDER)}
    here = {f.resolve() for f in FOLDER.rglob("*.yaml") if f.name != "kustomization.yaml"}
    assert here - used == {(FOLDER / "secret.example.yaml").resolve()}


def test_the_job_and_the_parts_are_of_the_same_image() -> None:
    images = [
        yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["images"]
        for folder in (FOLDER, FOLDER / "prepare")
    ]
    assert images[0] == images[1]
    assert {container_of(w)["image"] for w in workloads().values()} == {images[0][0]["name"]}


def test_each_part_runs_its_part() -> None:
    assert set(named("Deployment")) == set(PARTS)
    for name in PARTS:
        assert container_of(named("Deployment")[name])["args"] == ["serve", name]
    assert container_of(named("Job")["medassist-prepare"])["args"] == ["prepare"]


def test_every_pod_is_as_closed_as_the_restricted_standard_asks_and_more() -> None:
    for name, workload in workloads().items():
        pod, container = pod_of(workload), container_of(workload)
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == 10001, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}, name
        for volume in pod["volumes"]:
            assert "hostPath" not in volume
            assert volume.get("emptyDir", {"sizeLimit": 1})["sizeLimit"], name
    labels = named("Namespace")["medassist"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_part_says_when_it_has_started_is_ready_and_lives() -> None:
    for name, deployment in named("Deployment").items():
        container = container_of(deployment)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe], (name, probe)


def test_a_part_stays_in_service_when_its_neighbours_are_away() -> None:
    """It alone can then say so, or show an emergency card: no probe asks `/readyz`."""
    for deployment in named("Deployment").values():
        assert "/readyz" not in str(container_of(deployment))


def test_an_update_never_takes_one_away_before_another_is_there() -> None:
    for name in SERVERS:
        deployment = named("Deployment")[name]
        assert deployment["spec"]["replicas"] >= 2
        assert deployment["spec"]["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        }
        budget = named("PodDisruptionBudget")[name]["spec"]
        assert budget["minAvailable"] == 1
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert labels.items() >= budget["selector"]["matchLabels"].items()


def test_one_that_ends_first_hands_on_what_it_has_taken() -> None:
    """It gets no new requests, and stays longer than handing a message to Rasa may take."""
    for name in SERVERS:
        deployment = named("Deployment")[name]
        command = container_of(deployment)["lifecycle"]["preStop"]["exec"]["command"]
        waits = int(command[1])
        assert command[0] == "sleep"
        assert waits > 2 * Pace().give_up_reaching
        assert pod_of(deployment)["terminationGracePeriodSeconds"] >= waits + 15


def test_services_find_the_pods_of_their_part() -> None:
    services = named("Service")
    for name in SERVERS:
        labels = named("Deployment")[name]["spec"]["template"]["metadata"]["labels"]
        assert labels.items() >= services[name]["spec"]["selector"].items()
        port = services[name]["spec"]["ports"][0]
        ports = {
            p["name"]: p["containerPort"] for p in container_of(named("Deployment")[name])["ports"]
        }
        assert ports[port["targetPort"]] == port["port"]
    settings = named("ConfigMap")["medassist-settings"]["data"]
    for key, name in (("RASA", "rasa"), ("ACTION", "actions"), ("FRONT_DOOR", "front-door")):
        port = services[name]["spec"]["ports"][0]["port"]
        assert settings[f"MEDASSIST_{key}_URL"] == f"http://{name}:{port}"


def ways_in(to: str) -> set[str]:
    """Whose pods may come to a part by the network policies, beside those who watch."""
    found: set[str] = set()
    for name, policy in named("NetworkPolicy").items():
        spec = policy["spec"]
        selected = spec["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/component")
        if selected is None:  # of several parts: only the figures are opened so
            assert name == "figures" or "ingress" not in spec
        if selected != to:
            continue
        for rule in spec.get("ingress", []):
            for source in rule["from"]:
                (selector,) = source.values()
                found.update(selector["matchLabels"].values())
    return found


def test_everything_is_closed_but_the_ways_that_are_used() -> None:
    closed = named("NetworkPolicy")["all-closed"]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert ways_in("rasa") == {"front-door", "alerts"}
    assert ways_in("actions") == {"rasa"}
    assert ways_in("front-door") == {"ingress-nginx", "rasa"}
    assert ways_in("alerts") == set()


def test_who_may_come_in_there_may_also_go_out_here() -> None:
    for to in SERVERS:
        for source in ways_in(to) & set(PARTS):
            rules = named("NetworkPolicy")[source]["spec"]["egress"]
            targets = {
                t["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
                for rule in rules
                for t in rule["to"]
            }
            assert to in targets, (source, to)


def test_only_who_is_marked_reads_the_figures() -> None:
    spec = named("NetworkPolicy")["figures"]["spec"]
    assert spec["ingress"][0]["from"] == [
        {"namespaceSelector": {"matchLabels": {"medassist.example/may-watch": "yes"}}}
    ]


def test_the_ingress_asks_for_tls_and_hides_what_is_inside() -> None:
    for ingress in named("Ingress").values():
        assert ingress["spec"]["tls"][0]["hosts"] == [ingress["spec"]["rules"][0]["host"]]
    paths = {
        p["path"]: p["backend"]["service"]["name"]
        for p in named("Ingress")["medassist"]["spec"]["rules"][0]["http"]["paths"]
    }
    assert paths == {"/": "front-door", "/internal": "nothing", "/metrics": "nothing"}
    known = {m["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
             for m in workloads().values()}  # fmt: skip
    assert (
        named("Service")["nothing"]["spec"]["selector"]["app.kubernetes.io/component"] not in known
    )


def test_no_manifest_holds_a_secret() -> None:
    assert named("Secret") == {}
    example = yaml.safe_load((FOLDER / "secret.example.yaml").read_text(encoding="utf-8"))
    assert set(example["stringData"].values()) == {""}
    settings = named("ConfigMap")["medassist-settings"]["data"]
    for key, value in settings.items():
        if re.search(r"SECRET|TOKEN|DATABASE_URL|REDIS_URL|ALERT_URLS", key):
            assert key.endswith("_FILE"), key
            assert Path(value).name in example["stringData"], key


def test_medassist_reads_the_settings_that_the_pods_get(tmp_path: Path) -> None:
    example = yaml.safe_load((FOLDER / "secret.example.yaml").read_text(encoding="utf-8"))
    values = {
        "database_url": "postgresql+psycopg2://u:p@db:5432/medassist?sslmode=verify-full",
        "redis_url": "rediss://:p@redis:6379/0",
        "alert_urls": "json://alerts.example/",
    }
    for name in example["stringData"]:
        (tmp_path / name).write_text(values.get(name, "x" * 64), encoding="utf-8")
    environment = {
        key: value.replace("/run/secrets/medassist", str(tmp_path))
        for key, value in named("ConfigMap")["medassist-settings"]["data"].items()
    }
    settings = load_settings(environment)
    assert settings.rasa_url == "http://rasa:5005"
    assert settings.database_url == values["database_url"]
    assert settings.internal_secret == "x" * 64
    assert settings.cookie_secure
