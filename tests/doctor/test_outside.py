"""Redis, the broker, the public address, alerts, channels and secrets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.conftest import self_made_certificate
from tests.doctor.conftest import LONG, Report
from tests.web.served import free_port


def test_a_redis_that_cannot_be_reached_is_a_problem_and_its_password_is_not_said(
    doctor: Callable[..., Report],
) -> None:
    url = f"redis://:hush@127.0.0.1:{free_port()}/0"
    report = doctor("redis", MEDASSIST_REDIS_URL=url)
    assert "It cannot be reached" in report.line("PROBLEM", "Redis")
    assert "hush" not in report.output


def test_a_redis_that_answers_is_well(doctor: Callable[..., Report]) -> None:
    url = os.environ.get("MEDASSIST_TEST_REDIS_URL", "redis://127.0.0.1:6379/4")
    require_port(6379, "Redis")
    assert doctor("redis", MEDASSIST_REDIS_URL=url).line("OK", "Redis") == "It answers."


def test_several_of_a_part_without_redis_are_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("redis", MEDASSIST_FRONT_DOOR_URL="http://a:8000 http://b:8000")
    assert "no MEDASSIST_REDIS_URL" in report.line("PROBLEM", "Redis")
    assert doctor("redis").lines("PROBLEM", "Redis") == []


def test_an_event_broker_that_cannot_be_used_is_a_problem_and_its_password_is_not_said(
    doctor: Callable[..., Report],
) -> None:
    url = f"amqp://guest:hush@127.0.0.1:{free_port()}/%2F"
    report = doctor("event-broker", MEDASSIST_EVENT_BROKER_URL=url)
    assert "It cannot be used" in report.line("PROBLEM", "event broker")
    assert "hush" not in report.output


def test_an_event_broker_that_takes_a_connection_is_well(doctor: Callable[..., Report]) -> None:
    require_port(5672, "RabbitMQ")
    url = "amqp://guest:guest@127.0.0.1:5672/%2F"
    assert doctor("event-broker", MEDASSIST_EVENT_BROKER_URL=url).lines("OK", "event broker")


def require_port(port: int, name: str) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} must be here under CI=true")
    pytest.skip(f"no {name} on this machine")


def test_no_public_address_is_warned_of(doctor: Callable[..., Report]) -> None:
    assert "on this machine only" in doctor("public-address").line("WARNING", "public address")


def test_a_public_address_without_tls_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("public-address", MEDASSIST_PUBLIC_URL="http://chat.example.org")
    assert "is not https" in report.line("PROBLEM", "public address")


def test_cookies_that_go_without_tls_are_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor(
        "public-address",
        MEDASSIST_PUBLIC_URL="https://chat.example.org",
        MEDASSIST_COOKIE_SECURE="0",
    )
    assert "MEDASSIST_COOKIE_SECURE is off" in report.line("PROBLEM", "public address")


def test_a_certificate_that_nobody_trusts_is_a_problem(
    doctor: Callable[..., Report], serve: Callable[..., int], tmp_path: Path
) -> None:
    port = serve(self_made_certificate(tmp_path))
    report = doctor("public-address", MEDASSIST_PUBLIC_URL=f"https://127.0.0.1:{port}")
    assert "certificate" in report.line("PROBLEM", "public address")


def test_a_public_address_that_answers_is_well_and_one_that_does_not_is_warned_of(
    doctor: Callable[..., Report], serve: Callable[..., int]
) -> None:
    report = doctor("public-address", MEDASSIST_PUBLIC_URL=f"http://127.0.0.1:{serve()}")
    assert "answers" in report.line("OK", "public address")
    report = doctor("public-address", MEDASSIST_PUBLIC_URL="https://chat.invalid")
    assert "cannot be reached from here" in report.line("WARNING", "public address")


def test_a_website_without_tls_that_shows_the_chat_is_warned_of(
    doctor: Callable[..., Report],
) -> None:
    report = doctor("public-address", MEDASSIST_EMBED_ORIGINS="http://a.example https://b.example")
    assert "http://a.example" in report.line("WARNING", "widget")


def test_a_clinic_that_alerts_nobody_is_warned(doctor: Callable[..., Report]) -> None:
    said = doctor("alerts").line("WARNING", "alerts")
    assert said.startswith("Nobody is told of a case")


def test_an_alert_target_that_cannot_be_used_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("alerts", MEDASSIST_ALERT_URLS="json://a.example nonsense://hush")
    assert "URL number 2" in report.line("PROBLEM", "alerts")
    assert "hush" not in report.output


def test_targets_that_can_be_used_are_well_and_nothing_is_sent(
    doctor: Callable[..., Report],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(0.5)
        url = f"json://127.0.0.1:{target.getsockname()[1]}"
        report = doctor("alerts", MEDASSIST_ALERT_URLS=url)
        with pytest.raises(TimeoutError):
            target.accept()
    assert report.line("OK", "alerts") == "1 target(s) can be used. None was tried."


def test_a_channel_whose_provider_cannot_reach_us_is_a_problem(
    doctor: Callable[..., Report],
) -> None:
    channel = {
        "MEDASSIST_GENERIC_SECRET": LONG,
        "MEDASSIST_GENERIC_CALLBACK_URL": "https://hooks.example.org",
    }
    assert "generic" in doctor("channels", **channel).line("PROBLEM", "channels")
    public = {**channel, "MEDASSIST_PUBLIC_URL": "https://chat.example.org"}
    assert "generic" in doctor("channels", **public).line("OK", "channels")


def test_several_machines_without_a_secret_of_their_own_are_a_problem(
    doctor: Callable[..., Report],
) -> None:
    several = {"MEDASSIST_RASA_URL": "http://rasa:5005"}
    said = doctor("secrets", **several).line("PROBLEM", "secrets")
    assert "MEDASSIST_INTERNAL_SECRET is not set" in said
    assert doctor("secrets", **several, MEDASSIST_INTERNAL_SECRET=LONG).code == 0
    assert doctor("secrets", MEDASSIST_HOST="0.0.0.0").code == 1


@pytest.mark.parametrize("weak", ["hush-hush-hush-hush", "ab" * 30])
def test_a_secret_that_can_be_guessed_is_warned_of_and_not_said(
    doctor: Callable[..., Report], weak: str
) -> None:
    report = doctor("secrets", MEDASSIST_INTERNAL_SECRET=weak)
    assert "MEDASSIST_INTERNAL_SECRET can be guessed" in report.line("WARNING", "secrets")
    assert weak not in report.output


def test_keeping_for_ever_is_warned_of(doctor: Callable[..., Report]) -> None:
    pytest.importorskip("medassist.privacy_settings", reason="medassist/privacy_settings.py")
    assert "90 days" in doctor("retention").line("OK", "retention")
    report = doctor("retention", MEDASSIST_KEEP_CONVERSATIONS_DAYS="forever")
    assert "conversations" in report.line("WARNING", "retention")
