"""One machine or several is a matter of settings, and a bad one is one plain line."""

from __future__ import annotations

import pytest

from medassist.scaling_settings import preferred_for
from medassist.settings import SettingsError, load_settings


def test_nothing_set_is_one_machine_on_loopback() -> None:
    settings = load_settings({})
    assert settings.front_door_url == "http://127.0.0.1:8000"
    assert settings.scaling.rasa_urls == ("http://127.0.0.1:5005",)
    assert settings.action_url is None, "Rasa runs the actions"
    assert settings.scaling.redis_url is None
    assert settings.scaling.event_broker_url is None
    assert not settings.scaling.is_open


def test_a_port_for_it_gives_this_machine_an_action_server() -> None:
    settings = load_settings({"MEDASSIST_ACTION_PORT": "5055"})
    assert settings.action_url == "http://127.0.0.1:5055"


def test_neighbours_are_found_by_their_addresses() -> None:
    settings = load_settings(
        {
            "MEDASSIST_HOST": "0.0.0.0",
            "MEDASSIST_RASA_URL": "http://rasa-1:5005/  http://rasa-2:5005",
            "MEDASSIST_ACTION_URL": "http://actions:5055",
            "MEDASSIST_FRONT_DOOR_URL": "http://door-1:8000 http://door-2:8000",
        }
    )
    assert settings.scaling.rasa_urls == ("http://rasa-1:5005", "http://rasa-2:5005")
    assert settings.rasa_url == "http://rasa-1:5005"
    assert settings.action_url == "http://actions:5055"
    assert settings.scaling.front_door_urls == ("http://door-1:8000", "http://door-2:8000")


def test_several_rasa_servers_have_ports_side_by_side() -> None:
    settings = load_settings(
        {"MEDASSIST_RASA_WORKERS": "3", "MEDASSIST_REDIS_URL": "redis://127.0.0.1:6379/3"}
    )
    assert [url.rpartition(":")[2] for url in settings.scaling.rasa_urls] == [
        "5005",
        "5006",
        "5007",
    ]


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"MEDASSIST_RASA_WORKERS": "2"}, "MEDASSIST_REDIS_URL"),
        ({"MEDASSIST_RASA_WORKERS": "0"}, "MEDASSIST_RASA_WORKERS"),
        ({"MEDASSIST_RASA_WORKERS": "1000", "MEDASSIST_REDIS_URL": "redis://r"}, "at most 64"),
        (
            {
                "MEDASSIST_RASA_WORKERS": "2",
                "MEDASSIST_REDIS_URL": "redis://r",
                "MEDASSIST_RASA_PORT": "5054",
                "MEDASSIST_ACTION_PORT": "5055",
            },
            "MEDASSIST_RASA_PORT",
        ),
        ({"MEDASSIST_REDIS_URL": "http://redis:6379"}, "MEDASSIST_REDIS_URL"),
        ({"MEDASSIST_EVENT_BROKER_URL": "rabbit"}, "MEDASSIST_EVENT_BROKER_URL"),
        ({"MEDASSIST_RASA_URL": "http://rasa-1:5005 rasa-2"}, "MEDASSIST_RASA_URL"),
        ({"MEDASSIST_ACTION_URL": "actions:5055"}, "MEDASSIST_ACTION_URL"),
        ({"MEDASSIST_FRONT_DOOR_URL": "ftp://door"}, "MEDASSIST_FRONT_DOOR_URL"),
        ({"MEDASSIST_HOST": "http://0.0.0.0"}, "MEDASSIST_HOST"),
    ],
)
def test_a_setting_that_cannot_be_used_names_its_key(
    environment: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        load_settings(environment)
    assert "\n" not in str(refused.value)


def test_a_password_in_an_address_is_not_repeated() -> None:
    for key in ("MEDASSIST_REDIS_URL", "MEDASSIST_EVENT_BROKER_URL"):
        with pytest.raises(SettingsError) as refused:
            load_settings({key: "mongo://user:hush@host"})
        assert "hush" not in str(refused.value)
    shown = repr(load_settings({"MEDASSIST_REDIS_URL": "redis://:hush@host"}))
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("host", "is_open"),
    [
        ("127.0.0.1", False), ("::1", False), ("localhost", False),
        ("0.0.0.0", True), ("::", True), ("10.0.0.4", True), ("door-1.clinic", True),
    ],
)  # fmt: skip
def test_an_address_is_open_when_others_can_reach_it(host: str, is_open: bool) -> None:
    assert load_settings({"MEDASSIST_HOST": host}).scaling.is_open == is_open


def test_a_conversation_keeps_to_one_server_and_every_server_gets_some() -> None:
    urls = ("http://a", "http://b", "http://c")
    names = [f"web-{number}" for number in range(300)]
    for name in names:
        assert preferred_for(name, urls) == preferred_for(name, urls)
        assert sorted(preferred_for(name, urls)) == sorted(urls)
    firsts = [preferred_for(name, urls)[0] for name in names]
    assert all(firsts.count(url) > 60 for url in urls)
