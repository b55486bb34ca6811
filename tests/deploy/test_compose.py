"""The Compose file: valid by its own schema, and as closed as we say it is.

No container engine runs here, so nothing of it was started; docs/deploy.md says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from medassist.settings import ROOT, load_settings

FOLDER = ROOT / "deploy"
OURS = {"prepare", "actions", "rasa", "front-door", "alerts"}
SERVERS = OURS - {"prepare"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yml").read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def secret_names(service: dict[str, Any]) -> set[str]:
    return {s if isinstance(s, str) else s["source"] for s in service.get("secrets", [])}


def test_it_is_valid_by_the_schema_of_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "compose_spec.json").read_text(encoding="utf-8"))
    compose = {key: value for key, value in compose.items() if key != "name"}  # younger than it
    jsonschema.Draft7Validator(schema).validate(compose)
    broken = {**compose, "services": {"rasa": {"image": "x", "read-only": True}}}
    with pytest.raises(jsonschema.ValidationError):  # the schema would notice a slip of the pen
        jsonschema.Draft7Validator(schema).validate(broken)


def test_two_of_everything_that_answers_people(services: dict[str, Any]) -> None:
    for name in ("actions", "rasa", "front-door"):
        assert services[name]["deploy"]["replicas"] == 2


def test_every_container_is_read_only_without_rights_and_with_limits(
    services: dict[str, Any],
) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "privileged" not in service, name
        assert "no-new-privileges:true" in service["security_opt"], name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory"} <= set(limits), name
        assert service["pids_limit"] > 0, name


def test_nobody_is_root(services: dict[str, Any]) -> None:
    """Ours are not by their image (test_dockerfile.py), nor is the unprivileged nginx."""
    for name in set(services) - OURS - {"nginx"}:
        user = services[name]["user"]
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), name
    assert "unprivileged" in services["nginx"]["image"]
    for name in OURS:
        assert "user" not in services[name]


def test_every_image_has_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        tag = service["image"].partition(":")[2]
        assert tag, name
        assert tag != "latest", name


def test_everything_that_runs_on_says_whether_it_is_healthy(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name == "prepare":
            assert service["healthcheck"] == {"disable": True}
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name
    for name in SERVERS:
        assert services[name]["healthcheck"]["test"][-1] == name
        assert services[name]["command"] == ["serve", name]


def test_the_database_is_ready_before_anything_that_uses_it(services: dict[str, Any]) -> None:
    conditions = {
        (name, needed): how["condition"]
        for name, service in services.items()
        for needed, how in service.get("depends_on", {}).items()
    }
    assert conditions["prepare", "postgres"] == "service_healthy"
    for name in ("actions", "rasa", "alerts"):
        assert conditions[name, "prepare"] == "service_completed_successfully"
    assert conditions["rasa", "actions"] == "service_healthy"
    assert conditions["rasa", "redis"] == "service_healthy"
    assert conditions["front-door", "rasa"] == "service_healthy"
    assert conditions["nginx", "front-door"] == "service_healthy"


def test_only_nginx_can_be_reached_from_outside(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    assert {name for name, service in services.items() if "ports" in service} == {"nginx"}
    assert compose["networks"]["inner"]["internal"] is True
    for name in ("postgres", "redis", "rabbitmq", "actions", "prepare"):
        assert services[name]["networks"] == ["inner"], name
    assert services["nginx"]["networks"] == ["edge"]


def test_the_front_door_believes_nginx_and_nobody_else_about_addresses(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    subnet = compose["networks"]["edge"]["ipam"]["config"][0]["subnet"]
    assert services["front-door"]["environment"]["FORWARDED_ALLOW_IPS"] == subnet
    assert {n for n, s in services.items() if "edge" in s["networks"]} == {"nginx", "front-door"}


def test_no_secret_is_in_the_file_or_in_an_environment(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"SECRET|TOKEN|PASS|DATABASE_URL|REDIS_URL|BROKER_URL|ALERT_URLS", key):
                assert key.endswith("_FILE"), (name, key)
                file = re.sub(r"^\$\{\w+:\+(.*)\}$", r"\1", value)
                assert file.removeprefix("/run/secrets/") in secret_names(service), (name, key)
        assert secret_names(service) <= set(compose["secrets"]), name
    for secret in compose["secrets"].values():
        assert secret["file"].startswith("secrets/")


def test_every_part_has_the_same_settings(services: dict[str, Any]) -> None:
    """Who opens a case must know whom to alert; who sends a reply, the channel's settings."""
    own = {"FORWARDED_ALLOW_IPS", "MEDASSIST_ALERTS_METRICS_PORT"}
    common = services["rasa"]["environment"]
    for name in OURS:
        environment = services[name]["environment"]
        assert {k: v for k, v in environment.items() if k not in own} == common, name
        assert secret_names(services[name]) == secret_names(services["rasa"])


def read_env(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.fixture
def secrets_made(tmp_path: Path) -> Path:
    subprocess.run([FOLDER / "new-secrets", tmp_path / "s"], check=True, capture_output=True)
    return tmp_path / "s"


def test_medassist_reads_the_settings_and_secrets_that_the_containers_get(
    services: dict[str, Any], secrets_made: Path
) -> None:
    (secrets_made / "alert_urls").write_text("json://alerts.example/", encoding="utf-8")
    environment = {
        **read_env(FOLDER / "medassist.env"),
        **{
            key: re.sub(r"^\$\{\w+:\+(.*)\}$", r"\1", value).replace(
                "/run/secrets", str(secrets_made)
            )
            for key, value in services["alerts"]["environment"].items()
        },
    }
    settings = load_settings(environment)
    assert settings.database_url == settings.tracker_database_url
    assert settings.database_url.startswith("postgresql+psycopg2://medassist:")
    assert settings.database_url.endswith("@postgres:5432/medassist")
    assert len(settings.internal_secret or "") == 64
    assert settings.alert_urls == ("json://alerts.example/",)
    assert settings.rasa_url == "http://rasa:5005"
    assert settings.scaling.redis_url is not None
    assert settings.scaling.redis_url.endswith("@redis:6379/0")
    assert settings.scaling.event_broker_url is not None
    assert settings.cookie_secure


def test_new_secrets_are_random_kept_and_closed_to_other_people(
    secrets_made: Path, tmp_path: Path
) -> None:
    first = {file.name: file.read_bytes() for file in secrets_made.iterdir()}
    again = subprocess.run(
        [FOLDER / "new-secrets", secrets_made], check=True, capture_output=True, text=True
    )
    subprocess.run([FOLDER / "new-secrets", tmp_path / "other"], check=True, capture_output=True)
    for name, content in first.items():
        assert (secrets_made / name).read_bytes() == content
        assert (tmp_path / "other" / name).read_bytes() != content
        assert content.decode() not in again.stdout
    assert secrets_made.stat().st_mode & 0o077 == 0
    assert "tls_certificate" in again.stdout


def test_the_redis_of_the_secrets_starts_and_asks_for_its_password(secrets_made: Path) -> None:
    server = shutil.which("redis-server")
    if server is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server must be here under CI=true")
        pytest.skip("redis-server is not on this machine")
    import redis

    from tests.web.served import free_port

    port = free_port()
    process = subprocess.Popen(
        [server, secrets_made / "redis_conf", "--port", str(port), "--bind", "127.0.0.1"],
        cwd=secrets_made,
        stdout=subprocess.DEVNULL,
    )
    try:
        url = (secrets_made / "redis_url").read_text(encoding="utf-8")
        allowed = redis.Redis.from_url(url.replace("@redis:6379", f"@127.0.0.1:{port}"))
        stranger = redis.Redis(port=port)
        deadline = time.monotonic() + 20
        while True:
            try:
                assert allowed.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        allowed.close()
        stranger.close()
    finally:
        process.terminate()
        process.wait(20)
