"""A channel is on when its settings are there; half of them is an error in one line."""

from __future__ import annotations

import logging

import pytest

from medassist.channels import messaging
from medassist.settings import SettingsError, load_settings
from tests.channels.conftest import CHANNELS, MESSAGING, environment

APIS = dict.fromkeys(("twilio", "telegram", "slack", "messenger", "generic"), "http://127.0.0.1:9")


def test_with_nothing_set_nothing_is_on_and_one_line_says_so(caplog) -> None:
    messaging.say_once.cache_clear()
    with caplog.at_level(logging.INFO, logger="medassist"):
        for kind in MESSAGING:
            assert not kind(load_settings({})).blueprint(lambda _message: None)._future_routes
    assert [r.getMessage() for r in caplog.records if r.name.startswith("medassist")] == [
        "Messaging channels that are switched on: none"
    ]


def test_with_everything_set_all_are_on(tmp_path) -> None:
    assert load_settings(environment(tmp_path, APIS)).channels.switched_on == CHANNELS


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("MEDASSIST_TWILIO_AUTH_TOKEN", "MEDASSIST_TWILIO_AUTH_TOKEN"),
        ("MEDASSIST_TWILIO_ACCOUNT_SID", "MEDASSIST_TWILIO_ACCOUNT_SID"),
        ("MEDASSIST_PUBLIC_URL", "MEDASSIST_PUBLIC_URL"),
        ("MEDASSIST_TELEGRAM_SECRET", "MEDASSIST_TELEGRAM_SECRET"),
        ("MEDASSIST_TELEGRAM_BOT_TOKEN", "MEDASSIST_TELEGRAM_BOT_TOKEN"),
        ("MEDASSIST_SLACK_SIGNING_SECRET", "MEDASSIST_SLACK_SIGNING_SECRET"),
        ("MEDASSIST_MESSENGER_PAGES", "MEDASSIST_MESSENGER_PAGES"),
        ("MEDASSIST_MESSENGER_APP_SECRET", "MEDASSIST_MESSENGER_APP_SECRET"),
        ("MEDASSIST_GENERIC_SECRET", "MEDASSIST_GENERIC_SECRET"),
        ("MEDASSIST_GENERIC_CALLBACK_URL", "MEDASSIST_GENERIC_CALLBACK_URL"),
    ],
)
def test_half_a_channel_s_settings_name_what_is_missing(tmp_path, gone: str, named: str) -> None:
    given = environment(tmp_path, APIS)
    del given[gone]
    with pytest.raises(SettingsError, match=named) as error:
        load_settings(given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("MEDASSIST_SMS_NUMBERS", "5550177777"),
        ("MEDASSIST_SMS_NUMBERS", "+1 555 0100"),
        ("MEDASSIST_TWILIO_ACCOUNT_SID", "AC123"),
        ("MEDASSIST_TELEGRAM_SECRET", "short"),
        ("MEDASSIST_SLACK_BOT_TOKEN", "xoxp-user-token"),
        ("MEDASSIST_MESSENGER_PAGES", "no-page-id"),
        ("MEDASSIST_GENERIC_SECRET", "too-short"),
        ("MEDASSIST_GENERIC_CALLBACK_URL", "clinic.example/callback"),
    ],
)
def test_a_bad_value_names_its_key_and_is_not_repeated(tmp_path, key: str, bad: str) -> None:
    with pytest.raises(SettingsError, match=key) as error:
        load_settings({**environment(tmp_path, APIS), key: bad})
    assert bad not in str(error.value)


@pytest.mark.parametrize(
    ("channel", "key"),
    [("telegram", "MEDASSIST_TELEGRAM_BOT_TOKEN"), ("slack", "MEDASSIST_SLACK_BOT_TOKEN")],
)
def test_a_second_bot_or_workspace_is_refused_in_one_line(tmp_path, channel: str, key: str) -> None:
    given = environment(tmp_path, APIS)
    with pytest.raises(SettingsError, match=key):
        load_settings({**given, key: f"{given[key]} {given[key]}x"})
    assert channel in load_settings(given).channels.switched_on


def test_no_secret_shows_when_settings_are_printed(tmp_path) -> None:
    given = environment(tmp_path, APIS)
    printed = repr(load_settings(given))
    for key, value in given.items():
        if any(word in key for word in ("TOKEN", "SECRET", "PAGES")):
            assert value not in printed, key


def test_credentials_hold_no_secret() -> None:
    from ruamel.yaml import YAML

    from medassist.settings import ROOT

    credentials = YAML(typ="safe").load((ROOT / "credentials.yml").read_text(encoding="utf-8"))
    assert all(value == {} for value in credentials.values())
    assert {f"{kind.__module__}.{kind.__name__}" for kind in MESSAGING} <= set(credentials)
