"""Without an action server Rasa runs the actions itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import yaml
from rasa.core.utils import AvailableEndpoints
from rasa_sdk.interfaces import ActionNotFoundException

import actions.base
from medassist.dialogue.own_actions import OwnActions, run_actions_here
from medassist.settings import ROOT
from tests.conftest import Bot


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[OwnActions]:
    """The actions, with a database that cannot be opened."""
    kept = (actions.base.settings, actions.base.database)
    monkeypatch.setenv("MEDASSIST_DATABASE_URL", f"sqlite:///{tmp_path}")
    for read_once in kept:
        read_once.cache_clear()
    yield OwnActions()
    for read_once in kept:
        read_once.cache_clear()


def call(action: str) -> dict[str, Any]:
    """What Rasa sends to an action server."""
    message = {"text": "what is it for", "intent": {"name": "ask_uses"}, "entities": []}
    tracker = {"sender_id": "a", "slots": {"medicine": "baclofen"}, "latest_message": message}
    return {"next_action": action, "sender_id": "a", "tracker": {**tracker, "events": []}}


def test_every_action_of_the_domain_is_here(own: OwnActions) -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    assert set(domain["actions"]) <= set(own._executor.actions)


def test_an_action_that_fails_says_its_fixed_words(own: OwnActions) -> None:
    said = asyncio.run(own.request(json=call("action_answer")))
    assert said is not None
    assert [reply["response"] for reply in said["responses"]] == ["utter_cannot_look_up"]
    assert said["events"] == []


def test_an_action_nobody_wrote_is_an_error_as_with_a_server(own: OwnActions) -> None:
    with pytest.raises(ActionNotFoundException):
        asyncio.run(own.request(json=call("action_of_nobody")))


def test_rasas_endpoints_lead_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AvailableEndpoints, "read_endpoints", AvailableEndpoints.read_endpoints)
    monkeypatch.setenv("MEDASSIST_INTERNAL_SECRET", "a-secret-of-some-length")
    run_actions_here()
    found = AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml"))
    assert isinstance(found.action, OwnActions)


def test_a_medassist_of_one_machine_has_no_action_server(bot: Bot, sender: str) -> None:
    parts = psutil.Process(bot.process.pid).children(recursive=True)
    commands = [" ".join(part.cmdline()) for part in parts]
    assert any("medassist.dialogue.serve" in command for command in commands)
    assert not any("actions.serve" in command for command in commands)
    assert "spasticity" in str(bot.say("what is baclofen used for", sender))
