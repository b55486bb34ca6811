"""Settings are read strictly: a bad value names its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from medassist.regions import numbers_for, read_regions
from medassist.settings import ROOT, SettingsError, load_settings


def test_nothing_set_is_the_embedded_default() -> None:
    settings = load_settings({})
    assert settings.database_url.startswith("sqlite:///")
    assert (settings.front_door_port, settings.rasa_port, settings.action_port) == (
        8000,
        5005,
        5055,
    )
    assert settings.region == "US"


@pytest.mark.parametrize("bad", ["0", "65536", "http", "-1", "80 "])
def test_a_port_that_is_none_names_its_key(bad: str) -> None:
    with pytest.raises(SettingsError, match="MEDASSIST_PORT"):
        load_settings({"MEDASSIST_PORT": bad})


def test_an_unknown_region_names_its_key() -> None:
    with pytest.raises(SettingsError, match="MEDASSIST_REGION must be one of US, UK"):
        numbers_for(load_settings({"MEDASSIST_REGION": "mars"}))


@pytest.mark.parametrize("code", ["US", "UK", "IE", "EU", "CA", "AU", "NZ"])
def test_every_region_has_its_numbers_with_sources(code: str) -> None:
    region = read_regions(ROOT / "data")[code]
    assert region.emergency.number
    assert region.poison.number
    assert region.crisis.number
    for line in (region.emergency, region.poison, region.crisis, region.advice):
        assert line.source.startswith("http")


def test_a_var_folder_moves_both_databases(tmp_path: Path) -> None:
    settings = load_settings({"MEDASSIST_VAR": str(tmp_path)})
    assert str(tmp_path) in settings.database_url
    assert str(tmp_path) in settings.tracker_database_url


def test_nothing_set_alerts_nobody_and_asks_for_no_approval() -> None:
    settings = load_settings({})
    assert settings.alert_urls == ()
    assert settings.alert_webhook_url is None
    assert not settings.alert_with_words
    assert not settings.require_approval
    assert settings.acknowledge_seconds == 300
    assert settings.link_url == "http://127.0.0.1:8000"


def test_alert_urls_are_parted_by_white_space_and_each_kept_once() -> None:
    settings = load_settings({"MEDASSIST_ALERT_URLS": " json://a/b\n mailto://c:d@e json://a/b"})
    assert settings.alert_urls == ("json://a/b", "mailto://c:d@e")


@pytest.mark.parametrize(
    ("environment", "secure"),
    [
        ({}, False),
        ({"MEDASSIST_PUBLIC_URL": "http://clinic.example"}, False),
        ({"MEDASSIST_PUBLIC_URL": "https://clinic.example"}, True),
        ({"MEDASSIST_PUBLIC_URL": "https://a.example", "MEDASSIST_COOKIE_SECURE": "0"}, False),
        ({"MEDASSIST_COOKIE_SECURE": "yes"}, True),
    ],
)
def test_cookies_are_secure_where_the_site_is(environment: dict[str, str], secure: bool) -> None:
    assert load_settings(environment).cookie_secure is secure


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("MEDASSIST_PUBLIC_URL", "clinic.example"),
        ("MEDASSIST_PUBLIC_URL", "ftp://clinic.example"),
        ("MEDASSIST_PUBLIC_URL", "https://clinic.example:port"),
        ("MEDASSIST_PUBLIC_URL", "https://two words"),
        ("MEDASSIST_ALERT_WEBHOOK_URL", "//clinic.example/hook"),
        ("MEDASSIST_ALERT_WITH_WORDS", "maybe"),
        ("MEDASSIST_REQUIRE_APPROVAL", "2"),
        ("MEDASSIST_COOKIE_SECURE", "https"),
        ("MEDASSIST_ACKNOWLEDGE_SECONDS", "0"),
        ("MEDASSIST_ACKNOWLEDGE_SECONDS", "5m"),
        ("MEDASSIST_HANDOVER_IDLE_SECONDS", "-1"),
        ("MEDASSIST_SESSION_IDLE_SECONDS", "604801"),
        ("MEDASSIST_OIDC_ISSUER", "provider"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_key(key: str, bad: str) -> None:
    with pytest.raises(SettingsError, match=f"^{key} must be "):
        load_settings({key: bad})


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"MEDASSIST_ALERT_WEBHOOK_URL": "https://a.example"}, "MEDASSIST_ALERT_WEBHOOK_SECRET"),
        ({"MEDASSIST_ALERT_WEBHOOK_SECRET": "s"}, "MEDASSIST_ALERT_WEBHOOK_URL"),
        (
            {"MEDASSIST_OIDC_ISSUER": "https://a.example", "MEDASSIST_OIDC_CLIENT_ID": "us"},
            "MEDASSIST_OIDC_CLIENT_SECRET",
        ),
    ],
)
def test_settings_that_belong_together_are_asked_for_together(
    given: dict[str, str], missing: str
) -> None:
    with pytest.raises(SettingsError, match=f"also needs {missing}"):
        load_settings(given)


def test_printed_settings_hold_no_secret() -> None:
    settings = load_settings(
        {
            "MEDASSIST_ALERT_URLS": "mailto://user:hush@clinic.example",
            "MEDASSIST_ALERT_WEBHOOK_URL": "https://clinic.example/hush",
            "MEDASSIST_ALERT_WEBHOOK_SECRET": "hush",
            "MEDASSIST_INTERNAL_SECRET": "hush-hush-hush-hush",
            "MEDASSIST_OIDC_ISSUER": "https://clinic.example",
            "MEDASSIST_OIDC_CLIENT_ID": "us",
            "MEDASSIST_OIDC_CLIENT_SECRET": "hush",
        }
    )
    assert "hush" not in repr(settings)
