"""The alert rules and the dashboard speak of metrics that exist, and the rules fire as they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from medassist.settings import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARD = ROOT / "deploy/grafana/medassist.json"
PARTS = {"front-door", "rasa", "actions", "alerts"}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + shown


def promtool(*arguments: object) -> str:
    tool = shutil.which("promtool")
    if tool is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool must be here under CI=true (of Debian's package prometheus)")
        pytest.skip("promtool is not on this machine (of Debian's package prometheus)")
    done = subprocess.run(
        [tool, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_each_rule_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", Path(__file__).parent / "alerts_test.yml")


def test_every_rule_is_tried_by_the_test_above_or_is_one_of_these() -> None:
    tried = (Path(__file__).parent / "alerts_test.yml").read_text(encoding="utf-8")
    fired = set(re.findall(r"alertname: (\w+)\s+exp_alerts", tried))
    alike = {
        "MedassistUrgentNotAcknowledged", "MedassistRasaIsAway", "MedassistAlertWorkerIsAway",
    }  # each the same as another but for a label  # fmt: skip
    assert {rule["alert"] for rule in rules()} - fired == alike


def test_prometheus_accepts_the_files(tmp_path: Path) -> None:
    promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")
    # Debian's promtool knows no Kubernetes, so all but its discovery is checked.
    document = yaml.safe_load((PROMETHEUS / "kubernetes.yml").read_text(encoding="utf-8"))
    assert document["scrape_configs"][0].pop("kubernetes_sd_configs")
    (tmp_path / "kubernetes.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    promtool("check", "config", "--syntax-only", tmp_path / "kubernetes.yml")


def test_prometheus_reads_every_part_where_it_listens() -> None:
    document = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((ROOT / "deploy/compose.yml").read_text(encoding="utf-8"))
    found = {
        job["job_name"]: (job["dns_sd_configs"][0]["names"][0], job["dns_sd_configs"][0]["port"])
        for job in document["scrape_configs"]
    }
    alerts_port = compose["services"]["alerts"]["environment"]["MEDASSIST_ALERTS_METRICS_PORT"]
    assert found == {
        "medassist-front-door": ("front-door", 8000),
        "medassist-rasa": ("rasa", 5005),
        "medassist-actions": ("actions", 5055),
        "medassist-alerts": ("alerts", int(alerts_port)),
    }
    assert set(PARTS) <= set(compose["services"])


def test_every_metric_that_is_named_exists() -> None:
    pytest.importorskip("medassist.metrics", reason="medassist/metrics.py is not here yet")
    from prometheus_client import REGISTRY

    gauges = (ROOT / "medassist/cases/gauges.py").read_text(encoding="utf-8")
    measured = {name for family in REGISTRY.collect() for name in _names_of(family)}
    existing = measured | set(re.findall(r'"(medassist_\w+)"', gauges))
    named = {name for expr in expressions() for name in re.findall(r"\bmedassist_\w+", expr)}
    assert len(named) >= 12
    assert named - existing == set()


def _names_of(family: Any) -> set[str]:
    """The names a family is written out under."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {family.name + ending for ending in endings.get(family.type, ("",))}


def test_every_label_that_is_named_exists() -> None:
    metrics = pytest.importorskip("medassist.metrics", reason="medassist/metrics.py is not here")
    known = {
        "level": set(metrics.LEVELS),
        "step": set(metrics.STEPS),
        "part": set(metrics.PARTS),
        "channel": set(metrics.CHANNELS),
        "queue": {"alerts", "outgoing", "incoming"},
        "job": {f"medassist-{part}" for part in metrics.PARTS},
    }
    for expr in expressions():
        for label, relation, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', expr):
            values = value.split("|") if relation == "=~" else [value]
            for each in values:
                assert each in known[label] or each == "medassist-.*", (expr, each)


def test_every_alert_says_what_to_do_and_how_urgent_it_is() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "what_to_do"}
        assert rule["for"]
        assert rule["expr"]


def test_the_dashboard_has_a_place_for_each_panel_and_any_prometheus_will_do() -> None:
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert document["templating"]["list"][0]["name"] == "datasource"
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["targets"], panel["title"]
        assert all(t["datasource"]["uid"] == "${datasource}" for t in panel["targets"])
