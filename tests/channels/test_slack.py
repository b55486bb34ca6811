"""Slack: its handshake, its retries, threads, buttons, and who is not answered."""

from __future__ import annotations

import json

import pytest

from tests.channels import said
from tests.channels.conftest import Clinic
from tests.channels.providers.slack import BOT_USER
from tests.conftest import wait_until


def test_the_challenge_is_answered_if_it_is_signed(clinic: Clinic) -> None:
    person = clinic.person("slack")
    body = json.dumps({"type": "url_verification", "challenge": "abc123"})
    answer = person.post(body)
    assert (answer.status_code, answer.text) == (200, "abc123")
    assert person.post(body, secret="another-signing-secret").status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_id": "B1"},
        {"user": BOT_USER},
        {"subtype": "message_changed"},
        {"subtype": "bot_message"},
        {"channel_type": "channel"},
        {"type": "reaction_added"},
        {"user": None},
    ],
)
def test_bots_edits_and_other_events_are_not_answered(clinic: Clinic, fields: dict) -> None:
    person = clinic.person("slack")
    assert person.post(json.dumps(person.event("hello", **fields))).status_code == 200
    assert not wait_until(lambda: clinic.turns.got, 0.4, 0.05)


def test_a_mention_is_answered_in_its_thread_once(clinic: Clinic, eventually) -> None:
    person = clinic.person("slack")
    person.room = "C0001"
    at = {"ts": "1700000000.000100", "channel_type": "channel"}
    mention = person.event(f"<@{BOT_USER}> what is baclofen?", type="app_mention", **at)
    same = person.event(f"<@{BOT_USER}> what is baclofen?", type="message", **at)
    assert person.post(json.dumps(same)).status_code == 200
    assert person.post(json.dumps(mention)).status_code == 200
    eventually(lambda: person.inbox == ["You said: what is baclofen?"])
    assert person.sent[0]["thread_ts"] == "1700000000.000100"


def test_direct_messages_are_one_conversation_without_threads(clinic: Clinic, eventually) -> None:
    person = clinic.person("slack")
    person.say("one")
    person.post(json.dumps(person.event("two", thread_ts="1700000000.000100")))
    eventually(lambda: len(person.sent) == 2)
    assert not any(m.get("thread_ts") for m in person.sent)
    assert len({conversation for conversation, _ in clinic.turns.got}) == 1


def test_a_button_sends_its_words(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.answer()]
    person = clinic.person("slack")
    person.say("hm")
    eventually(lambda: person.sent)
    person.press(person.sent[0], 1)
    eventually(lambda: clinic.turns.texts == ["hm", "Can I drink alcohol with baclofen?"])
    assert len({conversation for conversation, _ in clinic.turns.got}) == 1


def test_escaped_words_are_read_as_typed(clinic: Clinic, eventually) -> None:
    person = clinic.person("slack")
    person.say("is 5 &lt; 6 &amp;&amp; 7 &gt; 6?")
    eventually(lambda: clinic.turns.texts == ["is 5 < 6 && 7 > 6?"])


def test_a_very_long_choice_is_shortened_on_its_button_only(clinic: Clinic, eventually) -> None:
    choice = "what " * 30 + "end?"
    button = {"title": choice, "payload": choice}
    clinic.turns.script["hm"] = [{"text": "Which?", "buttons": [button]}]
    person = clinic.person("slack")
    person.say("hm")
    eventually(lambda: person.sent)
    person.press(person.sent[0], 0)
    eventually(lambda: clinic.turns.texts[-1] == choice)
    assert person.provider.wrong == []
