"""Settings are read strictly: a bad value names its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from medassist import supervisor
from medassist.regions import numbers_for, read_regions
from medassist.settings import ROOT, SettingsError, load_settings


def test_nothing_set_is_the_embedded_default() -> None:
    settings = load_settings({})
    assert settings.database_url.startswith("sqlite:///")
    assert (settings.front_door_port, settings.rasa_port) == (8000, 5005)
    assert settings.action_port is None, "Rasa runs the actions"
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
        ("MEDASSIST_METRICS_TOKEN", "too-short"),
        ("MEDASSIST_METRICS_TOKEN", "two words of sixteen"),
        ("MEDASSIST_ALERTS_METRICS_PORT", "0"),
        ("MEDASSIST_LOG_FORMAT", "xml"),
        ("MEDASSIST_LOG_LEVEL", "loud"),
        ("MEDASSIST_KEEP_LOGS_DAYS", "0"),
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
            "MEDASSIST_METRICS_TOKEN": "hush-hush-hush-hush",
            "MEDASSIST_OIDC_ISSUER": "https://clinic.example",
            "MEDASSIST_OIDC_CLIENT_ID": "us",
            "MEDASSIST_OIDC_CLIENT_SECRET": "hush",
        }
    )
    assert "hush" not in repr(settings)


# ── settings in files ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("content", ["hush-hush", "hush-hush\n", " hush-hush \r\n"])
def test_any_setting_may_be_in_a_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    settings = load_settings({"MEDASSIST_OIDC_ISSUER": "https://clinic.example",
                              "MEDASSIST_OIDC_CLIENT_ID": "us",
                              "MEDASSIST_OIDC_CLIENT_SECRET_FILE": str(tmp_path / "secret")})  # fmt: skip
    assert settings.oidc_client_secret == "hush-hush"


def test_a_file_for_a_setting_goes_before_the_default_of_the_setting(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql+psycopg2://user:hush@db/medassist\n")
    settings = load_settings({"MEDASSIST_DATABASE_URL_FILE": str(tmp_path / "url")})
    assert settings.database_url == "postgresql+psycopg2://user:hush@db/medassist"


def test_what_is_in_a_file_is_checked_like_what_is_in_a_variable(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("eighty")
    with pytest.raises(SettingsError, match=r"^MEDASSIST_PORT must be "):
        load_settings({"MEDASSIST_PORT_FILE": str(tmp_path / "port")})


def test_a_variable_and_a_file_that_differ_are_refused(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8001")
    both = {"MEDASSIST_PORT_FILE": str(tmp_path / "port"), "MEDASSIST_PORT": "8002"}
    with pytest.raises(SettingsError, match=r"^MEDASSIST_PORT and MEDASSIST_PORT_FILE are both"):
        load_settings(both)


def test_a_variable_that_says_what_its_file_says_is_no_fault(tmp_path: Path) -> None:
    """`medassist run` hands its secret on to its servers, which see the file too."""
    (tmp_path / "port").write_text("8001\n")
    both = {"MEDASSIST_PORT_FILE": str(tmp_path / "port"), "MEDASSIST_PORT": "8001"}
    assert load_settings(both).front_door_port == 8001


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xff\xfehush", "it is not UTF-8 text"),
        (b"hush" * 20_000, "it is too large for a setting"),
    ],
)
def test_a_file_that_cannot_be_used_names_itself_and_not_its_content(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings({"MEDASSIST_INTERNAL_SECRET_FILE": str(file)})
    assert str(caught.value) == (
        f"MEDASSIST_INTERNAL_SECRET_FILE names the file {file}, which cannot be used: {reason}."
    )


def test_a_folder_is_no_file_for_a_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be used: Is a directory"):
        load_settings({"MEDASSIST_INTERNAL_SECRET_FILE": str(tmp_path)})


def test_a_folder_may_be_named_from_where_the_command_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"MEDASSIST_VAR": "here", "MEDASSIST_DATA": "content"})
    assert (settings.var, settings.data) == (tmp_path / "here", tmp_path / "content")
    for server in supervisor.servers(settings, tmp_path / "model.tar.gz"):
        assert server.environment["MEDASSIST_VAR"] == str(tmp_path / "here")
        assert server.environment["MEDASSIST_DATA"] == str(tmp_path / "content")
